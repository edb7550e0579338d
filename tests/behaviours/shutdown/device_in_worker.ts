/**
 * A worker that opens a device and never closes it.
 *
 * @module
 */
import { parentPort } from "node:worker_threads";
import { openDevice } from "../../../ffi/device.ts";

const device = openDevice({ threads: 2 });
device.createStream();
device.allocate(1 << 20);
parentPort!.postMessage("ready");
setInterval(() => {}, 1000);
