import { assertEquals, assertGreater, assertMatch, assertThrows } from "@std/assert";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import { STATUS, type SymbolName, SYMBOLS } from "../../../ffi/abi.ts";
import { openDevice } from "../../../ffi/device.ts";
import type { Device, HostMemory } from "../../../ffi/interface.ts";
import type { EventHandle, StreamHandle } from "../../../ffi/types.ts";
import { ScriptedDevice, type ScriptedDeviceOptions } from "./scripted_device.ts";

/** Pinned memory, seen as int32. */
interface Pinned {
  readonly memory: HostMemory;
  readonly ints: Int32Array;
}

/** An open device with a stream, and the ways between host and device. */
class Bench {
  readonly scripted: ScriptedDevice;
  readonly device: Device;
  readonly stream: StreamHandle;

  constructor(options: ScriptedDeviceOptions = {}) {
    this.scripted = new ScriptedDevice(options);
    this.device = openDevice({ library: this.scripted.library });
    this.stream = this.device.createStream();
  }

  /** Pinned memory with a number in it. */
  pinned(value: number): Pinned {
    const memory = this.device.allocateHost(64);
    const ints = new Int32Array(memory.view);
    ints[0] = value;
    return { memory, ints };
  }

  /** Enqueue the way of four bytes through the device and back. */
  roundTrip(source: Pinned): Int32Array {
    const { symbols } = this.device;
    const middle = this.device.allocate(64);
    const { memory, ints } = this.pinned(0);
    this.device.check(symbols.upbeat_copy_to_device(this.stream, middle.pointer, source.memory.pointer, 4));
    this.device.check(symbols.upbeat_copy_to_host(this.stream, memory.pointer, middle.pointer, 4));
    return ints;
  }

  /** An event that stands for all that was enqueued so far. */
  event(): EventHandle {
    const event = this.device.createEvent();
    this.device.check(this.device.symbols.upbeat_event_record(event, this.stream));
    return event;
  }
}

test("ScriptedDevice has every function of the ABI", () => {
  const { library } = new ScriptedDevice();
  for (const name of Object.keys(SYMBOLS) as SymbolName[]) assertEquals(typeof library.symbols[name], "function", name);
  assertEquals(Object.keys(library.symbols).sort(), Object.keys(SYMBOLS).sort());
});

test("late execution spoils a copy whose source is overwritten before anybody waited, others do not", () => {
  for (const [execution, expected] of [["late", 2], ["exact", 1], ["eager", 1]] as const) {
    const bench = new Bench({ execution });
    const source = bench.pinned(1);
    const result = bench.roundTrip(source);
    source.ints[0] = 2;
    bench.device.synchronize(bench.stream);
    assertEquals(result[0], expected, execution);
  }
});

test("late and exact execution leave an output stale until its event was waited for, eager does not", () => {
  for (const [execution, before] of [["late", 0], ["exact", 0], ["eager", 1]] as const) {
    const bench = new Bench({ execution, durations: { copy: 10 } });
    const result = bench.roundTrip(bench.pinned(1));
    const event = bench.event();
    assertEquals(result[0], before, execution);
    assertEquals(bench.device.waitEvent(event), true);
    assertEquals([result[0], bench.scripted.now()], [1, 0.02], execution);
  }
});

test("exact execution shows what has ended by now", () => {
  const bench = new Bench({ execution: "exact", durations: { copy: 10 }, costs: { upbeat_event_query: 15 } });
  const event = bench.device.createEvent();
  const result = bench.roundTrip(bench.pinned(1));
  bench.device.symbols.upbeat_event_query(event);
  assertEquals(result[0], 0);
  bench.device.symbols.upbeat_event_query(event);
  assertEquals(result[0], 1);
});

test("waiting for an event runs what is before it and nothing behind it", () => {
  const bench = new Bench();
  const first = bench.roundTrip(bench.pinned(1));
  const event = bench.event();
  const second = bench.roundTrip(bench.pinned(2));
  bench.device.waitEvent(event);
  assertEquals([first[0], second[0]], [1, 0]);
});

test("upbeat_event_wait honours its timeout, upbeat_event_query never waits", () => {
  const bench = new Bench({ durations: { copy: 1000 } });
  const result = bench.roundTrip(bench.pinned(1));
  const event = bench.event();
  assertEquals(bench.device.symbols.upbeat_event_query(event), 0);
  assertEquals(bench.device.waitEvent(event, 1500), false);
  assertEquals([result[0], bench.scripted.now()], [0, 1.5]);
  assertEquals(bench.device.waitEvent(event, 1500), true);
  assertEquals([result[0], bench.scripted.now()], [1, 2]);
  assertEquals(bench.device.symbols.upbeat_event_query(event), 1);
});

