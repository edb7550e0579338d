/**
 * A worker that exits, hangs, fails or throws, as selected by the name of its model folder.
 *
 * @module
 */
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { serializeError, UpbeatError } from "../../../errors.ts";
import { requestError } from "../../../engine/events/event_payloads.ts";
import type { OutboxMessage, WorkerStart } from "../../../engine/channel/messages.ts";
import type { EngineInfo } from "../../../engine/config/engine_info.ts";
import type { RequestUpdate } from "../../../engine/events/moment.ts";

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
  const updates: RequestUpdate[] = [
    { id: 1, moments: [{ type: "failure", time: 1, error: requestError(error, 1, false) }] },
  ];
  const delivery = { updates, counters: null, emittedAt: 1, settledUntil: 1 };
  post({ type: "updates", number: 1, delivery });
  sleep(300);
  post({ type: "failed", error: serializeError(error) });
}

const { modelFolder } = workerData as WorkerStart;
if (modelFolder === "exit") process.exit(3);
if (modelFolder === "hang") sleep();
if (modelFolder === "fail") failSlowly();
else throw new RangeError("uncaught error");
