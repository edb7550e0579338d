import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import { DeviceTimer } from "../../../engine/runner/device_timer.ts";
import type { Device } from "../../../ffi/interface.ts";

/** An idle device: an event passes as it is recorded. Time stands still but for what a test lets pass. */
function idleDevice() {
  const host = { time: 0 };
  const recorded = new Map<number, number>();
  /** Milliseconds for which the thread is interrupted after each record, in turn. */
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
    // Who asks again hears the same.
    assertEquals(timer.stepEnded(end as never), times);
    return times;
  };
  return { host, interruptions, step };
}

test("DeviceTimer aligns the clocks again where its thread was interrupted", () => {
  const { host, interruptions, step } = idleDevice();
  host.time = 10;
  interruptions.push(4, 3, 0);
  assertEquals(step(2).begin, 17);
});

test("DeviceTimer lets no step begin before the end of the last one, however often its thread is interrupted", () => {
  const { host, interruptions, step } = idleDevice();
  host.time = 10;
  interruptions.push(4, 4, 4, 4, 4);
  // It begins at 30, and is taken to begin 4 ms later.
  const first = step(2);
  assertEquals(first.begin, 34);
  host.time += 1;
  const second = step(2);
  assert(second.begin >= first.end, `${second.begin} is before ${first.end}`);
  assertEquals(second.end - second.begin, 2);
});
