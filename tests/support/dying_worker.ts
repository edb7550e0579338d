/**
 * A worker that dies, or hangs, before it is ready, in the way that its model folder names.
 *
 * @module
 */
import process from "node:process";
import { workerData } from "node:worker_threads";
import type { WorkerStart } from "../../engine/protocol.ts";

const { modelFolder } = workerData as WorkerStart;
if (modelFolder === "exit") process.exit(3);
if (modelFolder === "hang") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
throw new RangeError("nobody catches this");
