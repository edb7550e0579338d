/**
 * One generation, as its caller sees it: a stream of events, a stream of text, a result.
 *
 * @module
 */
import { deserializeError, serializeError, toUpbeatError, type UpbeatError } from "../errors.ts";
import type { GeneratedToken, RequestError, RequestEvent, TokenLogprob } from "./events.ts";
import type { RequestUpdate, TokenUpdate } from "./protocol.ts";
import type { FinishReason } from "./request.ts";
import { StreamingDetokenizer } from "./text/detokenizer.ts";
import { StopStringMatcher } from "./text/stop_strings.ts";
import type { TokenTable } from "./text/token_table.ts";

/** Tokens counted. */
export interface Usage {
  /** Tokens of the prompt, special ones included. */
  readonly promptTokens: number;
  /** Generated tokens, an end-of-sequence token included. */
  readonly completionTokens: number;
}

/** Times of one request in milliseconds; null where there is no such time. */
export interface GenerationMetrics {
  /** From the call of `generate()` to the first token. */
  readonly ttftMs: number | null;
  /** Mean time per token after the first; null with fewer than two tokens. */
  readonly tpotMs: number | null;
  /** From the call of `generate()` to the end. */
  readonly e2eMs: number;
}

/** Log-probabilities at one step. */
export interface StepLogprobs {
  /** The token that was chosen. */
  readonly tokenId: number;
  /** Its log-probability under the model's raw logits. */
  readonly logprob: number;
  /** The likeliest tokens, falling. */
  readonly top: readonly TokenLogprob[];
}

/** What a generation came to. */
export interface GenerationResult {
  /** The generated text, without stop string and special tokens. */
  readonly text: string;
  /** The generated tokens, an end-of-sequence token and the tokens of a stop string included. */
  readonly tokenIds: number[];
  /** The prompt as tokens. */
  readonly promptTokenIds: number[];
  /** Why it ended. */
  readonly finishReason: FinishReason;
  /** The stop string or the end-of-sequence token that ended it, where one did. */
  readonly stopReason: string | number | null;
  /** The seed that reproduces it. */
  readonly seed: number;
  readonly usage: Usage;
  readonly metrics: GenerationMetrics;
  /** Per token, when asked for. */
  readonly logprobs: StepLogprobs[] | null;
}

/** What a generation is made of. */
export interface GenerationSetup {
  readonly requestId: number;
  /** When `generate()` was called, on the engine's clock. */
  readonly arrival: number;
  readonly promptTokenIds: readonly number[];
  readonly seed: number;
  readonly stopStrings: readonly string[];
  /** null: the model has no tokenizer, text stays empty. */
  readonly tokenTable: TokenTable | null;
  /** Called once, when the caller wants it ended. */
  readonly onCancel: () => void;
}

/**
 * A request in progress. Iterate it for typed events, {@linkcode Generation.text} for text alone, or await
 * {@linkcode Generation.result}; all three work at the same time, and each iterator starts at the beginning.
 *
 * Leaving a loop early cancels the request.
 *
 * @example
 * ```ts
 * for await (const event of engine.generate("Once upon a time")) {
 *   if (event.type === "GENERATED_TOKEN") console.log(event.payload.tokenId, event.payload.text);
 * }
 * ```
 */
export class Generation implements AsyncIterable<RequestEvent>, Disposable {
  /** The request's number, unique within the engine. */
  readonly requestId: number;
  /**
   * What it came to, when it is over. A cancelled generation resolves, with finish reason `"cancelled"`; a failed one
   * rejects with an {@linkcode UpbeatError}.
   */
  readonly result: Promise<GenerationResult>;

  readonly #setup: GenerationSetup;
  readonly #events: RequestEvent[] = [];
  readonly #tokenIds: number[] = [];
  readonly #logprobs: StepLogprobs[] = [];
  readonly #detokenizer: StreamingDetokenizer | null;
  readonly #stopMatcher: StopStringMatcher | null;
  readonly #resolve: (result: GenerationResult) => void;
  readonly #reject: (error: UpbeatError) => void;
  #text = "";
  #firstTokenTime: number | null = null;
  #lastTokenTime: number | null = null;
  #error: UpbeatError | null = null;
  #isOver = false;
  #cancelSent = false;
  #wake = Promise.withResolvers<void>();

  /** @internal Made by `Engine.generate`. */
  constructor(setup: GenerationSetup) {
    this.#setup = setup;
    this.requestId = setup.requestId;
    const { promise, resolve, reject } = Promise.withResolvers<GenerationResult>();
    this.result = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    // Who only iterates hears of a failure there; that must not be an unhandled rejection.
    promise.catch(() => {});
    this.#detokenizer = setup.tokenTable === null
      ? null
      : new StreamingDetokenizer(setup.tokenTable, { skipSpecialTokens: true, prompt: setup.promptTokenIds });
    this.#stopMatcher = setup.stopStrings.length === 0 ? null : new StopStringMatcher([...setup.stopStrings]);
    this.#emit({ requestId: this.requestId, type: "ADD_ENGINE", timestamp: setup.arrival, payload: null });
  }

