import { assertEquals, assertGreater, assertMatch, assertThrows } from "@std/assert";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import { STATUS, type SymbolName, SYMBOLS } from "../../../ffi/abi.ts";
import { openDevice } from "../../../ffi/device.ts";
import type { Device, HostMemory } from "../../../ffi/interface.ts";
import type { EventHandle, StreamHandle } from "../../../ffi/types.ts";
import { ScriptedDevice, type ScriptedDeviceOptions } from "./scripted_device.ts";

/** Pinned memory with a view of it as int32. */
interface Pinned {
  readonly memory: HostMemory;
  readonly ints: Int32Array;
}

/** An open device with a stream, and copies between host and device. */
class Fixture {
  readonly scripted: ScriptedDevice;
  readonly device: Device;
  readonly stream: StreamHandle;

  constructor(options: ScriptedDeviceOptions = {}) {
    this.scripted = new ScriptedDevice(options);
    this.device = openDevice({ library: this.scripted.library });
    this.stream = this.device.createStream();
  }

  /** Pinned memory that starts with a value. */
  pinned(value: number): Pinned {
    const memory = this.device.allocateHost(64);
    const ints = new Int32Array(memory.view);
    ints[0] = value;
    return { memory, ints };
  }

  /** Enqueues copies of four bytes to the device and back. */
  roundTrip(source: Pinned): Int32Array {
    const { symbols } = this.device;
    const middle = this.device.allocate(64);
    const { memory, ints } = this.pinned(0);
    this.device.check(symbols.upbeat_copy_to_device(this.stream, middle.pointer, source.memory.pointer, 4));
    this.device.check(symbols.upbeat_copy_to_host(this.stream, memory.pointer, middle.pointer, 4));
    return ints;
  }

