/**
 * A worker that opens a device, computes on it, and posts the number of its 200 rounds whose result is right.
 *
 * @module
 */

import { parentPort } from "node:worker_threads";
import { openDevice } from "../../ffi/device.ts";

using device = openDevice({ threads: 1 });
const stream = device.createStream();
const [memory, host] = [device.allocate(64), device.allocateHost(64)];
let right = 0;
for (let round = 0; round < 200; round++) {
  device.check(device.symbols.upbeat_memory_fill(stream, memory.pointer, round, 64));
  device.check(device.symbols.upbeat_copy_to_host(stream, host.pointer, memory.pointer, 64));
  device.synchronize(stream);
  if (new Uint8Array(host.view)[63] === round) right++;
}
parentPort?.postMessage(right);