  /** Whether it has ended, in whatever way. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** End it as soon as possible; what was generated stays. Does nothing when it is over. */
  cancel(): void {
    if (this.#isOver || this.#cancelSent) return;
    this.#cancelSent = true;
    this.#setup.onCancel();
  }

  /** Cancels, at the end of a `using` scope. */
  [Symbol.dispose](): void {
    this.cancel();
  }

  /** The events from the beginning on, each as soon as it is there. Ends after the terminal event. */
  async *[Symbol.asyncIterator](): AsyncGenerator<RequestEvent, void, undefined> {
    let next = 0;
    try {
      while (true) {
        while (next < this.#events.length) yield this.#events[next++]!;
        if (this.#isOver) return;
        await this.#wake.promise;
      }
    } finally {
      this.cancel();
    }
  }

  /**
   * The text from the beginning on, in pieces, each as soon as it is certain.
   *
   * @throws {UpbeatError} In the loop, when the generation fails.
   */
  async *text(): AsyncGenerator<string, void, undefined> {
    for await (const event of this) {
      if (event.type === "GENERATED_TOKEN" && event.payload.text !== "") yield event.payload.text;
    }
    if (this.#error !== null) throw this.#error;
  }

  /** @internal Take what the executor says. */
  handleUpdate(update: RequestUpdate): void {
    if (this.#isOver) return;
    if (update.contextTime !== undefined) {
      this.#emit({ requestId: this.requestId, type: "ADD_CONTEXT", timestamp: update.contextTime, payload: null });
    }
    const { tokens, finish, failure } = update;
    for (const [index, token] of tokens.entries()) {
      const isLast = finish !== undefined && index === tokens.length - 1;
      this.#handleToken(token, isLast, isLast && typeof finish.stopReason === "number");
    }
    if (finish !== undefined) this.#finish(finish);
    else if (failure !== undefined) this.#fail(failure.error, failure.time);
    this.#notify();
  }

  /** @internal Fail it for a reason outside the request's own steps. */
  fail(thrown: unknown, time: number): void {
    if (this.#isOver) return;
    const error = toUpbeatError(thrown);
    this.#fail({ ...serializeError(error), requestId: this.requestId, transient: false }, time, error);
    this.#notify();
  }

  #handleToken({ tokenId, time, logprob, topLogprobs }: TokenUpdate, isLast: boolean, isEos: boolean): void {
    this.#tokenIds.push(tokenId);
    this.#firstTokenTime ??= time;
    this.#lastTokenTime = time;
    const text = this.#textOf(tokenId, isLast, isEos);
    this.#text += text;
    let payload: GeneratedToken = { tokenId, text };
    if (logprob !== undefined) {
      payload = { ...payload, logprob, topLogprobs: topLogprobs ?? [] };
      this.#logprobs.push({ tokenId, logprob, top: topLogprobs ?? [] });
    }
    this.#emit({ requestId: this.requestId, type: "GENERATED_TOKEN", timestamp: time, payload });
  }

  /** The text that is certain with this token, and may not turn out to be part of a stop string. */
  #textOf(tokenId: number, isLast: boolean, isEos: boolean): string {
    if (this.#detokenizer === null) return "";
    let text = isEos ? "" : this.#detokenizer.push(tokenId);
    if (isLast) text += this.#detokenizer.flush();
    if (this.#stopMatcher === null) return text;
    const { text: safe, matched } = this.#stopMatcher.push(text);
    return isLast && matched === null ? safe + this.#stopMatcher.flush() : safe;
  }

  #finish({ reason, stopReason, time }: NonNullable<RequestUpdate["finish"]>): void {
    // A cancelled request ends between tokens; text still held back belongs to the tokens that were generated.
    if (reason === "cancelled" && this.#detokenizer !== null) {
      const rest = this.#detokenizer.flush();
      this.#text += this.#stopMatcher === null ? rest : this.#stopMatcher.push(rest).text + this.#stopMatcher.flush();
    }
    this.#emit({ requestId: this.requestId, type: "FINISH", timestamp: time, payload: null });
    this.#isOver = true;
    this.#resolve({
      text: this.#text,
      tokenIds: this.#tokenIds,
      promptTokenIds: [...this.#setup.promptTokenIds],
      finishReason: reason,
      stopReason,
      seed: this.#setup.seed,
      usage: { promptTokens: this.#setup.promptTokenIds.length, completionTokens: this.#tokenIds.length },
      metrics: this.#metrics(time),
      logprobs: this.#logprobs.length > 0 ? this.#logprobs : null,
    });
  }

  #fail(error: RequestError, time: number, original?: UpbeatError): void {
    this.#emit({
      requestId: this.requestId,
      type: error.transient ? "ERROR_TRANSIENT" : "ERROR_NONTRANSIENT",
      timestamp: time,
      payload: error,
    });
    this.#emit({ requestId: this.requestId, type: "FAIL", timestamp: time, payload: null });
    this.#isOver = true;
    this.#error = original ?? deserializeError(error);
    this.#reject(this.#error);
  }

  #metrics(end: number): GenerationMetrics {
    const { arrival } = this.#setup;
    const first = this.#firstTokenTime;
    const last = this.#lastTokenTime;
    const count = this.#tokenIds.length;
    return {
      ttftMs: first === null ? null : toMicroseconds(first - arrival),
      tpotMs: first === null || last === null || count < 2 ? null : toMicroseconds((last - first) / (count - 1)),
      e2eMs: toMicroseconds(end - arrival),
    };
  }

  #emit(event: RequestEvent): void {
    this.#events.push(event);
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** Milliseconds without the digits that the clock does not have. */
function toMicroseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
