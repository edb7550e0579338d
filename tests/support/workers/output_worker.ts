/**
 * A thread that sends outputs, numbered by `emittedAt`. It pauses now and then, so that the receiver goes to sleep.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { OutputSender } from "../../../engine/channel/output_ring.ts";
import { OutputWriter } from "../../../engine/channel/step_output.ts";
import { NO_COUNTERS } from "../../../engine/telemetry/executor_counters.ts";

const { memory, count } = workerData as { memory: SharedArrayBuffer; count: number };
const sender = new OutputSender(memory, (message) => parentPort!.postMessage(message));
const writer = new OutputWriter();
const pause = new Int32Array(new SharedArrayBuffer(4));
for (let index = 0; index < count; index++) {
  for (let tokenId = 0; tokenId < index % 5; tokenId++) writer.token(1, tokenId, 1, null, null);
  sender.send(writer.complete({ counters: NO_COUNTERS, emittedAt: index, watermark: 0 }));
  if (index % 40 === 0) Atomics.wait(pause, 0, 0, 1);
}
