/**
 * Checks and resolves a request.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import { toUpbeatError, UpbeatError } from "../../errors.ts";
import { preparePrompt, type Prompt } from "./prompt.ts";
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

/** A request that can run, or all of its errors. */
export type CheckedRequest =
  | {
    readonly isValid: true;
    readonly request: PreparedRequest;
    readonly tokenizeMs: number | null;
    readonly signal: AbortSignal | null;
  }
  | { readonly isValid: false; readonly request: SegmentRequest; readonly errors: readonly UpbeatError[] };

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
 * @returns The request, or its errors: `INVALID_PARAMETER`, `PROMPT_INVALID`, `PROMPT_TOO_LONG`,
 * `TOKENIZER_MISSING`, `CHAT_TEMPLATE_INVALID`.
 */
export function checkRequest(
  requestId: number,
  arrival: number,
  prompt: Prompt,
  options: GenerateOptions,
  limits: RequestLimits,
): CheckedRequest {
  const { info: { model }, tokenizer, now } = limits;
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
  const ignoreEos = own("ignoreEos");
  const addSpecialTokens = own("addSpecialTokens") ?? true;
  const continueFinalMessage = own("continueFinalMessage") ?? false;
  const templateVariables = own("templateVariables") ?? undefined;
  const signal = own("signal");
  const start = now();
  const promptTokenIds = attempt(() =>
    preparePrompt(prompt, tokenizer, model.vocabularySize, {
      addSpecialTokens,
      continueFinalMessage,
      templateVariables,
    })
  );
  const tokenizeMs = isTokenIds(prompt) ? null : now() - start;
  const wantedTokens = own("maxTokens");
  const maxTokens = attempt(() => checkLength(promptTokenIds, wantedTokens, limits.info));
  const unknown = unknownRequest(requestId, arrival, tracking);
  if (sampling === null || stopStrings === null || promptTokenIds === null || maxTokens === null || errors.length > 0) {
    return {
      isValid: false,
      request: { ...unknown, promptTokenIds, promptLength: promptTokenIds?.length ?? 0 },
      errors,
    };
  }
  const eosTokenIds = ignoreEos === true ? [] : model.eosTokenIds;
  const promptLength = promptTokenIds.length;
  const request = { ...unknown, promptTokenIds, promptLength, maxTokens, sampling, eosTokenIds, stopStrings };
  return { isValid: true, request, tokenizeMs, signal };
}

function isTokenIds(prompt: Prompt): boolean {
  return prompt instanceof Int32Array || (Array.isArray(prompt) && typeof prompt[0] === "number");
}

/**
 * The most tokens to generate, within the context; null where the prompt is not known.
 *
 * @throws {UpbeatError} `PROMPT_TOO_LONG`.
 */
function checkLength(
  promptTokenIds: Int32Array | null,
  maxTokens: number | null,
  { maxContext, kvBlocks, blockSize, model: { maxPositions } }: EngineInfo,
): number | null {
  if (promptTokenIds === null) return null;
  const promptTokens = promptTokenIds.length;
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
