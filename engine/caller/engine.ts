/**
 * The caller's handle on a loaded model.
 *
 * @module
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { checkNotAborted, followSignal, unlessAborted } from "./abort.ts";
import { type Clock, clockOrigin, clockOriginForThread, createClock } from "../telemetry/clock.ts";
import { toUpbeatError, UpbeatError } from "../../errors.ts";
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
import { checkTokenizer, loadTokenizer, withDeclaredEos } from "./load_tokenizer.ts";
import { LongPrompts } from "./long_prompts.ts";
import type { Prompt } from "./prompt.ts";
import type { EngineInfo } from "../config/engine_info.ts";
import { checkModelPath } from "../files/model_folder.ts";
import { locateModel } from "../../hub/locate_model.ts";
import type { SegmentRequest } from "../events/request_record.ts";
import { type EngineStats, engineStats, RequestTotals } from "../telemetry/engine_stats.ts";
import { beginsWithTwoBos } from "../text/tokenizer/special_tokens.ts";
import { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { callbackError, guardCallback, warnOnce } from "./user_callback.ts";
import { resolveTracking, type Tracking, TRACKING_OPTIONS } from "../config/tracking.ts";

/** Milliseconds after which the engine stops waiting for its thread to end. */
const SHUTDOWN_TIMEOUT = 10_000;

/** Milliseconds from then on after which the thread, left in the background, is terminated. */
const SHUTDOWN_GRACE = 60_000;

