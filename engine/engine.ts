/**
 * The caller's handle on a loaded model.
 *
 * @module
 */
import { clockOrigin, createClock } from "./clock.ts";
import { UpbeatError } from "../errors.ts";
import { ExecutorThread } from "./executor_thread.ts";
import { Generation } from "./generation.ts";
import { type EngineOptions, resolveEngineOptions } from "./options.ts";
import { preparePrompt, type Prompt } from "./prompt.ts";
import type { EngineInfo, ExecutorCounters, SubmitMessage } from "./protocol.ts";
import { integer, invalid, resolveSampling, type SamplingOptions } from "./sampling.ts";
import { Tokenizer } from "./text/tokenizer.ts";

/** How one generation goes. Everything is optional. */
export interface GenerateOptions extends SamplingOptions {
  /** Generated tokens at most. Default: 256, or fewer where the context ends before. */
  readonly maxTokens?: number | undefined;
  /** Strings that end the generation; they are not part of the text. At most {@linkcode MAX_STOP_STRINGS}. */
  readonly stop?: string | readonly string[] | undefined;
  /** Go on past end-of-sequence tokens. */
  readonly ignoreEos?: boolean | undefined;
  /** Cancels the generation when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Whether a text prompt gets the special tokens its tokenizer adds (BOS). Default true. */
  readonly addSpecialTokens?: boolean | undefined;
  /** Further variables for the chat template, such as `tools` or `enable_thinking`. */
  readonly templateVariables?: Readonly<Record<string, unknown>> | undefined;
}

/** The most stop strings a request may have. */
export const MAX_STOP_STRINGS = 64;

/** The default for `maxTokens`: enough to see what a model does, and an end for one that does not end by itself. */
export const DEFAULT_MAX_TOKENS = 256;

/** Milliseconds that a worker has to end after a shutdown message, before it is terminated. */
const SHUTDOWN_TIMEOUT = 10_000;

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

  readonly #thread: ExecutorThread;
  readonly #now: () => number;
  readonly #generations = new Map<number, Generation>();
  #nextRequestId = 1;
  #tokenTableSent = false;
  #counters: ExecutorCounters | null = null;
  #disposal: Promise<void> | null = null;

  private constructor(
    thread: ExecutorThread,
    info: EngineInfo,
    tokenizer: Tokenizer | null,
    now: () => number,
  ) {
    this.#thread = thread;
    this.info = info;
    this.tokenizer = tokenizer;
    this.#now = now;
    thread.onUpdates = (updates, counters) => {
      this.#counters = counters;
      for (const update of updates) {
        const generation = this.#generations.get(update.id);
        generation?.handleUpdate(update);
        if (generation?.isOver) this.#forget(update.id);
      }
    };
    thread.onEnd = (error) => {
      const cause = error ?? new UpbeatError("ENGINE_CLOSED", "the engine was disposed while the request was running");
      for (const [id, generation] of this.#generations) {
        generation.fail(cause, this.#now());
        this.#forget(id);
      }
    };
  }

  /**
   * Load a model.
   *
   * @param model Path of a Hugging Face model folder: `config.json`, safetensors weights, `tokenizer.json`.
   * @param options Device, threads, sizes.
   * @returns The engine. Declare it with `await using`, or call {@linkcode Engine.dispose}.
   * @throws {UpbeatError} `MODEL_NOT_FOUND`, `MODEL_CONFIG_INVALID`, `MODEL_UNSUPPORTED`, `WEIGHTS_…`, `TOKENIZER_…`,
   * `LIBRARY_…`, `DEVICE_…`, `INVALID_PARAMETER`: each names the thing that is wrong.
   */
  static async load(model: string, options: EngineOptions = {}): Promise<Engine> {
    const origin = clockOrigin();
    const thread = new ExecutorThread({
      modelFolder: model,
      options: resolveEngineOptions(options),
      clockOrigin: origin,
      onProgress: options.onProgress ?? null,
    });
    try {
      // The tokenizer is read while the worker reads the weights.
      const [info, tokenizer] = await Promise.all([thread.ready, loadTokenizer(model)]);
      checkTokenizer(tokenizer, info);
      return new Engine(thread, info, tokenizer, createClock(origin));
    } catch (error) {
      await thread.end(SHUTDOWN_TIMEOUT);
      throw error;
    }
  }

  /** The executor's counters as of its last message; null before the first one. */
  get counters(): ExecutorCounters | null {
    return this.#counters;
  }

  /**
   * Start a generation.
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
    try {
      if (this.#disposal !== null || this.#thread.hasEnded) {
        throw new UpbeatError("ENGINE_CLOSED", "the engine was disposed; load it again to generate");
      }
      return this.#submit(this.#prepare(requestId, prompt, options), options, arrival);
    } catch (error) {
      const generation = new Generation({
        requestId,
        arrival,
        promptTokenIds: [],
        seed: 0,
        stopStrings: [],
        tokenTable: null,
        onCancel: () => {},
      });
      generation.fail(error, this.#now());
      return generation;
    }
  }

  #submit(message: SubmitMessage, options: GenerateOptions, arrival: number): Generation {
    const { id, promptTokenIds, sampling, stopStrings } = message;
    const cancel = () => this.#thread.post({ type: "cancel", id });
    const generation = new Generation({
      requestId: id,
      arrival,
      promptTokenIds: Array.from(promptTokenIds),
      seed: sampling.seed,
      stopStrings,
      tokenTable: this.tokenizer?.tokenTable ?? null,
      onCancel: cancel,
    });
    if (stopStrings.length > 0 && !this.#tokenTableSent && this.tokenizer !== null) {
      this.#thread.post({ type: "tokenTable", table: this.tokenizer.tokenTable.shared });
      this.#tokenTableSent = true;
    }
    this.#generations.set(id, generation);
    this.#thread.holdOpen(true);
    this.#thread.post(message);
    followSignal(generation, options.signal);
    return generation;
  }

  /** Check everything a caller can get wrong, and put it into the executor's terms. */
  #prepare(id: number, prompt: Prompt, options: GenerateOptions): SubmitMessage {
    const { model, maxContext } = this.info;
    const sampling = resolveSampling(options, model.sampling, model.vocabularySize);
    const stopStrings = readStopStrings(options.stop, this.tokenizer !== null);
    const promptTokenIds = preparePrompt(prompt, this.tokenizer, model.vocabularySize, options);
    const maxTokens = checkLength(promptTokenIds.length, options.maxTokens, maxContext, model.maxPositions);
    const eosTokenIds = options.ignoreEos === true ? [] : model.eosTokenIds;
    return { type: "submit", id, promptTokenIds, maxTokens, sampling, eosTokenIds, stopStrings };
  }

  #forget(id: number): void {
    this.#generations.delete(id);
    if (this.#generations.size === 0) this.#thread.holdOpen(false);
  }

  /**
   * Cancel what runs, free the device and end the thread. May be called more than once.
   *
   * @returns When everything is over.
   */
  dispose(): Promise<void> {
    return this.#disposal ??= this.#thread.end(SHUTDOWN_TIMEOUT);
  }

  /** The same as {@linkcode Engine.dispose}, at the end of an `await using` scope. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

async function loadTokenizer(model: string): Promise<Tokenizer | null> {
  try {
    const tokenizer = await Tokenizer.load(model);
    // Built at its first use, which must not be inside the first request.
    void tokenizer.tokenTable;
    return tokenizer;
  } catch (error) {
    if (error instanceof UpbeatError && error.code === "TOKENIZER_MISSING") return null;
    throw error;
  }
}

function checkTokenizer(tokenizer: Tokenizer | null, info: EngineInfo): void {
  const { vocabularySize } = info.model;
  if (tokenizer !== null && tokenizer.vocabularySize > vocabularySize) {
    throw new UpbeatError(
      "TOKENIZER_MISMATCH",
      `the tokenizer of ${info.modelFolder} has ids up to ${
        tokenizer.vocabularySize - 1
      }, its vocab_size in config.json ` +
        `is ${vocabularySize}: they do not belong together`,
      { tokenizerSize: tokenizer.vocabularySize, vocabularySize },
    );
  }
}

/**
 * The most tokens to generate, within the context.
 *
 * @throws {UpbeatError} `PROMPT_TOO_LONG` or `INVALID_PARAMETER`.
 */
