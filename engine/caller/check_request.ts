/**
 * Checks and resolves a request.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import { toUpbeatError, UpbeatError } from "../../errors.ts";
import { checkPrompt, checkTokenIds, type Prompt } from "./prompt.ts";
import { readPrompt, readVariables } from "../text/read_prompt.ts";
import { invalid } from "../config/checks.ts";
import type { TextPrompt } from "../text/prompt_encoder.ts";
import type { EngineInfo } from "../config/engine_info.ts";
import type { SegmentRequest } from "../events/request_record.ts";
import { DEFAULT_MAX_TOKENS, GENERATE_OPTIONS, type GenerateOptions } from "../config/generate_options.ts";
import { type Given, pickOptions, readOptions, resolveOption } from "../config/option.ts";
import { resolveSampling, SAMPLING_OPTIONS, type SamplingParameters } from "../config/sampling_options.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { resolveTracking, type Tracking, TRACKING_OPTIONS } from "../config/tracking.ts";

/** Inputs of the check. */
export interface RequestLimits {
  readonly info: EngineInfo;
  readonly tokenizer: Tokenizer | null;
  /** The engine's own tracking, for options that the request leaves out. */
  readonly tracking: Tracking;
  readonly now: Clock;
}

/** A request that can run. */
export interface PreparedRequest extends SegmentRequest {
  readonly promptTokenIds: Int32Array;
  readonly sampling: SamplingParameters;
}

/** A request that can run. */
interface ReadyRequest {
  readonly state: "ready";
  readonly request: PreparedRequest;
  readonly tokenizeMs: number | null;
  readonly signal: AbortSignal | null;
}

/** A request that can run once its prompt is encoded, on the text thread. */
export interface LongRequest {
  readonly state: "long";
  /** Without the prompt. */
  readonly request: SegmentRequest;
  readonly text: TextPrompt;
  readonly signal: AbortSignal | null;
  /**
   * Checks the encoded prompt.
   *
   * @throws {UpbeatError} `PROMPT_INVALID`, `PROMPT_TOO_LONG`.
   */
  readonly complete: (tokenIds: Int32Array) => PreparedRequest;
}

/** A request that cannot run, and all of its errors. */
interface RejectedRequest {
  readonly state: "rejected";
  readonly request: SegmentRequest;
  readonly errors: readonly UpbeatError[];
}

/** The outcome of the check. */
export type CheckedRequest = ReadyRequest | LongRequest | RejectedRequest;