/** Milliseconds that an aborted load waits for its thread, which then ends in the background. */
const ABORT_WAIT = 50;

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
  /** The loaded model, its device and the resolved options. */
  readonly info: EngineInfo;
  /** The model's tokenizer; null where its folder has none: prompts must be token ids then. */
  readonly tokenizer: Tokenizer | null;
  /**
   * The origin of the engine's clock in Unix time, in milliseconds: add it to a timestamp for the time of day. The wall
   * clock is read once, so setting it never changes differences of timestamps.
   */
  readonly timeOrigin: number;

  readonly #thread: ExecutorThread;
  readonly #log: Log | null;
  readonly #now: Clock;
  readonly #tracking: Tracking;
  readonly #maxQueue: number;
  readonly #live: LiveGenerations;
  readonly #longPrompts: LongPrompts;
  readonly #totals = new RequestTotals();
  #nextRequestId = 1;
  #tokenTableSent = false;
  #disposal: Promise<void> | null = null;
  #isDraining = false;

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
    this.#live = liveGenerations(thread, limits.onStep);
    this.#now = clockAfter(this.#live, createClock(timeOrigin));
    this.#log = limits.log;
    this.#tracking = limits.tracking;
    this.#maxQueue = limits.maxQueue;
    this.#longPrompts = new LongPrompts(tokenizer, this.#live, this.#now);
    endWithThread(thread, this.#live, this.#longPrompts);
    collected.register(this, { thread, log: limits.log }, thread);
  }

  /**
   * Load a model.
   *
   * @param model Path of a Hugging Face model folder (`config.json`, safetensors weights, `tokenizer.json`) or of a GGUF file,
   * or the name of a model in another program's store: `org/name` (Hugging Face cache), `ollama:name:tag`,
   * `lmstudio:publisher/name`. Nothing is downloaded.
   * @param options Device, threads, sizes, tracking.
   * @returns The engine. Declare it with `await using`, or call {@linkcode Engine.dispose}.
   * @throws {UpbeatError} `MODEL_NOT_FOUND`, `MODEL_CONFIG_INVALID`, `MODEL_UNSUPPORTED`, `WEIGHTS_…`, `TOKENIZER_…`,
   * `LIBRARY_…`, `DEVICE_…`, `INVALID_PARAMETER`, each naming its subject. `ENGINE_CLOSED` where the signal aborted.
   * `INVALID_PARAMETER` where `onProgress` threw, with what it threw as the cause.
   * After an error nothing is left running or allocated; after an abort, what was started ends in the background.
   */
  static async load(model: string, options: EngineOptions = {}): Promise<Engine> {
    const timeOrigin = clockOrigin();
    const now = createClock(timeOrigin);
    checkModelPath(model);
    const modelFolder = locateModel(model);
    const { options: resolved, hooks, wantsEarlyFirstToken } = checkEngineOptions(options);
    const signal = hooks.signal ?? undefined;
    const onStep = guardCallback(hooks.onStep, warnOnce("onStep")) ?? undefined;
    const { promise: interrupted, reject: interrupt } = Promise.withResolvers<never>();
    interrupted.catch(() => {});
    const { log, onLog } = callerLog(hooks.onLog ?? undefined, resolved.logToStandardError, now);
    const tracking = resolveTracking(pickOptions(TRACKING_OPTIONS, resolved));
    const limits = { tracking, maxQueue: resolved.maxQueue ?? Infinity, onStep, log };
    const what = `loading ${model}`;
    checkNotAborted(signal, what);
    const thread = new ExecutorThread({
      modelFolder,
      options: resolved,
      clockOrigin: clockOriginForThread(timeOrigin),
      onProgress: guardCallback(hooks.onProgress, (thrown) => interrupt(callbackError("onProgress", thrown))),
      log,
      onLog,
    });
    try {
      // The tokenizer is read and warmed up while the worker reads the weights.
      const loading = Promise.all([thread.ready, loadTokenizer(modelFolder, now, signal)]);
      const [info, tokenizer] = await unlessAborted(Promise.race([loading, interrupted]), signal, what);
      checkTokenizer(tokenizer, info);
      if (wantsEarlyFirstToken && !info.overlap) {
        process.emitWarning("earlyFirstToken needs overlap; without it, it is ignored", {
          code: "UPBEAT_OPTION_IGNORED",
        });
      }
      return new Engine(thread, withDeclaredEos(tokenizer, info), tokenizer, timeOrigin, limits);
    } catch (error) {
      const ended = thread.end({ drain: false, deadline: null, timeout: SHUTDOWN_TIMEOUT, grace: SHUTDOWN_GRACE });
      // An aborted load does not wait for a thread that may be reading a file.
      await (signal?.aborted === true ? Promise.race([ended, setTimeout(ABORT_WAIT)]) : ended);
      throw error;
    }
  }

  /**
   * Start a generation.
   *
   * Generations that are started without an `await` between them are scheduled together.
   *
   * Never throws: an invalid prompt or option fails the generation, whose result rejects with a typed error. Where the
   * signal has aborted already, nothing is computed.
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
      return this.#reject(unknown, [engineClosed(this.#thread.failure)]);
    }
    if (this.#live.queued >= this.#maxQueue) return this.#reject(unknown, [queueFull(this.#maxQueue)], true);
    const { info, tokenizer } = this;
    const limits = { info, tokenizer, tracking: this.#tracking, now: this.#now };
    const checked = checkRequest(requestId, arrival, prompt, options, limits);
    if (checked.state === "rejected") return this.#reject(checked.request, checked.errors);
    let onCancel = () => {};
    const generation = this.#open(
      checked.request,
      checked.state === "ready" ? checked.tokenizeMs : null,
      () => onCancel(),
    );
    if (!this.#follow(generation, checked.signal)) return generation;
    const submit = (request: PreparedRequest) => {
      onCancel = () => this.#thread.post({ type: "cancel", id: requestId });
      this.#post(request);
    };
    this.#live.add(generation);
    if (checked.state === "ready") submit(checked.request);
    else onCancel = this.#longPrompts.add(generation, checked, submit);
    return generation;
  }

  #reject(request: SegmentRequest, errors: readonly UpbeatError[], transient = false): Generation {
    const generation = this.#open(request, null, () => {});
    generation.fail(errors, transient);
    this.#live.releaseEvents();
    return generation;
  }

  /** Follows a request's signal. @returns Whether the request is still wanted; otherwise it is over. */
  #follow(generation: Generation, signal: AbortSignal | null): boolean {
    try {
      followSignal(generation, signal);
    } catch (error) {
      generation.fail([toUpbeatError(error)]);
    }
    if (generation.isAborted) generation.endUnsent();
    if (generation.isOver) this.#live.releaseEvents();
    return !generation.isOver;
  }

  #post(request: PreparedRequest): void {
    const { requestId: id, promptTokenIds, maxTokens, sampling, eosTokenIds, stopStrings, tracking } = request;
    if (beginsWithTwoBos(promptTokenIds, this.tokenizer?.specialTokens)) {
      this.#log?.("engine: the prompt begins with two BOS tokens; use addSpecialTokens: false", { requestId: id });
    }
    if (stopStrings.length > 0 && !this.#tokenTableSent && this.tokenizer !== null) {
      this.#thread.post({ type: "tokenTable", table: this.tokenizer.tokenTable.shared });
      this.#tokenTableSent = true;
    }
    this.#thread.holdOpen(true);
    const trackTokens = tracking.generatedTokens;
    const type = "submit";
    this.#thread.post({ type, id, promptTokenIds, maxTokens, sampling, eosTokenIds, stopStrings, trackTokens });
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
   * The events of all requests, in time order, from now on. Any number of such streams may be open; each gets every
   * event, and none slows down the engine or another stream. {@linkcode EventStream} describes what happens to a slow
   * reader.
   *
   * Events are released once no earlier event can still arrive. That of a request's arrival may therefore wait for the
   * end of the running step; the request's own stream has it at once.
   *
   * @param options The capacity of the stream.
   * @returns The stream, which buffers events from this call on, iterated or not. It ends with the engine.
   * @throws {UpbeatError} `INVALID_PARAMETER` unless the capacity is an integer >= 1.
   * @example
   * ```ts
   * for await (const event of engine.events()) console.log(event.requestId, formatEvent(event));
   * ```
   */
  events(options: EventStreamOptions = {}): EventStream {
    return this.#live.hub.open(options, this.#now());
  }

  /**
   * The state of the engine as of the executor's last output, and its totals since it was loaded.
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
   * Stop accepting requests, cancel or finish live ones, free the device and end the thread. When it resolves, every
   * result, iterator and stream of events has ended. It takes no longer than the drain and ten seconds: if the thread
   * has not ended by then, its requests fail with `ENGINE_FAILED`, and it is left in the background and terminated
   * after a minute.
   *
   * May be called more than once: later calls wait for the same end. One without `drain` during a drain cancels live
   * requests.
   *
   * @param options Whether live requests are cancelled or finished.
   * @returns Resolves when everything has ended.
   * @throws {UpbeatError} `INVALID_PARAMETER`; the engine is not disposed then.
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
    collected.unregister(this.#thread);
    if (this.#disposal === null) {
      this.#isDraining = drain;
      this.#disposal = this.#endThread(drain ? timeout : null).then(() => this.#log?.("engine: dispose exit"));
    } else if (this.#isDraining && !drain) {
      this.#log?.("engine: drain cut short");
      this.#isDraining = false;
      void this.#endThread(null);
    } else {
      this.#log?.("engine: dispose returns the promise of the first call", { reason: "already disposed" });
    }
    return this.#disposal;
  }

  /** Ends the thread. @param drainTime Milliseconds for which live requests may go on; null: they are cancelled. */
  async #endThread(drainTime: number | null): Promise<void> {
    const drain = drainTime !== null;
    const deadline = drain ? this.#now() + drainTime : null;
    // Prompts on their way are part of a drain.
    if (drain && this.#longPrompts.size > 0) {
      const timer = new AbortController();
      await Promise.race([this.#longPrompts.settled(), setTimeout(drainTime, undefined, timer)]).catch(() => {});
      timer.abort();
    }
    if (!drain) this.#live.cancelAll();
    else this.#longPrompts.cancelAll();
    await this.#thread.end({ drain, deadline, timeout: (drainTime ?? 0) + SHUTDOWN_TIMEOUT, grace: SHUTDOWN_GRACE });
  }

  /** Calls {@linkcode Engine.dispose} at the end of an `await using` scope. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/**
 * Ends the threads of engines that were dropped without a disposal. Nothing that a thread refers to may refer to its engine,
 * except for live generations: those keep it, so that none of them loses its thread.
 */
const collected = new FinalizationRegistry(({ thread, log }: { thread: ExecutorThread; log: Log | null }) => {
  log?.("engine: collected without a disposal");
  void thread.end({ drain: false, deadline: null, timeout: SHUTDOWN_TIMEOUT, grace: SHUTDOWN_GRACE });
});

function liveGenerations(thread: ExecutorThread, onStep: CallerLimits["onStep"]): LiveGenerations {
  const live = new LiveGenerations(() => thread.holdOpen(false), onStep ?? undefined);
  thread.sink = live;
  return live;
}

/** The threads' clocks agree to their resolution only: an event after an output must not have an earlier time. */
function clockAfter(live: LiveGenerations, now: Clock): Clock {
  return () => Math.max(now(), live.emittedAt);
}

function endWithThread(thread: ExecutorThread, live: LiveGenerations, longPrompts: LongPrompts): void {
  thread.onEnd = (error) => {
    longPrompts.close();
    live.close(error ?? new UpbeatError("ENGINE_CLOSED", "the engine was disposed while the request was running"));
  };
}

/** The options of the caller's side. */
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
    `${maxQueue} request${maxQueue === 1 ? " is" : "s are"} waiting for admission, the most that maxQueue allows: ` +
      "try again later, or load the engine with a larger maxQueue",
    { maxQueue },
  );
}
