/**
 * A thread that sends deliveries, numbered by `emittedAt`. It pauses now and then, so that the receiver goes to sleep.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { DeliverySender } from "../../../engine/channel/delivery_ring.ts";
import { NO_COUNTERS } from "../../../engine/telemetry/engine_stats.ts";

const { memory, count } = workerData as { memory: SharedArrayBuffer; count: number };
const sender = new DeliverySender(memory, (message) => parentPort!.postMessage(message));
const pause = new Int32Array(new SharedArrayBuffer(4));
for (let index = 0; index < count; index++) {
  const moments = Array.from({ length: index % 5 }, (_, tokenId) => ({ type: "token" as const, time: 1, tokenId }));
  const updates = [{ id: 1, moments }];
  sender.send({ updates, counters: NO_COUNTERS, emittedAt: index, settledUntil: 0, steps: undefined });
  if (index % 40 === 0) Atomics.wait(pause, 0, 0, 1);
}
