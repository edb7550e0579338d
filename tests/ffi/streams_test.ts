import { test } from "node:test";
import { assert, assertEquals, assertGreaterOrEqual, assertStringIncludes, assertThrows } from "@std/assert";
import { type ErrorCode, UpbeatError } from "../../errors.ts";
import {
  type Device,
  type DeviceMemory,
  type EventHandle,
  type GraphHandle,
  type HostMemory,
  openDevice,
  type StreamHandle,
} from "../../ffi/device.ts";

const BYTES = 1 << 20;

/** A device with a stream, and memory to copy between. */
interface Setup {
  readonly device: Device;
  readonly stream: StreamHandle;
  readonly memory: DeviceMemory;
  readonly host: HostMemory;
}

function withSetup(body: (setup: Setup) => void): void {
  using device = openDevice({ threads: 1 });
  body({ device, stream: device.createStream(), memory: device.allocate(BYTES), host: device.allocateHost(BYTES) });
}

function assertFails(code: ErrorCode, body: () => unknown): UpbeatError {
  const error = assertThrows(body, UpbeatError);
  assertEquals(error.code, code, error.message);
  return error;
}

/** Enqueue a fill of the memory. */
function fill({ device, stream, memory }: Setup, value: number): void {
  device.check(device.symbols.upbeat_memory_fill(stream, memory.pointer, value, BYTES));
}

/** Wait, and return the first byte of the memory. */
function firstByte({ device, stream, memory, host }: Setup): number {
  device.check(device.symbols.upbeat_copy_to_host(stream, host.pointer, memory.pointer, 1));
  device.synchronize(stream);
  return new Uint8Array(host.view)[0]!;
}

test("an event that was never recorded counts as passed, and delays nothing", () => {
  withSetup((setup) => {
    const { device, stream } = setup;
    const event = device.createEvent();
    assertEquals(device.symbols.upbeat_event_query(event), 1);
    assertEquals(device.waitEvent(event, 0), true);
    device.check(device.symbols.upbeat_stream_wait_event(stream, event));
    fill(setup, 3);
    assertEquals(firstByte(setup), 3);
    device.destroyEvent(event);
  });
});

test("an event passes when the work enqueued before it is done, and not before", () => {
  withSetup((setup) => {
    const { device, stream } = setup;
    const event = device.createEvent();
    let waited = false;
    // A wait of no time finds the work unfinished, unless this thread was descheduled for as long as the work takes.
    for (let attempt = 0; attempt < 10 && !waited; attempt++) {
      for (let i = 0; i < 400; i++) fill(setup, i);
      device.check(device.symbols.upbeat_event_record(event, stream));
      waited = !device.waitEvent(event, 0) && device.symbols.upbeat_event_query(event) === 0;
      assertEquals(device.waitEvent(event), true);
      assertEquals(device.symbols.upbeat_event_query(event), 1);
      assertEquals(firstByte(setup), 399 & 255);
    }
    assert(waited);
  });
});

test("Device.elapsed() is the time between two passed events", () => {
  withSetup((setup) => {
    const { device, stream } = setup;
    const [start, end] = [device.createEvent(), device.createEvent()];
    assertFails("DEVICE_INVALID_ARGUMENT", () => device.elapsed(start, end));
    device.check(device.symbols.upbeat_event_record(start, stream));
    fill(setup, 1);
    device.check(device.symbols.upbeat_event_record(end, stream));
    device.waitEvent(end);
    assertGreaterOrEqual(device.elapsed(start, end), 0);
    assert(device.elapsed(start, end) < 60e6);
  });
});

test("a stream waits for an event of another stream", () => {
  withSetup((setup) => {
    const { device, stream, memory, host } = setup;
    const { symbols } = device;
    const other = device.createStream();
    const event = device.createEvent();
    for (let round = 1; round <= 20; round++) {
      fill(setup, 0);
      fill(setup, round);
      device.check(symbols.upbeat_event_record(event, stream));
      device.check(symbols.upbeat_stream_wait_event(other, event));
      device.check(symbols.upbeat_copy_to_host(other, host.pointer, memory.pointer, BYTES));
      device.synchronize(other);
      assertEquals([new Uint8Array(host.view)[0], new Uint8Array(host.view)[BYTES - 1]], [round, round]);
    }
    device.destroyStream(other);
  });
});

