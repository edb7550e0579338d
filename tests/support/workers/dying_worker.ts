/**
 * A worker that exits, hangs, fails or throws, as selected by the name of its model folder.
 *
 * @module
 */
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { serializeError, UpbeatError } from "../../../errors.ts";
import { requestError } from "../../../engine/events/events.ts";
import type { OutboxMessage, WorkerStart } from "../../../engine/channel/messages.ts";
import type { EngineInfo } from "../../../engine/config/engine_info.ts";
import { OutputWriter } from "../../../engine/channel/step_output.ts";

function post(message: OutboxMessage): void {
  parentPort!.postMessage(message);
}

function sleep(milliseconds?: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Fails its requests some time before it reports its own end. */
function failSlowly(): void {
  post({ type: "ready", info: {} as EngineInfo });
  const error = new UpbeatError("DEVICE_FAULT", "the device faulted");
  const writer = new OutputWriter();
  const payload = requestError(error, 1, false);
  writer.event({ requestId: 1, type: "ERROR_NONTRANSIENT", timestamp: 1, payload });
  post({ type: "output", order: 1, output: writer.complete({ counters: null, emittedAt: 1, watermark: 1 }, true) });
  sleep(300);
  post({ type: "failed", error: serializeError(error) });
}

const { modelFolder } = workerData as WorkerStart;
if (modelFolder === "exit") process.exit(3);
if (modelFolder === "hang") sleep();
if (modelFolder === "fail") failSlowly();
else throw new RangeError("uncaught error");