test("upbeat_event_elapsed tells the device's time, and refuses an event that was not reached", () => {
  const bench = new Bench({ durations: { copy: 10 }, costs: { upbeat_copy_to_host: 3 } });
  const start = bench.event();
  bench.roundTrip(bench.pinned(1));
  const end = bench.event();
  assertThrows(() => bench.device.elapsed(start, end), UpbeatError, "wait for it");
  bench.device.waitEvent(end);
  assertEquals(bench.device.elapsed(start, end), 20);
  assertThrows(() => bench.device.elapsed(start, bench.device.createEvent()), UpbeatError, "never recorded");
});

test("a stream that waits for another one's event goes on behind it", () => {
  const bench = new Bench({ durations: { copy: 10 } });
  const { symbols } = bench.device;
  const other = bench.device.createStream();
  const middle = bench.device.allocate(64);
  const source = bench.pinned(5);
  const target = bench.pinned(0);
  symbols.upbeat_copy_to_device(bench.stream, middle.pointer, source.memory.pointer, 4);
  bench.device.check(symbols.upbeat_stream_wait_event(other, bench.event()));
  symbols.upbeat_copy_to_host(other, target.memory.pointer, middle.pointer, 4);
  bench.device.synchronize(other);
  assertEquals([target.ints[0], bench.scripted.now()], [5, 0.02]);
});

test("a graph runs what was captured, as often as it is launched, on what is in memory then", () => {
  const bench = new Bench({ durations: { copy: 10 } });
  const source = bench.pinned(1);
  const { device, stream } = bench;
  let result: Int32Array = new Int32Array(0);
  const graph = device.capture(stream, () => {
    result = bench.roundTrip(source);
    assertEquals(device.symbols.upbeat_stream_synchronize(stream, -1), STATUS.INVALID_ARGUMENT);
    assertEquals(device.symbols.upbeat_event_record(device.createEvent(), stream), STATUS.INVALID_ARGUMENT);
    assertEquals(device.symbols.upbeat_graph_begin(stream), STATUS.INVALID_ARGUMENT);
  });
  device.synchronize(stream);
  assertEquals([result[0], bench.scripted.now()], [0, 0]);
  for (const value of [1, 2]) {
    source.ints[0] = value;
    device.check(device.symbols.upbeat_graph_launch(graph, stream));
    device.synchronize(stream);
    assertEquals([result[0], bench.scripted.now()], [value, value * 0.02]);
  }
  device.destroyGraph(graph);
  assertThrows(() => device.check(device.symbols.upbeat_graph_launch(graph, stream)), UpbeatError, "is not a graph");
});

test("calls are checked as the real libraries do", () => {
  const { device, stream } = new Bench();
  const memory = device.allocate(64);
  const host = device.allocateHost(64);
  const { symbols } = device;
  const refused = (status: number, message: RegExp) => {
    assertEquals(status, STATUS.INVALID_ARGUMENT);
    assertMatch(assertThrows(() => device.fail(status), UpbeatError).message, message);
  };
  refused(symbols.upbeat_copy_to_device(stream, memory.pointer, host.pointer, 65), /65 bytes are needed .* after 64/);
  refused(symbols.upbeat_copy_to_device(stream, host.pointer, memory.pointer, 4), /destination: must be device memory/);
  refused(symbols.upbeat_copy_to_host(stream, host.pointer, memory.at(64), 4), /ends after 0/);
  refused(symbols.upbeat_stream_synchronize(99 as StreamHandle, 0), /99 is not a stream/);
  refused(symbols.upbeat_graph_end(stream), /is not capturing/);
  const weight = device.createWeight(0, 4, 4);
  refused(symbols.upbeat_embedding(stream, weight, memory.pointer, 1, memory.pointer), /row 0 of 4 is missing/);
  refused(symbols.upbeat_silu_multiply(stream, memory.pointer, 2, 4, memory.at(32)), /must not overlap/);
});

test("usage and live resources go back to zero, and memory runs out", () => {
  const { scripted, device, stream } = new Bench({ memoryBytes: 1024 });
  device.createWeight(0, 4, 4);
  using memory = device.allocate(512);
  assertEquals(device.usage(), { device: 512, host: 0, weights: 64 });
  assertEquals(assertThrows(() => device.allocateHost(512), UpbeatError).code, "DEVICE_OUT_OF_MEMORY");
  memory.free();
  assertEquals(device.usage().device, 0);
  device.destroyStream(stream);
  device.close();
  assertEquals(scripted.live, { allocations: 0, streams: 0, events: 0, graphs: 0, weights: 0 });
});

