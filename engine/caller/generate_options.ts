/**
 * What a caller may say of one generation: checked, and put into the executor's terms.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import { toUpbeatError, UpbeatError } from "../../errors.ts";
import { preparePrompt, type Prompt } from "./prompt.ts";
import type { EngineInfo } from "../config/engine_info.ts";
import type { SegmentRequest } from "../events/request_record.ts";
import { resolveSampling, type SamplingOptions, type SamplingParameters } from "../config/sampling_options.ts";
import { integer, invalid } from "../config/checks.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { resolveTracking, type Tracking, type TrackingOptions } from "../config/tracking.ts";

/** How one generation goes. Everything is optional. */
export interface GenerateOptions extends SamplingOptions, TrackingOptions {
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

/** What a request is checked against. */
export interface RequestLimits {
  readonly info: EngineInfo;
  readonly tokenizer: Tokenizer | null;
  /** What holds where the request does not say. */
  readonly tracking: Tracking;
  readonly now: Clock;
}

/** A request that can run. */
export interface PreparedRequest extends SegmentRequest {
  readonly promptTokenIds: Int32Array;
  readonly sampling: SamplingParameters;
}

/** A request, checked: it can run, or everything that is wrong with it. */
export type CheckedRequest =
  | { readonly isValid: true; readonly request: PreparedRequest; readonly tokenizeMs: number | null }
  | { readonly isValid: false; readonly request: SegmentRequest; readonly errors: readonly UpbeatError[] };

/**
 * A request of which nothing is known but that it was made.
 *
 * @param requestId Its number.
 * @param arrival When `generate()` was called, in milliseconds on the engine's clock.
 * @param tracking What it keeps.
 * @returns The request.
 */
export function unknownRequest(requestId: number, arrival: number, tracking: Tracking): SegmentRequest {
  return {
    requestId,
    arrival,
    promptTokenIds: null,
    promptLength: 0,
    generatedBefore: 0,
    maxTokens: 0,
    sampling: null,
    eosTokenIds: [],
    stopStrings: [],
    tracking,
  };
}

/**
 * Check everything a caller can get wrong, and go on after the first fault, so that each is told.
 *
 * @param requestId The request's number.
 * @param arrival When `generate()` was called, in milliseconds on the engine's clock.
 * @param prompt Text, token ids, or chat messages.
 * @param options What the caller said.
 * @param limits What the request is checked against.
 * @returns The request, or what is wrong with it: `INVALID_PARAMETER`, `PROMPT_INVALID`, `PROMPT_TOO_LONG`,
 * `TOKENIZER_MISSING`, `CHAT_TEMPLATE_INVALID`.
 */
export function checkRequest(
  requestId: number,
  arrival: number,
  prompt: Prompt,
  options: GenerateOptions,
  limits: RequestLimits,
): CheckedRequest {
  const { info: { model, maxContext }, tokenizer, now } = limits;
  const errors: UpbeatError[] = [];
  const attempt = <Value>(check: () => Value): Value | null => {
    try {
      return check();
    } catch (thrown) {
      errors.push(toUpbeatError(thrown));
      return null;
    }
  };
  const tracking = attempt(() => resolveTracking(options, limits.tracking)) ?? limits.tracking;
  const sampling = attempt(() => resolveSampling(options, model.sampling, model.vocabularySize));
  const stopStrings = attempt(() => readStopStrings(options.stop, tokenizer !== null));
  const start = now();
  const promptTokenIds = attempt(() => preparePrompt(prompt, tokenizer, model.vocabularySize, options));
  const tokenizeMs = isTokenIds(prompt) ? null : now() - start;
  const maxTokens = attempt(() => checkLength(promptTokenIds, options.maxTokens, maxContext, model.maxPositions));
  const unknown = unknownRequest(requestId, arrival, tracking);
  if (sampling === null || stopStrings === null || promptTokenIds === null || maxTokens === null || errors.length > 0) {
    return {
      isValid: false,
      request: { ...unknown, promptTokenIds, promptLength: promptTokenIds?.length ?? 0 },
      errors,
    };
  }
  const eosTokenIds = options.ignoreEos === true ? [] : model.eosTokenIds;
  const promptLength = promptTokenIds.length;
  const request = { ...unknown, promptTokenIds, promptLength, maxTokens, sampling, eosTokenIds, stopStrings };
  return { isValid: true, request, tokenizeMs };
}

function isTokenIds(prompt: Prompt): boolean {
  return prompt instanceof Int32Array || (Array.isArray(prompt) && typeof prompt[0] === "number");
}

/**
 * The most tokens to generate, within the context; only checked where the prompt is not known.
 *
 * @throws {UpbeatError} `PROMPT_TOO_LONG` or `INVALID_PARAMETER`.
 */
function checkLength(
  promptTokenIds: Int32Array | null,
  maxTokens: number | undefined,
  maxContext: number,
  maxPositions: number,
): number | null {
  if (maxTokens !== undefined) integer("maxTokens", maxTokens, 1, 2 ** 31 - 1);
  if (promptTokenIds === null) return null;
  const promptTokens = promptTokenIds.length;
  const room = maxContext - promptTokens;
  const wanted = maxTokens ?? Math.max(1, Math.min(DEFAULT_MAX_TOKENS, room));
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
