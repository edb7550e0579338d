/**
 * The model of a scripted device: each token is a function of all tokens before it.
 *
 * The first two elements of an activation row are its token (the id + 1, so that a row of zeros is padding) and, after
 * attention, a hash of the sequence up to it. Every op passes them on, attention computes the hash from the KV cache, and
 * sampling turns the hash and the row's sampling parameters into a token. A wrong block, a stale input or a late token
 * changes all tokens that follow.
 *
 * @module
 */
import { SAMPLING_FLOATS, SAMPLING_INTS } from "../../../../ffi/abi.ts";
import type { SamplingParameters } from "../../../../engine/config/sampling_options.ts";
import type { TokenScript } from "./options.ts";

/** Elements of a row in use. */
export const ROW = { TOKEN: 0, HASH: 1, LENGTH: 2 } as const;

/** The hash of an empty sequence. */
export const EMPTY_SEQUENCE = 0x1b873593;

/**
 * The hash of a sequence extended by one token (one round of MurmurHash3).
 *
 * @param hash The hash of the sequence so far.
 * @param value The token, or another value to mix in.
 * @returns An int32.
 */
export function extendHash(hash: number, value: number): number {
  let mixed = Math.imul(value + 0x7f4a7c15, 0xcc9e2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593) ^ hash;
  return Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64 | 0;
}

/** A row's sampling parameters in device memory; floats as bits. */
export interface SamplingRow {
  readonly floats: Int32Array;
  readonly floatsAt: number;
  readonly ints: Int32Array;
  readonly intsAt: number;
  readonly biasTokens: Int32Array;
  readonly biasValues: Int32Array;
}

/** Parameters that a greedy token depends on. */
const GREEDY_FLOATS = [
  SAMPLING_FLOATS.REPETITION_PENALTY,
  SAMPLING_FLOATS.PRESENCE_PENALTY,
  SAMPLING_FLOATS.FREQUENCY_PENALTY,
] as const;
const GREEDY_INTS = [SAMPLING_INTS.POSITION, SAMPLING_INTS.HISTORY_LENGTH, SAMPLING_INTS.PROMPT_LENGTH] as const;

/** Parameters that only a random token depends on. */
const RANDOM_FLOATS = [SAMPLING_FLOATS.TEMPERATURE, SAMPLING_FLOATS.TOP_P, SAMPLING_FLOATS.MIN_P] as const;
const RANDOM_INTS = [SAMPLING_INTS.TOP_K, SAMPLING_INTS.SEED_LOW, SAMPLING_INTS.SEED_HIGH] as const;

/**
 * The next token: a pure function of the sequence and the parameters that it depends on.
 *
 * @param sequence The hash of all tokens so far.
 * @param row The sampling parameters.
 * @param vocabulary Number of tokens.
 * @returns A token id.
 */
export function drawToken(sequence: number, row: SamplingRow, vocabulary: number): number {
  const { floats, floatsAt, ints, intsAt, biasTokens, biasValues } = row;
  let hash = sequence;
  for (const column of GREEDY_FLOATS) hash = extendHash(hash, floats[floatsAt + column]!);
  for (const column of GREEDY_INTS) hash = extendHash(hash, ints[intsAt + column]!);
  if (floats[floatsAt + SAMPLING_FLOATS.TEMPERATURE] !== 0) {
    for (const column of RANDOM_FLOATS) hash = extendHash(hash, floats[floatsAt + column]!);
    for (const column of RANDOM_INTS) hash = extendHash(hash, ints[intsAt + column]!);
  }
  for (let index = 0; index < biasTokens.length; index++) {
    hash = extendHash(extendHash(hash, biasTokens[index]!), biasValues[index]!);
  }
  return ((hash ^ (hash >>> 15)) >>> 0) % vocabulary;
}

/** The log-probability of a token at a position, exactly representable in F32. */
export function logprobOf(token: number, position: number): number {
  return -(1 + (extendHash(position, token) >>> 22)) / 1024;
}

/** The token of a rank among the likeliest ones; rank 0 is the sampled token itself. */
export function likeliestToken(token: number, rank: number, vocabulary: number): number {
  return (token + rank) % vocabulary;
}

/** The log-probability of that rank. */
export function likeliestLogprob(token: number, position: number, rank: number): number {
  return logprobOf(token, position) - rank / 8;
}

