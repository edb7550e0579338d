/**
 * A call of `upbeat_sample` from plain descriptions of its rows.
 *
 * @module
 */

import { SAMPLING_FLOATS, SAMPLING_INTS } from "../../ffi/abi.ts";
import type { SamplingRow } from "../support/models/reference_sampling.ts";
import { type OpBench, type Output } from "./op_bench.ts";

/** A row of the call; null is padding. */
export type BatchRow = {
  readonly logits: Float32Array;
  readonly sampling: SamplingRow;
  /** -1: none. */
  readonly logprobs: number;
} | null;

/** The outputs of the call. */
export interface Samples {
  readonly tokens: Int32Array;
  /** `[rows, 1 + maxLogprobs]`. */
  readonly logprobs: Float32Array;
  /** `[rows, maxLogprobs]`. */
  readonly logprobTokens: Int32Array;
}

/** The operands of the call on the device, uploaded once so that it can be repeated. */
export class SamplingBatch {
  readonly #bench: OpBench;
  readonly #enqueue: () => void;
  readonly #outputs: readonly [tokens: Output, logprobs: Output | null, logprobTokens: Output | null];

  /**
   * @param bench The device.
   * @param rows The rows to sample.
   * @param vocabulary Length of every row of logits.
   * @param maxLogprobs Places for log-probabilities in each row.
   */
  constructor(bench: OpBench, rows: readonly BatchRow[], vocabulary: number, maxLogprobs: number) {
    const logits = new Float32Array(rows.length * vocabulary);
    const floats = new Float32Array(rows.length * SAMPLING_FLOATS.LENGTH).fill(NaN);
    const ints = new Int32Array(rows.length * SAMPLING_INTS.LENGTH).fill(-99);
    // Tokens before those of the first request, as in a shared table.
    const table = [-1, -1, -1];
    const biasTokens: number[] = [];
    const biasValues: number[] = [];
    for (const [index, row] of rows.entries()) {
      const set = (column: number, value: number) => ints[index * SAMPLING_INTS.LENGTH + column] = value;
      set(SAMPLING_INTS.ACTIVE, row === null ? 0 : 1);
      if (row === null) continue;
      const { sampling } = row;
      logits.set(row.logits, index * vocabulary);
      const parameters: [keyof typeof SAMPLING_FLOATS, number][] = [
        ["TEMPERATURE", sampling.temperature],
        ["TOP_P", sampling.topP],
        ["MIN_P", sampling.minP],
        ["REPETITION_PENALTY", sampling.repetitionPenalty],
        ["PRESENCE_PENALTY", sampling.presencePenalty],
        ["FREQUENCY_PENALTY", sampling.frequencyPenalty],
      ];
      for (const [name, value] of parameters) floats[index * SAMPLING_FLOATS.LENGTH + SAMPLING_FLOATS[name]] = value;
      set(SAMPLING_INTS.TOP_K, sampling.topK);
      set(SAMPLING_INTS.SEED_LOW, Number(BigInt.asIntN(32, sampling.seed)));
      set(SAMPLING_INTS.SEED_HIGH, Number(BigInt.asIntN(32, sampling.seed >> 32n)));
      set(SAMPLING_INTS.POSITION, sampling.position);
      set(SAMPLING_INTS.HISTORY_START, table.length);
      set(SAMPLING_INTS.HISTORY_LENGTH, sampling.prompt.length + sampling.output.length);
      set(SAMPLING_INTS.PROMPT_LENGTH, sampling.prompt.length);
      set(SAMPLING_INTS.LOGPROBS, row.logprobs);
      set(SAMPLING_INTS.BIAS_START, biasTokens.length);
      set(SAMPLING_INTS.BIAS_COUNT, sampling.bias.length);
      table.push(...sampling.prompt, ...sampling.output, -1);
      for (const [token, value] of sampling.bias) {
        biasTokens.push(token);
        biasValues.push(value);
      }
    }
    const wantLogprobs = rows.some((row) => row !== null && row.logprobs >= 0);
    const tokens = bench.output(rows.length);
    const logprobs = wantLogprobs ? bench.output(rows.length * (1 + maxLogprobs)) : null;
    const logprobTokens = wantLogprobs ? bench.output(rows.length * maxLogprobs) : null;
    this.#bench = bench;
    this.#outputs = [tokens, logprobs, logprobTokens];
    const operands = [
      bench.upload(logits),
      bench.upload(floats),
      bench.upload(ints),
      bench.upload(Int32Array.from(table)),
    ] as const;
    const biases = biasTokens.length === 0
      ? [null, null] as const
      : [bench.upload(Int32Array.from(biasTokens)), bench.upload(Float32Array.from(biasValues))] as const;
    this.#enqueue = () =>
      bench.check(bench.symbols.upbeat_sample(
        bench.stream,
        operands[0],
        rows.length,
        vocabulary,
        operands[1],
        operands[2],
        operands[3],
        biases[0],
        biases[1],
        maxLogprobs,
        tokens.pointer,
        logprobs?.pointer ?? null,
        logprobTokens?.pointer ?? null,
      ));
  }

  /** Enqueue the call. */
  enqueue(): void {
    this.#enqueue();
  }

  /** Wait and read the outputs. */
  read(): Samples {
    const [tokens, logprobs, logprobTokens] = this.#outputs;
    return {
      tokens: this.#bench.ints(tokens),
      logprobs: logprobs === null ? new Float32Array() : this.#bench.floats(logprobs),
      logprobTokens: logprobTokens === null ? new Int32Array() : this.#bench.ints(logprobTokens),
    };
  }
}

/**
 * Sample a batch and wait.
 *
 * @param bench The device.
 * @param rows The rows to sample.
 * @param vocabulary Length of every row of logits.
 * @param maxLogprobs Places for log-probabilities in each row.
 * @returns What came back.
 */
export function sampleBatch(
  bench: OpBench,
  rows: readonly BatchRow[],
  vocabulary: number,
  maxLogprobs = 0,
): Samples {
  const batch = new SamplingBatch(bench, rows, vocabulary, maxLogprobs);
  batch.enqueue();
  return batch.read();
}
