import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { assertEquals } from "@std/assert";
import { openDevice } from "../../ffi/device.ts";

/** Start the worker; resolves with its message. */
function run(): Promise<unknown> {
  const worker = new Worker(new URL("./fill_worker.ts", import.meta.url));
  return new Promise<unknown>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  }).finally(() => worker.terminate());
}

test("several threads can each open the library and use a device at the same time", async () => {
  using device = openDevice({ threads: 1 });
  const stream = device.createStream();
  const [memory, host] = [device.allocate(64), device.allocateHost(64)];
  const workers = [run(), run()];
  for (let round = 0; round < 200; round++) {
    device.check(device.symbols.upbeat_memory_fill(stream, memory.pointer, round, 64));
    device.check(device.symbols.upbeat_copy_to_host(stream, host.pointer, memory.pointer, 64));
    device.synchronize(stream);
    assertEquals(new Uint8Array(host.view)[63], round);
  }
  assertEquals(await Promise.all(workers), [200, 200]);
});