/**
 * A request before it is checked.
 *
 * @param requestId Its number.
 * @param arrival When `generate()` was called, in milliseconds on the engine's clock.
 * @param tracking What its record keeps.
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
 * Check and resolve a request. An error does not end the check, so that all errors are reported.
 *
 * @param requestId The request's number.
 * @param arrival When `generate()` was called, in milliseconds on the engine's clock.
 * @param prompt Text, token ids, or chat messages.
 * @param options As given to `generate()`.
 * @param limits The engine's limits.
 * @returns The request, also one whose prompt is still to be encoded, or its errors: `INVALID_PARAMETER`, `PROMPT_INVALID`, `PROMPT_TOO_LONG`,
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
  const given: Given<typeof GENERATE_OPTIONS> = attempt(() => readOptions(GENERATE_OPTIONS, options)) ?? {};
  const tracking = attempt(() => resolveTracking(pickOptions(TRACKING_OPTIONS, given), limits.tracking)) ??
    limits.tracking;
  const suggestions = model.sampling;
  const sampling = attempt(() =>
    resolveSampling(pickOptions(SAMPLING_OPTIONS, given), suggestions, model.vocabularySize)
  );
  const own = <Name extends keyof typeof GENERATE_OPTIONS>(name: Name) => {
    return attempt(() => resolveOption(GENERATE_OPTIONS, name, given));
  };
  const stopStrings = attempt(() => readStopStrings(own("stop"), tokenizer !== null));
  const stopTokenIds = attempt(() => readStopTokens(own("stopTokenIds"), model.vocabularySize));
  const ignoreEos = own("ignoreEos");
  const addSpecialTokens = own("addSpecialTokens") ?? true;
  const allowSpecialTokens = own("allowSpecialTokens");
  const continueFinalMessage = own("continueFinalMessage") ?? false;
  const variables = own("templateVariables");
  const templateVariables = variables === null ? null : attempt(() => readVariables(variables, maxContext));
  const signal = own("signal");
  const start = now();
  const read = attempt(() => readPrompt(prompt, maxContext, (count) => checkLength(count, null, limits.info)));
  const checked = read === null ? null : attempt(() => {
    return checkPrompt(read, { addSpecialTokens, allowSpecialTokens, continueFinalMessage, templateVariables }, {
      tokenizer,
      vocabularySize: model.vocabularySize,
      maxContext,
    });
  });
  const tokenizeMs = read === null || isTokenIds(read) ? null : now() - start;
  const wantedTokens = own("maxTokens");
  const unknown = unknownRequest(requestId, arrival, tracking);
  const eosTokenIds = [...(ignoreEos === true ? [] : model.eosTokenIds), ...stopTokenIds ?? []];
  const complete = (promptTokenIds: Int32Array): PreparedRequest => ({
    ...unknown,
    promptTokenIds,
    promptLength: promptTokenIds.length,
    maxTokens: checkLength(promptTokenIds.length, wantedTokens, limits.info),
    sampling: sampling!,
    eosTokenIds,
    stopStrings: stopStrings!,
  });
  if (checked !== null && "text" in checked && errors.length === 0) {
    const request = { ...unknown, sampling, eosTokenIds, stopStrings: stopStrings! };
    return {
      state: "long",
      request,
      text: checked.text,
      signal,
      complete: (tokenIds) => complete(checkTokenIds(tokenIds, model.vocabularySize)),
    };
  }
  const promptTokenIds = checked !== null && "tokenIds" in checked ? checked.tokenIds : null;
  const request = promptTokenIds === null ? null : attempt(() => complete(promptTokenIds));
  if (request !== null && errors.length === 0) return { state: "ready", request, tokenizeMs, signal };
  return {
    state: "rejected",
    request: { ...unknown, promptTokenIds, promptLength: promptTokenIds?.length ?? 0 },
    errors,
  };
}

function isTokenIds(prompt: Prompt): prompt is Int32Array | readonly number[] {
  return prompt instanceof Int32Array || (Array.isArray(prompt) && typeof prompt[0] === "number");
}

/**
 * The most tokens to generate, within the context.
 *
 * @throws {UpbeatError} `PROMPT_TOO_LONG`.
 */
function checkLength(
  promptTokens: number,
  maxTokens: number | null,
  { maxContext, kvBlocks, blockSize, model: { maxPositions } }: EngineInfo,
): number {
  const room = maxContext - promptTokens;
  const wanted = maxTokens ?? Math.max(1, Math.min(DEFAULT_MAX_TOKENS, room));
  if (wanted <= room) return wanted;
  // The smaller of the two limits the context.
  const more = kvBlocks * blockSize > maxContext
    ? "maxContext"
    : `kvBlocks (now ${kvBlocks}, of ${blockSize} tokens each)`;
  const larger = maxContext < maxPositions
    ? `, or load the model with a larger ${more}: it allows ${maxPositions} tokens`
    : "";
  throw new UpbeatError(
    "PROMPT_TOO_LONG",
    room < 1
      ? `the prompt's ${promptTokens} tokens leave no room in the engine's context of ${maxContext} to generate one: ` +
        `shorten the prompt${larger}`
      : `the prompt's ${promptTokens} tokens and maxTokens ${wanted} exceed the engine's context of ${maxContext}: ` +
        `set maxTokens to ${room} or less${larger}`,
    { promptTokens, maxTokens: wanted, maxContext },
  );
}

function readStopStrings(stop: GenerateOptions["stop"] | null, hasTokenizer: boolean): readonly string[] {
  const strings = typeof stop === "string" ? [stop] : [...stop ?? []];
  if (strings.length > 0 && !hasTokenizer) {
    throw new UpbeatError("TOKENIZER_MISSING", "stop strings need a tokenizer, and the model's folder has none");
  }
  return strings;
}

function readStopTokens(tokenIds: readonly number[] | null, vocabularySize: number): readonly number[] {
  const wrong = tokenIds?.find((id) => id >= vocabularySize);
  if (wrong === undefined) return tokenIds ?? [];
  throw invalid("stopTokenIds", `must be token ids from 0 to ${vocabularySize - 1}`, wrong);
}