test("freeing memory that enqueued work or a graph uses is a violation", () => {
  const bench = new Bench();
  const source = bench.pinned(1);
  bench.roundTrip(source);
  source.memory.free();
  assertMatch(bench.scripted.violations.join(), /host memory \d+ is freed while upbeat_copy_to_device is enqueued/);

  const other = new Bench();
  const captured = other.pinned(1);
  other.device.capture(other.stream, () => void other.roundTrip(captured));
  captured.memory.free();
  assertMatch(other.scripted.violations.join(), /freed while a graph uses it/);
});

test("gaps are the times in which the stream had run dry before more work came", () => {
  const bench = new Bench({ durations: { copy: 10 } });
  bench.roundTrip(bench.pinned(1));
  bench.roundTrip(bench.pinned(1));
  bench.device.synchronize(bench.stream);
  assertEquals(bench.scripted.accounting.gaps, []);
  bench.scripted.spend(5);
  bench.roundTrip(bench.pinned(1));
  bench.device.synchronize(bench.stream);
  const { gaps, gapCount, idleTime, busyTime } = bench.scripted.accounting;
  assertEquals(gaps, [{ from: 0.04, to: 0.045 }]);
  assertEquals([gapCount, idleTime.toFixed(6), busyTime.toFixed(6)], [1, "0.005000", "0.060000"]);
  assertEquals(bench.scripted.accounting.calls("upbeat_copy_to_host"), 3);
  bench.scripted.accounting.reset();
  assertEquals([bench.scripted.accounting.gapCount, bench.scripted.accounting.busyTime], [0, 0]);
});

test("a fault is told by the next wait and by every later one, and the work behind it is skipped", () => {
  const bench = new Bench({ durations: { copy: 10 }, failures: [{ at: "copy", call: 2, kind: "fault" }] });
  const { device, stream } = bench;
  const result = bench.roundTrip(bench.pinned(1));
  const behind = bench.roundTrip(bench.pinned(2));
  const event = bench.event();
  for (let index = 0; index < 2; index++) {
    assertEquals(assertThrows(() => device.waitEvent(event), UpbeatError).code, "DEVICE_FAULT");
    assertEquals(assertThrows(() => device.synchronize(stream), UpbeatError).code, "DEVICE_FAULT");
    assertEquals(device.symbols.upbeat_event_query(event), STATUS.FAULT);
  }
  assertEquals([result[0], behind[0], bench.scripted.now()], [0, 0, 0.02]);
  device.close();
});

test("a fault does not concern an event before it", () => {
  const bench = new Bench();
  const result = bench.roundTrip(bench.pinned(1));
  const event = bench.event();
  bench.device.symbols.upbeat_stream_inject_fault(bench.stream);
  assertEquals([bench.device.waitEvent(event), result[0]], [true, 1]);
  assertThrows(() => bench.device.synchronize(bench.stream), UpbeatError, "asked for this fault");
});

test("stalled work never ends, and an error is the call's own", () => {
  const bench = new Bench({
    failures: [{ at: "copy", call: 3, kind: "stall" }, { at: "allocation", call: 5, kind: "error" }],
  });
  const first = bench.roundTrip(bench.pinned(1));
  const middle = bench.device.allocate(64);
  assertEquals(assertThrows(() => bench.pinned(1), UpbeatError).code, "DEVICE_OUT_OF_MEMORY");
  bench.device.symbols.upbeat_copy_on_device(bench.stream, middle.pointer, middle.at(32), 4);
  assertEquals(bench.device.synchronize(bench.stream, 1_000_000), false);
  assertEquals([first[0], bench.scripted.now()], [1, 1000]);
  assertEquals(bench.device.symbols.upbeat_stream_synchronize(bench.stream, -1), STATUS.INTERNAL);
  bench.device.close();
});

test("the real clock waits and works as long as it says", () => {
  const bench = new Bench({ clock: "real", durations: { copy: 2000 }, costs: { upbeat_copy_to_device: 1000 } });
  const start = performance.now();
  const result = bench.roundTrip(bench.pinned(1));
  assertGreater(performance.now() - start, 0.999);
  bench.device.synchronize(bench.stream);
  // The first copy begins after its cost of 1 ms, and the second one ends 4 ms later.
  assertGreater(performance.now() - start, 4.999);
  assertEquals(result[0], 1);
});
