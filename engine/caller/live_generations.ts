/**
 * Routes the executor's outputs to live generations, those that are not over.
 *
 * @module
 */
import type { OutputHeader, OutputSink } from "../channel/step_output.ts";
import type { UpbeatError } from "../../errors.ts";
import { type ExecutorCounters, NO_COUNTERS } from "../telemetry/executor_counters.ts";
import type { StepReport } from "../telemetry/step_report.ts";
import { EventHub } from "./event_stream.ts";
import type { Generation } from "./generation.ts";

/** A generation that is not over. */
interface Entry {
  readonly generation: Generation;
  /** Whether it waits for its first admission. */
  isQueued: boolean;
  /** Whether something happened to it in this output. */
  hasChanged: boolean;
}

/** Live generations, and the state of the executor as of its last output. */
export class LiveGenerations implements OutputSink {
  /** The events of all generations, live or not. */
  readonly hub = new EventHub();
  /** As of the last output. */
  counters: ExecutorCounters = NO_COUNTERS;
  /** When the executor sent the last output, in milliseconds. */
  emittedAt = 0;

  readonly #onStep: ((report: StepReport) => void) | undefined;
  readonly #onIdle: () => void;
  /** By request. */
  readonly #entries = new Map<number, Entry>();
  #queued = 0;
  readonly #changed: Entry[] = [];
  /** Events of later outputs are not older than this. */
  #watermark = 0;

  /**
   * @param onIdle Called when the last live generation is over.
   * @param onStep Called with the report of each step.
   */
  constructor(onIdle: () => void, onStep: ((report: StepReport) => void) | undefined) {
    this.#onIdle = onIdle;
    this.#onStep = onStep;
  }

  /** How many are not over. */
  get size(): number {
    return this.#entries.size;
  }

  /** How many of them wait for their first admission. */
  get queued(): number {
    return this.#queued;
  }

  /** Add a generation that is sent to the executor. */
  add(generation: Generation): void {
    this.#entries.set(generation.requestId, { generation, isQueued: true, hasChanged: false });
    this.#queued++;
  }

  /** Remove a generation that ended before it was sent to the executor. */
  remove(generation: Generation): void {
    const entry = this.#entries.get(generation.requestId);
    if (entry !== undefined) this.#forget(entry);
    this.releaseEvents();
  }

  /** Cancel all. */
  cancelAll(): void {
    for (const { generation } of this.#entries.values()) generation.cancel("shutdown");
  }

  /** The executor has ended: fail all, and end the streams of events. */
  close(cause: UpbeatError): void {
    for (const entry of this.#entries.values()) {
      entry.generation.fail([cause]);
      this.#forget(entry);
    }
    this.hub.close();
    // Its KV blocks are freed with it.
    this.counters = { ...this.counters, running: 0, paused: 0, usedBlocks: 0, cachedBlocks: 0 };
  }

  /** Release events to the streams of all events, once no earlier event can still arrive. */
  releaseEvents(): void {
    if (this.hub.consumers === 0) return;
    // Without live requests no output is outstanding.
    let time = this.#entries.size === 0 ? Infinity : this.#watermark;
    for (const { generation } of this.#entries.values()) time = Math.min(time, generation.watermark);
    this.hub.release(time);
  }

  beginOutput({ counters, emittedAt, watermark }: OutputHeader): void {
    if (counters !== null) this.counters = counters;
    this.emittedAt = emittedAt;
    this.#watermark = watermark;
  }

  request(requestId: number): Generation | undefined {
    const entry = this.#entries.get(requestId);
    if (entry === undefined) return undefined;
    if (!entry.hasChanged) this.#changed.push(entry);
    entry.hasChanged = true;
    return entry.generation;
  }

  endOutput(steps: readonly StepReport[]): void {
    for (const entry of this.#changed) {
      const { generation } = entry;
      entry.hasChanged = false;
      generation.notify();
      if (generation.wasAdmitted) this.#leaveQueue(entry);
      if (generation.isOver) this.#forget(entry);
    }
    this.#changed.length = 0;
    this.releaseEvents();
    for (const report of steps) this.#onStep?.(report);
  }

  #leaveQueue(entry: Entry): void {
    if (entry.isQueued) this.#queued--;
    entry.isQueued = false;
  }

  #forget(entry: Entry): void {
    this.#leaveQueue(entry);
    this.#entries.delete(entry.generation.requestId);
    if (this.#entries.size === 0) this.#onIdle();
  }
}
