/**
 * Measures on the device itself when it works on steps.
 *
 * @module
 */
import type { DeviceTimes } from "../telemetry/device_times.ts";
import type { Device } from "../../ffi/interface.ts";
import type { EventHandle, StreamHandle } from "../../ffi/types.ts";
import type { Clock } from "../telemetry/clock.ts";

/** The events of one step. */
interface StepMarks {
  readonly begin: EventHandle;
  readonly forwardEnd: EventHandle;
  readonly samplingBegin: EventHandle;
}

/** A step in flight. */
interface TimedStep extends StepMarks {
  end: EventHandle | null;
}

/** Aligning the clocks: milliseconds that it takes without an interruption, and attempts. */
const ALIGNMENT = { uninterrupted: 0.05, attempts: 5 } as const;

/**
 * Times of steps, from events around their parts. An event passes when all work before it is done or, on an idle
 * stream, when it is recorded. So the time between an event after one piece of work and an event before the next is the
 * time for which the device waited for the host.
 */
export class DeviceTimer {
  readonly #device: Device;
  readonly #stream: StreamHandle;
  readonly #now: Clock;
  /** Two steps may be in flight. */
  readonly #marks: readonly [StepMarks, StepMarks];
  readonly #launched: TimedStep[] = [];
  readonly #origin: EventHandle;
  #originTime = 0;
  #turn = 0;
  #lastTimes: DeviceTimes | null = null;

  /**
   * @param device The device.
   * @param stream The stream of the steps.
   * @param now The engine's clock.
   */
  constructor(device: Device, stream: StreamHandle, now: Clock) {
    this.#device = device;
    this.#stream = stream;
    this.#now = now;
    this.#origin = device.createEvent();
    const marks = (): StepMarks => ({
      begin: device.createEvent(),
      forwardEnd: device.createEvent(),
      samplingBegin: device.createEvent(),
    });
    this.#marks = [marks(), marks()];
  }

  /** Call before enqueuing a step's first work. */
  stepBegins(): void {
    if (this.#launched.length === 0) this.#setOrigin();
    this.#turn = 1 - this.#turn;
    const marks = this.#marks[this.#turn]!;
    this.#launched.push({ ...marks, end: null });
    this.#record(marks.begin);
  }

  /** Call after enqueuing its forward pass. */
  forwardEnds(): void {
    this.#record(this.#marks[this.#turn]!.forwardEnd);
  }

  /** Call before enqueuing its sampling. */
  samplingBegins(): void {
    this.#record(this.#marks[this.#turn]!.samplingBegin);
  }

  /**
   * Call after enqueuing all of it.
   *
   * @param end Recorded after it.
   */
  stepEnds(end: EventHandle): void {
    this.#launched.at(-1)!.end = end;
  }

  /**
   * Call when a step has ended; calling again returns the same times.
   *
   * @param arrived Its `end`.
   * @returns Its times.
   */
  stepEnded(arrived: EventHandle): DeviceTimes {
    if (this.#launched[0]?.end !== arrived) return this.#lastTimes!;
    const step = this.#launched.shift()!;
    // The stream is in order: a step that seems to begin before the end of the last one shows how far the clocks were
    // off.
    this.#originTime += Math.max(0, (this.#lastTimes?.end ?? 0) - this.#timeOf(step.begin));
    const [begin, forwardEnd] = [this.#timeOf(step.begin), this.#timeOf(step.forwardEnd)];
    const [samplingBegin, end] = [this.#timeOf(step.samplingBegin), this.#timeOf(step.end!)];
    const before = this.#lastTimes === null ? 0 : begin - this.#lastTimes.end;
    this.#lastTimes = { begin, forwardEnd, samplingBegin, end, idle: before + samplingBegin - forwardEnd };
    return this.#lastTimes;
  }

  /** On an idle stream an event passes at once, so its time is known on both clocks. */
  #setOrigin(): void {
    for (let attempt = 0; attempt < ALIGNMENT.attempts; attempt++) {
      const before = this.#now();
      this.#record(this.#origin);
      this.#originTime = this.#now();
      // Otherwise this thread was interrupted.
      if (this.#originTime - before < ALIGNMENT.uninterrupted) return;
    }
  }

  #timeOf(event: EventHandle): number {
    return this.#originTime + this.#device.elapsed(this.#origin, event) / 1000;
  }

  #record(event: EventHandle): void {
    this.#device.check(this.#device.symbols.upbeat_event_record(event, this.#stream));
  }
}
