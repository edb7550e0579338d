/**
 * The caller's handle on a loaded model.
 *
 * @module
 */
import process from "node:process";
import { checkNotAborted, followSignal, unlessAborted } from "./abort.ts";
import { type Clock, clockOrigin, clockOriginForThread, createClock } from "../telemetry/clock.ts";
import { UpbeatError } from "../../errors.ts";
import { ExecutorThread } from "./executor_thread.ts";
import type { EventStream } from "./event_stream.ts";
import { checkRequest, type PreparedRequest, unknownRequest } from "./check_request.ts";
import { Generation } from "./generation.ts";
import { LiveGenerations } from "./live_generations.ts";
import { callerLog, type Log } from "../telemetry/log.ts";
import {
  DISPOSE_OPTIONS,
  type DisposeOptions,
  type EngineOptions,
  type EventStreamOptions,
} from "../config/engine_options.ts";
import type { GenerateOptions } from "../config/generate_options.ts";
import { pickOptions, resolveOptions } from "../config/option.ts";
import { checkEngineOptions } from "../config/resolved_options.ts";
import { checkTokenizer, loadTokenizer } from "./load_tokenizer.ts";
import type { Prompt } from "./prompt.ts";
import type { EngineInfo } from "../config/engine_info.ts";
import type { SegmentRequest } from "../events/request_record.ts";
import { type EngineStats, engineStats, RequestTotals } from "../telemetry/engine_stats.ts";
import { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { resolveTracking, type Tracking, TRACKING_OPTIONS } from "../config/tracking.ts";

/** Milliseconds that a worker has to end once it may. */
const SHUTDOWN_TIMEOUT = 10_000;

/** Milliseconds that a worker which had not ended by then has to do so in the background, before it is terminated. */
const SHUTDOWN_GRACE = 60_000;

/**
 * A model, loaded and ready to generate. Any number of generations may run at the same time; they share every step.
 *
 * @example
 * ```ts
 * await using engine = await Engine.load("path/to/model");
 * const generation = engine.generate("Once upon a time", { maxTokens: 64, temperature: 0 });
 * for await (const text of generation.text()) console.log(text);
 * const { finishReason, metrics } = await generation.result;
 * ```
 */
export class Engine implements AsyncDisposable {
  /** What is loaded, and where. */
  readonly info: EngineInfo;
  /** The model's tokenizer; null when its folder has none, and prompts must be token ids. */
  readonly tokenizer: Tokenizer | null;
  /**
   * When the engine's clock began, in milliseconds of Unix time: add it to a timestamp for the time of day. It is read
   * from the wall clock once, so differences of timestamps never depend on that clock being set.
   */
  readonly timeOrigin: number;

  readonly #thread: ExecutorThread;
  readonly #log: Log | null;
  readonly #now: Clock;
  readonly #tracking: Tracking;
  readonly #maxQueue: number;
  readonly #live: LiveGenerations;
  readonly #totals = new RequestTotals();
  #nextRequestId = 1;
  #tokenTableSent = false;
  #disposal: Promise<void> | null = null;
  /** What ended the executor, where that was not a disposal. */
  #failure: UpbeatError | null = null;

  private constructor(
    thread: ExecutorThread,
    info: EngineInfo,
    tokenizer: Tokenizer | null,
    timeOrigin: number,
    limits: CallerLimits,
  ) {
    this.#thread = thread;
    this.info = info;
    this.tokenizer = tokenizer;
    this.timeOrigin = timeOrigin;
    const now = createClock(timeOrigin);
    this.#live = new LiveGenerations(() => thread.holdOpen(false), limits.onStep);
    // Two threads' clocks agree to their resolution; what follows an output must not seem to come before it.
    this.#now = () => Math.max(now(), this.#live.emittedAt);
    this.#log = limits.log;
    this.#tracking = limits.tracking;
    this.#maxQueue = limits.maxQueue;
    thread.sink = this.#live;
    thread.onEnd = (error) => {
      this.#failure = error;
      this.#live.close(
        error ?? new UpbeatError("ENGINE_CLOSED", "the engine was disposed while the request was running"),
      );
    };
  }

  /**
   * Load a model.
   *
   * @param model Path of a Hugging Face model folder: `config.json`, safetensors weights, `tokenizer.json`.
   * @param options Device, threads, sizes.
   * @returns The engine. Declare it with `await using`, or call {@linkcode Engine.dispose}.
   * @throws {UpbeatError} `MODEL_NOT_FOUND`, `MODEL_CONFIG_INVALID`, `MODEL_UNSUPPORTED`, `WEIGHTS_…`, `TOKENIZER_…`,
   * `LIBRARY_…`, `DEVICE_…`, `INVALID_PARAMETER`: each names the thing that is wrong. `ENGINE_CLOSED` where the signal
   * aborted; nothing is left running or allocated then.
   */
  static async load(model: string, options: EngineOptions = {}): Promise<Engine> {
    const timeOrigin = clockOrigin();
    const now = createClock(timeOrigin);
    const { options: resolved, hooks } = checkEngineOptions(options);
    const [signal, onStep] = [hooks.signal ?? undefined, hooks.onStep ?? undefined];
    const { log, onLog } = callerLog(hooks.onLog ?? undefined, resolved.logToStandardError, now);
    const tracking = resolveTracking(pickOptions(TRACKING_OPTIONS, resolved));
    const limits = { tracking, maxQueue: resolved.maxQueue ?? Infinity, onStep, log };
    const what = `loading ${model}`;
    checkNotAborted(signal, what);
    const thread = new ExecutorThread({
      modelFolder: model,
      options: resolved,
      clockOrigin: clockOriginForThread(timeOrigin),
      onProgress: hooks.onProgress,
      log,
      onLog,
    });
    try {
      // The tokenizer is read and warmed up while the worker reads the weights.
      const loading = Promise.all([thread.ready, loadTokenizer(model, now)]);
      const [info, tokenizer] = await unlessAborted(loading, signal, what);
      checkTokenizer(tokenizer, info);
      if (options?.earlyFirstToken === true && !info.overlap) {
        process.emitWarning("earlyFirstToken needs overlap; without it, it is ignored", {
          code: "UPBEAT_OPTION_IGNORED",
        });
      }
      return new Engine(thread, info, tokenizer, timeOrigin, limits);
    } catch (error) {
      await thread.end({ drain: false, deadline: null, timeout: SHUTDOWN_TIMEOUT, grace: SHUTDOWN_GRACE });
      throw error;
    }
  }

  /**
   * Start a generation.
   *
   * Generations that are started in one go, without an `await` between them, are scheduled together.
   *
   * It never throws: whatever is wrong with prompt or options fails the generation, whose result rejects with a typed
   * error.
   *
   * @param prompt Text, token ids, or chat messages for the model's template.
   * @param options Length, sampling, stops.
   * @returns The generation, which runs whether it is iterated or not.
   */
  generate(prompt: Prompt, options: GenerateOptions = {}): Generation {
    const arrival = this.#now();
    const requestId = this.#nextRequestId++;
    const unknown = unknownRequest(requestId, arrival, this.#tracking);
    if (this.#disposal !== null || this.#thread.hasEnded) {
      return this.#refuse(unknown, [engineClosed(this.#failure)]);
    }
    if (this.#live.queued >= this.#maxQueue) return this.#refuse(unknown, [queueFull(this.#maxQueue)], true);
    const { info, tokenizer } = this;
    const limits = { info, tokenizer, tracking: this.#tracking, now: this.#now };
    const checked = checkRequest(requestId, arrival, prompt, options, limits);
    if (!checked.isValid) return this.#refuse(checked.request, checked.errors);
    const generation = this.#submit(checked.request, checked.tokenizeMs);
    followSignal(generation, checked.signal ?? undefined);
    return generation;
  }

  #refuse(request: SegmentRequest, errors: readonly UpbeatError[], transient = false): Generation {
    const generation = this.#open(request, null, () => {});
    generation.fail(errors, transient);
    this.#live.releaseEvents();
    return generation;
  }

  #submit(request: PreparedRequest, tokenizeMs: number | null): Generation {
    const { requestId: id, promptTokenIds, maxTokens, sampling, eosTokenIds, stopStrings, tracking } = request;
    const generation = this.#open(request, tokenizeMs, () => this.#thread.post({ type: "cancel", id }));
    if (stopStrings.length > 0 && !this.#tokenTableSent && this.tokenizer !== null) {
      this.#thread.post({ type: "tokenTable", table: this.tokenizer.tokenTable.shared });
      this.#tokenTableSent = true;
    }
    this.#live.add(generation);
    this.#thread.holdOpen(true);
    const trackTokens = tracking.generatedTokens;
    const type = "submit";
    this.#thread.post({ type, id, promptTokenIds, maxTokens, sampling, eosTokenIds, stopStrings, trackTokens });
    return generation;
  }

  #open(request: SegmentRequest, tokenizeMs: number | null, onCancel: () => void): Generation {
    const tokenTable = this.tokenizer?.tokenTable ?? null;
    const generation = new Generation({
      request,
      tokenizeMs,
      tokenTable,
      streamInterval: this.info.streamInterval,
      now: this.#now,
      tap: this.#live.hub,
      totals: this.#totals,
      onCancel,
    });
    this.#live.releaseEvents();
    return generation;
  }

  /**
   * The events of all requests, in time order, from now on. Any number of such streams may be open; each gets every event,
   * and none slows the engine or another stream: see {@linkcode EventStream} for what happens to one that is read slowly.
   *
   * An event is there as soon as nothing can come that was before it. That of a request's arrival may therefore wait for
   * the end of a step that runs; the request's own stream has it at once.
   *
   * @param options How many events may wait to be read.
   * @returns The stream, which takes events from this call on, iterated or not. It ends with the engine.
   * @throws {UpbeatError} `INVALID_PARAMETER` for a capacity that is no whole number from 1 on.
   * @example
   * ```ts
   * for await (const event of engine.events()) console.log(event.requestId, formatEvent(event));
   * ```
   */
  events(options: EventStreamOptions = {}): EventStream {
    return this.#live.hub.open(options, this.#now());
  }

  /**
   * How the engine stands, as of the executor's last message, and what it has done since it was loaded.
   *
   * @returns A new plain value.
   * @example
   * ```ts
   * const { running, waiting, kvBlocks, latency } = engine.stats();
   * console.log(`${running} run, ${waiting} wait, ${kvBlocks.used} of ${kvBlocks.total} KV blocks in use`);
   * console.log(`time to first token: p50 ${latency.ttftMs.p50} ms, p99 ${latency.ttftMs.p99} ms`);
   * ```
   */
  stats(): EngineStats {
    return engineStats({
      counters: this.#live.counters,
      totals: this.#totals,
      live: this.#live.size,
      kvBlocks: this.info.kvBlocks,
      events: { consumers: this.#live.hub.consumers, dropped: this.#live.hub.dropped },
    });
  }

  /**
   * Stop accepting requests, end those there are, free the device and end the thread. Every result, iterator and stream of
   * events has ended then, and it takes no longer than the drain and ten seconds: where the thread has not ended by then, its
   * requests fail with `ENGINE_FAILED`, it goes on in the background for a minute and is terminated.
   *
   * May be called more than once: later calls wait for the same end. One without `drain` during a drain cancels what runs.
   *
   * @param options Whether to cancel or to finish what runs.
   * @returns When everything is over.
   * @throws {UpbeatError} `INVALID_PARAMETER`, and the engine goes on.
   * @example
   * ```ts
   * await engine.dispose({ drain: true, timeout: 5_000 });
   * ```
   */
  dispose(options: DisposeOptions = {}): Promise<void> {
    let drain: boolean;
    let timeout: number;
    try {
      ({ drain, timeout } = resolveOptions(DISPOSE_OPTIONS, options));
    } catch (error) {
      return Promise.reject(error);
    }
    this.#log?.("engine: dispose", { drain, live: this.#live.size });
    if (this.#disposal === null) {
      this.#live.isDraining = drain;
      this.#disposal = this.#end(drain ? timeout : null).then(() => this.#log?.("engine: dispose exit"));
    } else if (this.#live.isDraining && !drain) {
      this.#log?.("engine: drain cut short");
      this.#live.isDraining = false;
      void this.#end(null);
    } else {
      this.#log?.("engine: dispose returns the promise of the first call", { reason: "already disposed" });
    }
    return this.#disposal;
  }

  /** Ends the thread; what runs may go on for as many milliseconds, null: it is cancelled. */
  async #end(drainTime: number | null): Promise<void> {
    const drain = drainTime !== null;
    if (!drain) this.#live.cancelAll();
    const deadline = drain ? this.#now() + drainTime : null;
    await this.#thread.end({ drain, deadline, timeout: (drainTime ?? 0) + SHUTDOWN_TIMEOUT, grace: SHUTDOWN_GRACE });
  }

  /** The same as {@linkcode Engine.dispose} without `drain`, at the end of an `await using` scope. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** What of an engine's options concerns the caller's side alone. */
interface CallerLimits {
  readonly tracking: Tracking;
  readonly maxQueue: number;
  readonly onStep: EngineOptions["onStep"];
  readonly log: Log | null;
}

function engineClosed(failure: UpbeatError | null): UpbeatError {
  if (failure === null) return new UpbeatError("ENGINE_CLOSED", "the engine was disposed; load it again to generate");
  const message = `the engine has failed and must be loaded again: ${failure.message}`;
  return new UpbeatError("ENGINE_CLOSED", message, { failure: failure.code }, { cause: failure });
}

function queueFull(maxQueue: number): UpbeatError {
  return new UpbeatError(
    "QUEUE_FULL",
    `${maxQueue} request${maxQueue === 1 ? " waits" : "s wait"} for admission already, as many as maxQueue allows: ` +
      "try again later, or load the engine with a larger maxQueue",
    { maxQueue },
  );
}