function checkLength(
  promptTokens: number,
  maxTokens: number | undefined,
  maxContext: number,
  maxPositions: number,
): number {
  const room = maxContext - promptTokens;
  const wanted = maxTokens === undefined
    ? Math.max(1, Math.min(DEFAULT_MAX_TOKENS, room))
    : integer("maxTokens", maxTokens, 1, 2 ** 31 - 1);
  if (wanted <= room) return wanted;
  const larger = maxContext < maxPositions
    ? `, or load the engine with a larger maxContext (the model allows ${maxPositions})`
    : "";
  throw new UpbeatError(
    "PROMPT_TOO_LONG",
    room < 1
      ? `the prompt has ${promptTokens} tokens and the engine's context ${maxContext}, of which one must be left to ` +
        `generate: shorten the prompt${larger}`
      : `the prompt's ${promptTokens} tokens and maxTokens ${wanted} exceed the engine's context of ${maxContext}: ` +
        `set maxTokens to ${room} or less${larger}`,
    { promptTokens, maxTokens: wanted, maxContext },
  );
}

function readStopStrings(stop: GenerateOptions["stop"], hasTokenizer: boolean): readonly string[] {
  const strings = stop === undefined ? [] : typeof stop === "string" ? [stop] : [...stop];
  for (const text of strings) {
    if (typeof text !== "string" || text === "") throw invalid("stop", "must be non-empty strings", text);
  }
  if (strings.length > MAX_STOP_STRINGS) {
    throw invalid("stop", `may have at most ${MAX_STOP_STRINGS} strings`, strings.length);
  }
  if (strings.length > 0 && !hasTokenizer) {
    throw new UpbeatError("TOKENIZER_MISSING", "stop strings need a tokenizer, and the model's folder has none");
  }
  return strings;
}

/** Cancel a generation when a signal aborts, and let go of the signal when the generation is over. */
function followSignal(generation: Generation, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (signal.aborted) {
    generation.cancel();
    return;
  }
  const cancel = () => generation.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const letGo = () => signal.removeEventListener("abort", cancel);
  generation.result.then(letGo, letGo);
}