test("Device.capture() records work that runs at each launch of the graph", () => {
  withSetup((setup) => {
    const { device, stream } = setup;
    fill(setup, 1);
    const graph = device.capture(stream, () => fill(setup, 9));
    assertEquals(firstByte(setup), 1);
    for (let i = 0; i < 3; i++) {
      fill(setup, 2);
      device.check(device.symbols.upbeat_graph_launch(graph, stream));
      assertEquals(firstByte(setup), 9);
    }
    device.destroyGraph(graph);
    assertFails(
      "DEVICE_INVALID_ARGUMENT",
      () => device.check(device.symbols.upbeat_graph_launch(graph, stream)),
    );
  });
});

test("Device.capture() drops the capture when enqueue() throws", () => {
  withSetup((setup) => {
    const { device, stream } = setup;
    fill(setup, 4);
    const cause = new RangeError("no");
    let thrown: unknown;
    try {
      device.capture(stream, () => {
        fill(setup, 5);
        throw cause;
      });
    } catch (error) {
      thrown = error;
    }
    assertEquals(thrown, cause);
    assertEquals(firstByte(setup), 4);
    device.destroyGraph(device.capture(stream, () => fill(setup, 6)));
  });
});

test("a capturing stream refuses waits and records", () => {
  withSetup((setup) => {
    const { device, stream } = setup;
    const event = device.createEvent();
    const graph = device.capture(stream, () => {
      assertFails("DEVICE_INVALID_ARGUMENT", () => device.synchronize(stream));
      assertFails(
        "DEVICE_INVALID_ARGUMENT",
        () => device.check(device.symbols.upbeat_event_record(event, stream)),
      );
      assertFails("DEVICE_INVALID_ARGUMENT", () => device.capture(stream, () => {}));
    });
    device.destroyGraph(graph);
    assertFails("DEVICE_INVALID_ARGUMENT", () => device.check(device.symbols.upbeat_graph_end(stream)));
  });
});

test("handles of nothing, or of another kind, are refused with the argument's name", () => {
  withSetup(({ device, stream }) => {
    const { symbols } = device;
    const event = device.createEvent();
    const calls: [string, () => number][] = [
      ["stream", () => symbols.upbeat_stream_synchronize(999_999 as StreamHandle, 0)],
      ["stream", () => symbols.upbeat_stream_synchronize(0 as StreamHandle, 0)],
      ["stream", () => symbols.upbeat_stream_synchronize(-1 as StreamHandle, 0)],
      ["stream", () => symbols.upbeat_stream_synchronize(event as number as StreamHandle, 0)],
      ["event", () => symbols.upbeat_event_wait(stream as number as EventHandle, 0)],
      ["graph", () => symbols.upbeat_graph_launch(event as number as GraphHandle, stream)],
    ];
    for (const [name, call] of calls) {
      const error = assertFails("DEVICE_INVALID_ARGUMENT", () => device.check(call()));
      assertStringIncludes(error.message, name);
    }
    device.destroyEvent(event);
    assertFails("DEVICE_INVALID_ARGUMENT", () => device.waitEvent(event));
  });
});

test("a fault is sticky until the device is closed, and does not affect other devices", () => {
  withSetup((setup) => {
    const { device, stream } = setup;
    const other = openDevice({ threads: 1 });
    const otherStream = other.createStream();
    const event = device.createEvent();
    device.check(device.symbols.upbeat_stream_inject_fault(stream));
    device.check(device.symbols.upbeat_event_record(event, stream));
    assertFails("DEVICE_FAULT", () => device.synchronize(stream));
    assertFails("DEVICE_FAULT", () => device.waitEvent(event));
    assertFails("DEVICE_FAULT", () => device.synchronize(stream));
    assertEquals(other.synchronize(otherStream), true);
    other.close();
  });
  withSetup((setup) => {
    fill(setup, 8);
    assertEquals(firstByte(setup), 8);
  });
});