  /** An event recorded after all work enqueued so far. */
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

test("only late execution corrupts a copy whose source is overwritten before the wait", () => {
  for (const [execution, expected] of [["late", 2], ["exact", 1], ["eager", 1]] as const) {
    const fixture = new Fixture({ execution });
    const source = fixture.pinned(1);
    const result = fixture.roundTrip(source);
    source.ints[0] = 2;
    fixture.device.synchronize(fixture.stream);
    assertEquals(result[0], expected, execution);
  }
});

test("late and exact execution leave an output stale until the wait for its event, eager does not", () => {
  for (const [execution, before] of [["late", 0], ["exact", 0], ["eager", 1]] as const) {
    const fixture = new Fixture({ execution, durations: { copy: 10 } });
    const result = fixture.roundTrip(fixture.pinned(1));
    const event = fixture.event();
    assertEquals(result[0], before, execution);
    assertEquals(fixture.device.waitEvent(event), true);
    assertEquals([result[0], fixture.scripted.now()], [1, 0.02], execution);
  }
});

test("exact execution applies the work that has ended by now", () => {
  const fixture = new Fixture({ execution: "exact", durations: { copy: 10 }, costs: { upbeat_event_query: 15 } });
  const event = fixture.device.createEvent();
  const result = fixture.roundTrip(fixture.pinned(1));
  fixture.device.symbols.upbeat_event_query(event);
  assertEquals(result[0], 0);
  fixture.device.symbols.upbeat_event_query(event);
  assertEquals(result[0], 1);
});

test("upbeat_event_wait runs the work before the event and none after it", () => {
  const fixture = new Fixture();
  const first = fixture.roundTrip(fixture.pinned(1));
  const event = fixture.event();
  const second = fixture.roundTrip(fixture.pinned(2));
  fixture.device.waitEvent(event);
  assertEquals([first[0], second[0]], [1, 0]);
});

test("upbeat_event_wait honours its timeout, upbeat_event_query never waits", () => {
  const fixture = new Fixture({ durations: { copy: 1000 } });
  const result = fixture.roundTrip(fixture.pinned(1));
  const event = fixture.event();
  assertEquals(fixture.device.symbols.upbeat_event_query(event), 0);
  assertEquals(fixture.device.waitEvent(event, 1500), false);
  assertEquals([result[0], fixture.scripted.now()], [0, 1.5]);
  assertEquals(fixture.device.waitEvent(event, 1500), true);
  assertEquals([result[0], fixture.scripted.now()], [1, 2]);
  assertEquals(fixture.device.symbols.upbeat_event_query(event), 1);
});

test("upbeat_event_elapsed returns the device's time, and rejects an event that has not passed", () => {
  const fixture = new Fixture({ durations: { copy: 10 }, costs: { upbeat_copy_to_host: 3 } });
  const start = fixture.event();
  fixture.roundTrip(fixture.pinned(1));
  const end = fixture.event();
  assertThrows(() => fixture.device.elapsed(start, end), UpbeatError, "wait for it");
  fixture.device.waitEvent(end);
  assertEquals(fixture.device.elapsed(start, end), 20);
  assertThrows(() => fixture.device.elapsed(start, fixture.device.createEvent()), UpbeatError, "never recorded");
});

test("upbeat_stream_wait_event orders work after another stream's event", () => {
  const fixture = new Fixture({ durations: { copy: 10 } });
  const { symbols } = fixture.device;
  const other = fixture.device.createStream();
  const middle = fixture.device.allocate(64);
  const source = fixture.pinned(5);
  const target = fixture.pinned(0);
  symbols.upbeat_copy_to_device(fixture.stream, middle.pointer, source.memory.pointer, 4);
  fixture.device.check(symbols.upbeat_stream_wait_event(other, fixture.event()));
  symbols.upbeat_copy_to_host(other, target.memory.pointer, middle.pointer, 4);
  fixture.device.synchronize(other);
  assertEquals([target.ints[0], fixture.scripted.now()], [5, 0.02]);
});

test("upbeat_graph_launch runs the captured work each time on the current memory", () => {
  const fixture = new Fixture({ durations: { copy: 10 } });
  const source = fixture.pinned(1);
  const { device, stream } = fixture;
  let result: Int32Array = new Int32Array(0);
  const graph = device.capture(stream, () => {
    result = fixture.roundTrip(source);
    assertEquals(device.symbols.upbeat_stream_synchronize(stream, -1), STATUS.INVALID_ARGUMENT);
    assertEquals(device.symbols.upbeat_event_record(device.createEvent(), stream), STATUS.INVALID_ARGUMENT);
    assertEquals(device.symbols.upbeat_graph_begin(stream), STATUS.INVALID_ARGUMENT);
  });
  device.synchronize(stream);
  assertEquals([result[0], fixture.scripted.now()], [0, 0]);
  for (const value of [1, 2]) {
    source.ints[0] = value;
    device.check(device.symbols.upbeat_graph_launch(graph, stream));
    device.synchronize(stream);
    assertEquals([result[0], fixture.scripted.now()], [value, value * 0.02]);
  }
  device.destroyGraph(graph);
  assertThrows(() => device.check(device.symbols.upbeat_graph_launch(graph, stream)), UpbeatError, "is not a graph");
});

test("calls check their arguments like the real libraries", () => {
  const { device, stream } = new Fixture();
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

test("upbeat_device_usage and live resources return to zero, and memory runs out", () => {
  const { scripted, device, stream } = new Fixture({ memoryBytes: 1024 });
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

test("freeing memory in use by enqueued work or a graph is a violation", () => {
  const fixture = new Fixture();
  const source = fixture.pinned(1);
  fixture.roundTrip(source);
  source.memory.free();
  assertMatch(fixture.scripted.violations.join(), /host memory \d+ is freed while upbeat_copy_to_device is enqueued/);

  const other = new Fixture();
  const captured = other.pinned(1);
  other.device.capture(other.stream, () => void other.roundTrip(captured));
  captured.memory.free();
  assertMatch(other.scripted.violations.join(), /freed while a graph uses it/);
});

test("gaps are the times when the stream was empty before more work was enqueued", () => {
  const fixture = new Fixture({ durations: { copy: 10 } });
  fixture.roundTrip(fixture.pinned(1));
  fixture.roundTrip(fixture.pinned(1));
  fixture.device.synchronize(fixture.stream);
  assertEquals(fixture.scripted.accounting.gaps, []);
  fixture.scripted.spend(5);
  fixture.roundTrip(fixture.pinned(1));
  fixture.device.synchronize(fixture.stream);
  const { gaps, gapCount, idleTime, busyTime } = fixture.scripted.accounting;
  assertEquals(gaps, [{ from: 0.04, to: 0.045 }]);
  assertEquals([gapCount, idleTime.toFixed(6), busyTime.toFixed(6)], [1, "0.005000", "0.060000"]);
  assertEquals(fixture.scripted.accounting.calls("upbeat_copy_to_host"), 3);
  fixture.scripted.accounting.reset();
  assertEquals([fixture.scripted.accounting.gapCount, fixture.scripted.accounting.busyTime], [0, 0]);
});

test("a fault is returned by the next wait and every later one, and the work after it is skipped", () => {
  const fixture = new Fixture({ durations: { copy: 10 }, failures: [{ at: "copy", call: 2, kind: "fault" }] });
  const { device, stream } = fixture;
  const result = fixture.roundTrip(fixture.pinned(1));
  const later = fixture.roundTrip(fixture.pinned(2));
  const event = fixture.event();
  for (let index = 0; index < 2; index++) {
    assertEquals(assertThrows(() => device.waitEvent(event), UpbeatError).code, "DEVICE_FAULT");
    assertEquals(assertThrows(() => device.synchronize(stream), UpbeatError).code, "DEVICE_FAULT");
    assertEquals(device.symbols.upbeat_event_query(event), STATUS.FAULT);
  }
  assertEquals([result[0], later[0], fixture.scripted.now()], [0, 0, 0.02]);
  device.close();
});

test("a fault does not affect an event before it", () => {
  const fixture = new Fixture();
  const result = fixture.roundTrip(fixture.pinned(1));
  const event = fixture.event();
  fixture.device.symbols.upbeat_stream_inject_fault(fixture.stream);
  assertEquals([fixture.device.waitEvent(event), result[0]], [true, 1]);
  assertThrows(() => fixture.device.synchronize(fixture.stream), UpbeatError, "asked for this fault");
});

test("stalled work never ends, and an error is returned by the call itself", () => {
  const fixture = new Fixture({
    failures: [{ at: "copy", call: 3, kind: "stall" }, { at: "allocation", call: 5, kind: "error" }],
  });
  const first = fixture.roundTrip(fixture.pinned(1));
  const middle = fixture.device.allocate(64);
  assertEquals(assertThrows(() => fixture.pinned(1), UpbeatError).code, "DEVICE_OUT_OF_MEMORY");
  fixture.device.symbols.upbeat_copy_on_device(fixture.stream, middle.pointer, middle.at(32), 4);
  assertEquals(fixture.device.synchronize(fixture.stream, 1_000_000), false);
  assertEquals([first[0], fixture.scripted.now()], [1, 1000]);
  assertEquals(fixture.device.symbols.upbeat_stream_synchronize(fixture.stream, -1), STATUS.INTERNAL);
  fixture.device.close();
});

test("the real clock takes the scripted times", () => {
  const fixture = new Fixture({ clock: "real", durations: { copy: 2000 }, costs: { upbeat_copy_to_device: 1000 } });
  const start = performance.now();
  const result = fixture.roundTrip(fixture.pinned(1));
  assertGreater(performance.now() - start, 0.999);
  fixture.device.synchronize(fixture.stream);
  // The first copy begins after its cost of 1 ms, and the second one ends 4 ms later.
  assertGreater(performance.now() - start, 4.999);
  assertEquals(result[0], 1);
});
