/**
 * Sampling options: what a caller may give, and the complete parameters that the device reads.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import type { SamplingDefaults } from "../models/config/generation_config.ts";
import { checkNumber, invalid, MAX_FLOAT32, MAX_INT32 } from "./checks.ts";
import { type Given, integer, number, readGiven, record, type Resolved, resolveOptions } from "./option.ts";

/** Most alternatives per step that a request may get with `logprobs`. */
export const MAX_LOGPROBS = 20;

/** Most tokens a request may bias. */
export const MAX_LOGIT_BIASES = 1024;

/** The device computes in float32, where a larger bias would be infinite. */
const BIAS_RANGE = { min: -MAX_FLOAT32, max: MAX_FLOAT32 } as const;

/** The default of an option that a model's `generation_config.json` may set, if its authors suggest sampling at all. */
function modelsOr<const Off extends number>(off: Off): { readonly default: Off; readonly defaultText: string } {
  return { default: off, defaultText: `the model's, else ${off}` };
}

/** Sampling options. */
export const SAMPLING_OPTIONS = {
  /** Divides the logits; 0 takes the likeliest token (greedy). Default: the model's, else 0. */
  temperature: number({
    ...modelsOr(0),
    min: 0,
    placeholder: "T",
    help: "0 takes the likeliest token; higher is more varied",
  }),
  /** Keep the k likeliest tokens; 0: all. Default: the model's, else 0. */
  topK: integer({ ...modelsOr(0), min: 0, max: MAX_INT32, help: "sample from the N likeliest tokens; 0: all" }),
  /** Keep the smallest set of likeliest tokens whose probabilities sum to this. Default: the model's, else 1. */
  topP: number({
    ...modelsOr(1),
    above: 0,
    max: 1,
    placeholder: "P",
    help: "sample from the likeliest tokens that sum to P",
  }),
  /** Drop tokens less likely than this share of the likeliest one. Default: the model's, else 0. */
  minP: number({
    ...modelsOr(0),
    min: 0,
    max: 1,
    placeholder: "P",
    help: "drop tokens less likely than P times the likeliest",
  }),
  /** Divides positive and multiplies negative logits of tokens in prompt or output; 1: off. Default: the model's, else 1. */
  repetitionPenalty: number({
    ...modelsOr(1),
    above: 0,
    help: "make tokens of prompt and output less likely; 1: off",
  }),
  /** Subtracted from the logits of tokens in the output. Default: 0. */
  presencePenalty: number({ min: -2, max: 2, default: 0, help: "subtracted from the logits of tokens in the output" }),
  /** Subtracted from the logits of tokens in the output, once per occurrence. Default: 0. */
  frequencyPenalty: number({ min: -2, max: 2, default: 0, help: "the same, once per occurrence" }),
  /**
   * Added to the logits of tokens, by token id; `-Infinity` forbids a token, and may not forbid all of them. At most
   * {@linkcode MAX_LOGIT_BIASES} tokens.
   */
  logitBias: record<Readonly<Record<number, number>>>("Record<number, number>"),
  /** Makes sampling reproducible. Default: random. */
  seed: integer({ min: 0, max: Number.MAX_SAFE_INTEGER, defaultText: "random", help: "make sampling reproducible" }),
  /** Report the log-probability of each token and of this number of likeliest ones. */
  logprobs: integer({
    min: 0,
    max: MAX_LOGPROBS,
    help: "with --json: log-probabilities of each token and of the N likeliest ones",
  }),
} as const;

/** Sampling options; all are optional. */
export interface SamplingOptions extends Given<typeof SAMPLING_OPTIONS> {}

/** Checked and complete sampling parameters. */
export interface SamplingParameters extends Omit<Resolved<typeof SAMPLING_OPTIONS>, "logitBias" | "seed" | "logprobs"> {
  readonly biasTokens: readonly number[];
  readonly biasValues: readonly number[];
  readonly seed: number;
  /** -1: none. */
  readonly logprobs: number;
}

/**
 * Check sampling options and fill in what was left out: from the model's `generation_config.json`, else with what turns a
 * parameter off.
 *
 * @param options What the caller gave.
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
  const resolved = resolveOptions(SAMPLING_OPTIONS, options, suggestionsOf(defaults));
  const { logitBias, seed, logprobs, ...parameters } = resolved;
  return {
    ...parameters,
    ...readGiven("logitBias", () => readLogitBias(logitBias ?? {}, vocabularySize)),
    seed: seed ?? randomSeed(),
    logprobs: logprobs ?? -1,
  };
}

/** The model's suggestions; none for a model without `do_sample`, which is decoded greedily. */
function suggestionsOf({ doSample, ...defaults }: SamplingDefaults): SamplingOptions {
  if (doSample !== true) return {};
  const { temperature, topK, topP, minP, repetitionPenalty } = defaults;
  return {
    temperature: temperature ?? 1,
    topK: topK ?? undefined,
    topP: topP ?? undefined,
    minP: minP ?? undefined,
    repetitionPenalty: repetitionPenalty ?? undefined,
  };
}

function randomSeed(): number {
  const [low, high] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return low + (high % 2 ** 21) * 2 ** 32;
}

/** @throws {UpbeatError} `INVALID_PARAMETER`. */
function readLogitBias(
  bias: Readonly<Record<number, number>>,
  vocabularySize: number,
): Pick<SamplingParameters, "biasTokens" | "biasValues"> {
  const keys = Object.keys(bias);
  if (keys.length > MAX_LOGIT_BIASES) {
    throw invalid("logitBias", `may name at most ${MAX_LOGIT_BIASES} tokens`, keys.length);
  }
  const biasTokens: number[] = [];
  const biasValues: number[] = [];
  for (const key of keys) {
    // "", "07" and "1e1" are numbers too, and would name a token twice.
    const token = String(Number(key)) === key ? Number(key) : key;
    const value: unknown = bias[key as unknown as number];
    biasTokens.push(checkNumber("logitBias (token id)", token, { min: 0, max: vocabularySize - 1 }, "integer"));
    // -Infinity forbids a token.
    biasValues.push(value === -Infinity ? value : checkNumber(`logitBias[${key}]`, value, BIAS_RANGE, "number"));
  }
  if (biasTokens.length === vocabularySize && biasValues.every((value) => value === -Infinity)) {
    const message = `logitBias forbids all ${vocabularySize} tokens of the vocabulary; it must leave one at least`;
    throw new UpbeatError("INVALID_PARAMETER", message, { field: "logitBias" });
  }
  return { biasTokens, biasValues };
}