/** One token of a stream, as the executor emits it. */
export interface ScriptedToken {
  readonly tokenId: number;
  readonly logprob?: number;
  readonly topLogprobs?: readonly { readonly tokenId: number; readonly logprob: number }[];
}

/** Parts of the device that a stream depends on. */
export interface ScriptedTokensOptions {
  /** Number of tokens; that of the scripted engine's model unless given. */
  readonly vocabularySize?: number;
  /** The device's script. */
  readonly script?: TokenScript | undefined;
}

/** Number of tokens of the scripted engine's model. */
export const VOCABULARY_SIZE = 4096;

/**
 * The expected stream of a request in any batch and mode, computed without a device.
 *
 * @param promptTokenIds The prompt.
 * @param sampling The sampling parameters.
 * @param count Tokens to generate.
 * @param options The vocabulary and the script.
 * @returns The tokens, with log-probabilities if requested.
 */
export function scriptedStream(
  promptTokenIds: ArrayLike<number>,
  sampling: SamplingParameters,
  count: number,
  options: ScriptedTokensOptions = {},
): ScriptedToken[] {
  const { vocabularySize = VOCABULARY_SIZE, script } = options;
  const promptLength = promptTokenIds.length;
  const sequence = new Int32Array(promptLength + count);
  sequence.set(promptTokenIds);
  let hash = EMPTY_SEQUENCE;
  for (let position = 0; position < promptLength; position++) hash = extendHash(hash, sequence[position]!);

  const row = samplingRow(sampling, promptLength);
  return Array.from({ length: count }, (_, index) => {
    const position = promptLength + index;
    row.ints[SAMPLING_INTS.POSITION] = row.ints[SAMPLING_INTS.HISTORY_LENGTH] = position;
    const proposed = drawToken(hash, row, vocabularySize);
    const promptTokens = sequence.subarray(0, promptLength);
    const outputTokens = sequence.subarray(promptLength, position);
    const tokenId = script?.({ promptTokens, outputTokens, position, proposed }) ?? proposed;
    sequence[position] = tokenId;
    hash = extendHash(hash, tokenId);
    if (sampling.logprobs < 0) return { tokenId };
    const topLogprobs = Array.from({ length: sampling.logprobs }, (_, rank) => ({
      tokenId: likeliestToken(tokenId, rank, vocabularySize),
      logprob: likeliestLogprob(tokenId, position, rank),
    }));
    return { tokenId, logprob: logprobOf(tokenId, position), topLogprobs };
  });
}

/** The token ids of {@linkcode scriptedStream}. */
export function scriptedTokens(...request: Parameters<typeof scriptedStream>): number[] {
  return scriptedStream(...request).map(({ tokenId }) => tokenId);
}

/** A request's sampling parameters as passed to the device. */
function samplingRow(sampling: SamplingParameters, promptLength: number): SamplingRow {
  const floats = new Float32Array(SAMPLING_FLOATS.LENGTH);
  floats[SAMPLING_FLOATS.TEMPERATURE] = sampling.temperature;
  floats[SAMPLING_FLOATS.TOP_P] = sampling.topP;
  floats[SAMPLING_FLOATS.MIN_P] = sampling.minP;
  floats[SAMPLING_FLOATS.REPETITION_PENALTY] = sampling.repetitionPenalty;
  floats[SAMPLING_FLOATS.PRESENCE_PENALTY] = sampling.presencePenalty;
  floats[SAMPLING_FLOATS.FREQUENCY_PENALTY] = sampling.frequencyPenalty;
  const ints = new Int32Array(SAMPLING_INTS.LENGTH);
  ints[SAMPLING_INTS.TOP_K] = sampling.topK;
  ints[SAMPLING_INTS.SEED_LOW] = sampling.seed | 0;
  ints[SAMPLING_INTS.SEED_HIGH] = Math.floor(sampling.seed / 2 ** 32) | 0;
  ints[SAMPLING_INTS.PROMPT_LENGTH] = promptLength;
  return {
    floats: new Int32Array(floats.buffer),
    floatsAt: 0,
    ints,
    intsAt: 0,
    biasTokens: Int32Array.from(sampling.biasTokens),
    biasValues: new Int32Array(Float32Array.from(sampling.biasValues).buffer),
  };
}
