/**
 * The generations that are not over: takes in the executor's outputs and routes them.
 *
 * @module
 */
import type { OutputHeader, OutputSink } from "../channel/step_output.ts";
import type { UpbeatError } from "../../errors.ts";
import type { StepLogprobs } from "../events/event_types.ts";
import type { Completion, ExecutorEvent, StepUsage } from "../events/executor_event.ts";
import { type ExecutorCounters, NO_COUNTERS } from "../telemetry/executor_counters.ts";
import type { StepReport } from "../telemetry/step_report.ts";
import { EventHub } from "./event_stream.ts";
import type { Generation } from "./generation.ts";

/** Live generations, and what the executor last said of all of them. */
export class LiveGenerations implements OutputSink {
  /** The events of all generations, live or not. */
  readonly hub = new EventHub();
  /** As of the last output. */
  counters: ExecutorCounters = NO_COUNTERS;
  /** When the last output was handed over, in milliseconds. */
  emittedAt = 0;
  /** Whether requests that the executor cancels are cancelled by a shutdown: a drain has a deadline that it keeps. */
  isDraining = false;

  readonly #onStep: ((report: StepReport) => void) | undefined;
  readonly #onIdle: () => void;
  readonly #generations = new Map<number, Generation>();
  /** Ids of those that wait for their first admission. */
  readonly #queued = new Set<number>();
  /** Those that something happened to in this output. */
  readonly #changed = new Set<Generation>();
  /** Later outputs are about this time or later. */
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
    return this.#generations.size;
  }

  /** How many of them wait for their first admission. */
  get queued(): number {
    return this.#queued.size;
  }

  /** Add one, on its way to the executor. */
  add(generation: Generation): void {
    this.#generations.set(generation.requestId, generation);
    this.#queued.add(generation.requestId);
  }

  /** Cancel all. */
  cancelAll(): void {
    for (const generation of this.#generations.values()) generation.cancel("shutdown");
  }

  /** The executor is over: fail all, and end the streams of events. */
  close(cause: UpbeatError): void {
    for (const generation of this.#generations.values()) {
      generation.fail([cause]);
      this.#forget(generation);
    }
    this.hub.close();
    // With the thread, its blocks are gone.
    this.counters = { ...this.counters, running: 0, paused: 0, usedBlocks: 0, cachedBlocks: 0 };
  }

  /** Release events to the streams of all events, once no earlier event can still arrive. */
  releaseEvents(): void {
    if (this.hub.consumers === 0) return;
    // Without live requests nothing is on its way from the executor.
    let time = this.#generations.size === 0 ? Infinity : this.#watermark;
    for (const { watermark } of this.#generations.values()) time = Math.min(time, watermark);
    this.hub.release(time);
  }

  beginOutput({ counters, emittedAt, watermark }: OutputHeader): void {
    if (counters !== null) this.counters = counters;
    this.emittedAt = emittedAt;
    this.#watermark = watermark;
  }

  onToken(
    requestId: number,
    tokenId: number,
    time: number,
    logprobs: StepLogprobs | null,
    usage: StepUsage | null,
  ): void {
    this.#changing(requestId)?.handleToken(tokenId, time, logprobs, usage, this.emittedAt);
  }

  onEvent(event: ExecutorEvent): void {
    this.#changing(event.requestId)?.handleEvent(event);
  }

  onFinish(requestId: number, time: number, completion: Completion): void {
    const generation = this.#changing(requestId);
    // When a drain's deadline passes, the executor is the first to know.
    if (this.isDraining && completion.reason === "cancelled") generation?.cancel("shutdown");
    generation?.handleFinish(time, completion);
  }

  endOutput(steps: readonly StepReport[]): void {
    for (const generation of this.#changed) {
      generation.notify();
      if (generation.wasAdmitted) this.#queued.delete(generation.requestId);
      if (generation.isOver) this.#forget(generation);
    }
    this.#changed.clear();
    this.releaseEvents();
    for (const report of steps) this.#onStep?.(report);
  }

  #changing(requestId: number): Generation | undefined {
    const generation = this.#generations.get(requestId);
    if (generation !== undefined) this.#changed.add(generation);
    return generation;
  }

  #forget({ requestId }: Generation): void {
    this.#generations.delete(requestId);
    this.#queued.delete(requestId);
    if (this.#generations.size === 0) this.#onIdle();
  }
}
