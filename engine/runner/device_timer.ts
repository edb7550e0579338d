/**
 * When the device works on steps, measured by the device itself.
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

/** A step that was launched and has not ended. */
interface TimedStep extends StepMarks {
  end: EventHandle | null;
}

/** How two clocks are aligned: milliseconds that it takes when nothing comes between, and how often it is tried. */
const ALIGNMENT = { uninterrupted: 0.05, attempts: 5 } as const;

/**
 * Times of steps from events around their parts. An event passes when all work before it is done or, on an idle stream, when
 * it is recorded. So from an event behind one piece of work to one before the next no time passes when the device had both
 * at hand, and else the time for which it had to wait for the host.
 */
export class DeviceTimer {
  readonly #device: Device;
  readonly #stream: StreamHandle;
  readonly #now: Clock;
  /** Two steps may be under way. */
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

  /** A step's first piece of work is about to be enqueued. */
  stepBegins(): void {
    if (this.#launched.length === 0) this.#setOrigin();
    this.#turn = 1 - this.#turn;
    const marks = this.#marks[this.#turn]!;
    this.#launched.push({ ...marks, end: null });
    this.#record(marks.begin);
  }

  /** Its forward pass is enqueued. */
  forwardEnds(): void {
    this.#record(this.#marks[this.#turn]!.forwardEnd);
  }

  /** The choice of its tokens is about to be enqueued. */
  samplingBegins(): void {
    this.#record(this.#marks[this.#turn]!.samplingBegin);
  }

  /**
   * All of it is enqueued.
   *
   * @param end Recorded behind it.
   */
  stepEnds(end: EventHandle): void {
    this.#launched.at(-1)!.end = end;
  }

  /**
   * A step has ended.
   *
   * @param arrived Its `end`.
   * @returns Its times.
   */
  stepEnded(arrived: EventHandle): DeviceTimes {
    // It was said before.
    if (this.#launched[0]?.end !== arrived) return this.#lastTimes!;
    const step = this.#launched.shift()!;
    // A stream is in order: what seems to come before the end of the last step shows how far the clocks were off.
    this.#originTime += Math.max(0, (this.#lastTimes?.end ?? 0) - this.#timeOf(step.begin));
    const [begin, forwardEnd] = [this.#timeOf(step.begin), this.#timeOf(step.forwardEnd)];
    const [samplingBegin, end] = [this.#timeOf(step.samplingBegin), this.#timeOf(step.end!)];
    const before = this.#lastTimes === null ? 0 : begin - this.#lastTimes.end;
    this.#lastTimes = { begin, forwardEnd, samplingBegin, end, idle: before + samplingBegin - forwardEnd };
    return this.#lastTimes;
  }

  /** With nothing under way, an event passes at once: its time is known on both clocks. */
  #setOrigin(): void {
    for (let attempt = 0; attempt < ALIGNMENT.attempts; attempt++) {
      const before = this.#now();
      this.#record(this.#origin);
      this.#originTime = this.#now();
      // Else this thread was interrupted.
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
