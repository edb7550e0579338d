import { test } from "node:test";
import { assert, assertEquals, assertGreater, assertMatch, assertThrows } from "@std/assert";
import { type ErrorCode, UpbeatError } from "../../errors.ts";
import { type Device, DTYPE, openDevice, STATUS, type StreamHandle } from "../../ffi/device.ts";

/** Run with an open device and a stream; the device is closed afterwards. */
function withDevice(body: (device: Device, stream: StreamHandle) => void): void {
  using device = openDevice({ threads: 2 });
  body(device, device.createStream());
}

function assertFails(code: ErrorCode, body: () => unknown): UpbeatError {
  const error = assertThrows(body, UpbeatError);
  assertEquals(error.code, code, error.message);
  assertGreater(error.message.length, 10);
  return error;
}

/** `count` bytes with a long period. */
function pattern(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (i * 7 + (i >> 8)) & 255);
}

test("Device.info() describes the device", () => {
  withDevice((device) => {
    const info = device.info();
    assertGreater(info.name.length, 0);
    assertGreater(info.cores, 0);
    assertGreater(info.memoryTotal, info.memoryFree);
    assertGreater(info.memoryFree, 0);
    if (info.library === "cpu") {
      assertEquals(info.threads, 2);
      assertEquals(typeof info.instructionSet, "string");
    } else {
      assertEquals(info.library, "cuda");
      assertMatch(info.computeCapability ?? "", /^\d+\.\d$/);
    }
  });
});

test("openDevice() refuses an index, a thread count or an instruction set that the machine lacks", () => {
  assertFails("DEVICE_UNAVAILABLE", () => openDevice({ index: 99 }));
  assertFails("DEVICE_INVALID_ARGUMENT", () => openDevice({ threads: -1 }));
  withDevice((device) => {
    const foreign = device.info().instructionSet === "NEON" ? "AVX2" : "NEON";
    assertFails("DEVICE_UNAVAILABLE", () => openDevice({ simd: foreign }));
  });
});

test("Device.allocate() returns zeroed, aligned memory, which usage() counts until it is freed", () => {
  withDevice((device, stream) => {
    assertEquals(device.usage(), { device: 0, host: 0, weights: 0 });
    const memory = device.allocate(5000);
    const host = device.allocateHost(5000);
    const weight = device.createWeight(DTYPE.F32, 40, 30);
    const usage = device.usage();
    assert(usage.device >= 5000 && usage.host >= 5000 && usage.weights >= 4800, JSON.stringify(usage));
    assertEquals([memory.address % 64, host.address % 64], [0, 0]);
    assertEquals(host.view.byteLength, 5000);
    assert(new Uint8Array(host.view).every((byte) => byte === 0));
    new Uint8Array(host.view).fill(1);
    device.check(device.symbols.upbeat_copy_to_host(stream, host.pointer, memory.pointer, 5000));
    device.synchronize(stream);
    assert(new Uint8Array(host.view).every((byte) => byte === 0));
    memory.free();
    host.free();
    device.destroyWeight(weight);
    assertEquals(device.usage(), { device: 0, host: 0, weights: 0 });
  });
});

test("Device.allocate() refuses invalid sizes, and sizes that do not fit", () => {
  withDevice((device) => {
    for (const bytes of [0, -1]) assertFails("DEVICE_INVALID_ARGUMENT", () => device.allocate(bytes));
    for (const bytes of [1.5, NaN, Infinity]) assertFails("DEVICE_INVALID_ARGUMENT", () => device.allocate(bytes));
    assertFails("DEVICE_OUT_OF_MEMORY", () => device.allocate(2 ** 50));
    assertFails("DEVICE_OUT_OF_MEMORY", () => device.allocateHost(2 ** 50));
    assertEquals(device.usage(), { device: 0, host: 0, weights: 0 });
  });
});

test("HostMemory.free() detaches its view, so that stale arrays are empty", () => {
  withDevice((device) => {
    const host = device.allocateHost(64);
    const numbers = new Float32Array(host.view, 16, 4);
    numbers[0] = 1.5;
    host.free();
    host.free();
    assertEquals([host.view.byteLength, numbers.length], [0, 0]);
    assertEquals(device.usage().host, 0);
  });
});

test("DeviceMemory.at() points into the memory, and refuses offsets out of range", () => {
  withDevice((device, stream) => {
    const bytes = pattern(256);
    using host = device.allocateHost(256);
    new Uint8Array(host.view).set(bytes);
    using memory = device.allocate(256);
    device.check(device.symbols.upbeat_copy_to_device(stream, memory.at(64), host.at(16), 100));
    device.check(device.symbols.upbeat_copy_to_host(stream, host.at(128), memory.at(60), 104));
    device.synchronize(stream);
    assertEquals(new Uint8Array(host.view, 128, 104), Uint8Array.from([0, 0, 0, 0, ...bytes.subarray(16, 116)]));
    memory.at(256);
    for (const offset of [-1, 257, 0.5, NaN]) assertFails("DEVICE_INVALID_ARGUMENT", () => memory.at(offset));
  });
});

test("copies and fills preserve bytes, in the order of the stream", () => {
  withDevice((device, stream) => {
    const { symbols } = device;
    const size = 100_003;
    const bytes = pattern(size);
    using up = device.allocateHost(size);
    using down = device.allocateHost(size);
    using first = device.allocate(size);
    using second = device.allocate(size);
    new Uint8Array(up.view).set(bytes);
    device.check(symbols.upbeat_copy_to_device(stream, first.pointer, up.pointer, size));
    device.check(symbols.upbeat_copy_on_device(stream, second.pointer, first.pointer, size));
    device.check(symbols.upbeat_memory_fill(stream, second.at(10), 0x1ff, 20));
    device.check(symbols.upbeat_copy_to_host(stream, down.pointer, second.pointer, size));
    assertEquals(device.synchronize(stream), true);
    assertEquals(new Uint8Array(down.view), bytes.fill(255, 10, 30));
  });
});

test("Device.close() frees everything, and does nothing the second time", () => {
  const device = openDevice({ threads: 1 });
  const host = device.allocateHost(128);
  const memory = device.allocate(128);
  device.createStream();
  device.createEvent();
  device.createWeight(DTYPE.BF16, 4, 4);
  assertEquals(device.closed, false);
  device.close();
  device.close();
  assertEquals(device.closed, true);
  assertEquals(host.view.byteLength, 0);
  host.free();
  memory.free();
  assertFails("DEVICE_INVALID_ARGUMENT", () => device.info());
  assertFails("DEVICE_INVALID_ARGUMENT", () => device.allocate(64));
});

test("Device.fail() throws the code of each status", () => {
  withDevice((device) => {
    const codes: [number, ErrorCode][] = [
      [STATUS.INVALID_ARGUMENT, "DEVICE_INVALID_ARGUMENT"],
      [STATUS.OUT_OF_MEMORY, "DEVICE_OUT_OF_MEMORY"],
      [STATUS.UNAVAILABLE, "DEVICE_UNAVAILABLE"],
      [STATUS.FILE, "WEIGHTS_INVALID"],
      [STATUS.FAULT, "DEVICE_FAULT"],
      [STATUS.INTERNAL, "INTERNAL"],
      [-77, "INTERNAL"],
    ];
    for (const [status, code] of codes) {
      const error = assertThrows(() => device.fail(status), UpbeatError);
      assertEquals([error.code, error.details["status"]], [code, status]);
    }
    assertEquals(device.check(3), 3);
  });
});
