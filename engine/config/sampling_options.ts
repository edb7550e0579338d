/**
 * Sampling parameters: what a caller may say, checked field by field, and what the device reads.
 *
 * @module
 */
import { integer, invalid, number } from "./checks.ts";
import type { SamplingDefaults } from "../models/config/generation_config.ts";

/** How tokens are chosen. Everything is optional; a field left out has the model's own default, else "off". */
export interface SamplingOptions {
  /** Divides the logits; 0 chooses the likeliest token (greedy). At least 0. */
  readonly temperature?: number | undefined;
  /** Keep the k likeliest tokens; 0: all. */
  readonly topK?: number | undefined;
  /** Keep the smallest set of likeliest tokens whose probabilities sum to this; in (0, 1]. */
  readonly topP?: number | undefined;
  /** Drop tokens less likely than this share of the likeliest one; in [0, 1]. */
  readonly minP?: number | undefined;
  /** Divides positive and multiplies negative logits of tokens in prompt or output; 1: off. Above 0. */
  readonly repetitionPenalty?: number | undefined;
  /** Subtracted from the logits of tokens in the output; in [-2, 2]. */
  readonly presencePenalty?: number | undefined;
  /** Subtracted once per occurrence in the output; in [-2, 2]. */
  readonly frequencyPenalty?: number | undefined;
  /** Added to the logits of tokens, by token id. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined;
  /** Makes sampling reproducible: an integer from 0 to 2^53 - 1. Chosen at random when left out. */
  readonly seed?: number | undefined;
  /** Report the log-probability of each token and of this many likeliest ones, 0 to {@linkcode MAX_LOGPROBS}. */
  readonly logprobs?: number | undefined;
}

/** The most likeliest tokens a request may ask for per step. */
export const MAX_LOGPROBS = 20;

/** The most tokens a request may bias. */
export const MAX_LOGIT_BIASES = 1024;

/** Checked and complete sampling parameters. */
export interface SamplingParameters {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  readonly biasTokens: readonly number[];
  readonly biasValues: readonly number[];
  readonly seed: number;
  /** -1: none. */
  readonly logprobs: number;
}

/**
 * Check sampling options and fill in what was left out: first from the model's `generation_config.json`, else "off".
 *
 * @param options What the caller said.
 * @param defaults What the model's authors suggest.
 * @param vocabularySize Token ids in `logitBias` must be below it.
 * @returns Complete parameters.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 * @example
 * ```ts
 * const parameters = resolveSampling({ temperature: 0.8, seed: 7 }, model.sampling, model.vocabularySize);
 * ```
 */
export function resolveSampling(
  options: SamplingOptions,
  defaults: SamplingDefaults,
  vocabularySize: number,
): SamplingParameters {
  // A model that does not ask for sampling is decoded greedily, whatever else its file says.
  const samples = defaults.doSample === true;
  const suggested = <Value>(value: Value | null): Value | undefined => (samples && value !== null ? value : undefined);
  const { biasTokens, biasValues } = readLogitBias(options.logitBias, vocabularySize);
  return {
    temperature: number(
      "temperature",
      options.temperature ?? (samples ? defaults.temperature ?? 1 : 0),
      0,
      Number.MAX_VALUE,
    ),
    topK: integer("topK", options.topK ?? suggested(defaults.topK) ?? 0, 0, 2 ** 31 - 1),
    topP: number("topP", options.topP ?? suggested(defaults.topP) ?? 1, 0, 1, "exclusive"),
    minP: number("minP", options.minP ?? suggested(defaults.minP) ?? 0, 0, 1),
    repetitionPenalty: number(
      "repetitionPenalty",
      options.repetitionPenalty ?? suggested(defaults.repetitionPenalty) ?? 1,
      0,
      Number.MAX_VALUE,
      "exclusive",
    ),
    presencePenalty: number("presencePenalty", options.presencePenalty ?? 0, -2, 2),
    frequencyPenalty: number("frequencyPenalty", options.frequencyPenalty ?? 0, -2, 2),
    biasTokens,
    biasValues,
    seed: integer("seed", options.seed ?? randomSeed(), 0, Number.MAX_SAFE_INTEGER),
    logprobs: options.logprobs === undefined ? -1 : integer("logprobs", options.logprobs, 0, MAX_LOGPROBS),
  };
}

function randomSeed(): number {
  const [low, high] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return low + (high % 2 ** 21) * 2 ** 32;
}

function readLogitBias(
  bias: Readonly<Record<number, number>> | undefined,
  vocabularySize: number,
): { biasTokens: number[]; biasValues: number[] } {
  const biasTokens: number[] = [];
  const biasValues: number[] = [];
  for (const [key, value] of Object.entries(bias ?? {})) {
    biasTokens.push(integer("logitBias (token id)", Number(key), 0, vocabularySize - 1));
    // -Infinity is the clear way to forbid a token.
    if (value === -Infinity) biasValues.push(value);
    else biasValues.push(number(`logitBias[${key}]`, value, -Number.MAX_VALUE, Number.MAX_VALUE));
  }
  if (biasTokens.length > MAX_LOGIT_BIASES) {
    throw invalid("logitBias", `may name at most ${MAX_LOGIT_BIASES} tokens`, biasTokens.length);
  }
  return { biasTokens, biasValues };
}
