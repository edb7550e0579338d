import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import { DeviceTimer } from "../../../engine/runner/device_timer.ts";
import type { Device } from "../../../ffi/interface.ts";

/** An idle device: an event passes when it is recorded. Time advances only as a test says. */
function idleDevice() {
  const host = { time: 0 };
  const recorded = new Map<number, number>();
  /** Milliseconds of interruption after each record, in turn. */
  const interruptions: number[] = [];
  const device = {
    createEvent: () => recorded.set(recorded.size, 0).size - 1,
    check: () => 0,
    elapsed: (from: number, to: number) => (recorded.get(to)! - recorded.get(from)!) * 1000,
    symbols: {
      upbeat_event_record: (event: number) => {
        recorded.set(event, host.time);
        host.time += interruptions.shift() ?? 0;
        return 0;
      },
    },
  };
  const timer = new DeviceTimer(device as unknown as Device, 1 as never, () => host.time);
  const end = device.createEvent();
  const step = (milliseconds: number) => {
    timer.stepBegins();
    timer.forwardEnds();
    timer.samplingBegins();
    host.time += milliseconds;
    device.symbols.upbeat_event_record(end);
    timer.stepEnds(end as never);
    const times = timer.stepEnded(end as never);
    // A second call returns the same.
    assertEquals(timer.stepEnded(end as never), times);
    return times;
  };
  return { host, interruptions, step };
}

test("DeviceTimer repeats the alignment of the clocks when its thread was interrupted", () => {
  const { host, interruptions, step } = idleDevice();
  host.time = 10;
  interruptions.push(4, 3, 0);
  assertEquals(step(2).begin, 17);
});

test("DeviceTimer begins no step before the end of the last one, however often its thread is interrupted", () => {
  const { host, interruptions, step } = idleDevice();
  host.time = 10;
  interruptions.push(4, 4, 4, 4, 4);
  // It begins at 30, and is measured as beginning 4 ms later.
  const first = step(2);
  assertEquals(first.begin, 34);
  host.time += 1;
  const second = step(2);
  assert(second.begin >= first.end, `${second.begin} is before ${first.end}`);
  assertEquals(second.end - second.begin, 2);
});
