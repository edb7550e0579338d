/**
 * The token table and sampling.
 *
 * @module
 */
import { SAMPLING_FLOATS, SAMPLING_INTS, STATUS, type Symbols, TOKEN } from "../../../../ffi/abi.ts";
import { checkBothOrNone, checkNotNegative, checkPositive, WorkFault } from "./checks.ts";
import { checkColumns } from "./decoder_symbols.ts";
import type { Operand } from "./memory.ts";
import type { DeviceState } from "./state.ts";
import { Stream } from "./stream.ts";
import {
  drawToken,
  EMPTY_SEQUENCE,
  extendHash,
  likeliestLogprob,
  likeliestToken,
  logprobOf,
  ROW,
} from "./toy_model.ts";

/** Operands of sampling. */
interface SamplingOperands {
  readonly logits: Operand;
  readonly vocabulary: number;
  readonly floats: Operand;
  readonly ints: Operand;
  readonly table: Operand;
  readonly biasTokens: Operand | null;
  readonly biasValues: Operand | null;
  readonly maxLogprobs: number;
  readonly tokens: Operand;
  readonly logprobs: Operand | null;
  readonly logprobTokens: Operand | null;
}

const NO_BIAS = new Int32Array(0);

/** The functions, by name. */
export function tokenSymbols(state: DeviceState) {
  const { memory } = state;
  return {
    upbeat_gather_tokens: state.guard(
      "upbeat_gather_tokens",
      (streamHandle, table, sources, rows, tableLength, output) => {
        const stream = state.get("stream", streamHandle, Stream);
        checkNotNegative("rows", rows);
        checkPositive("table_length", tableLength);
        const from = memory.operand("table", table, tableLength);
        const sourceOperand = memory.operand("sources", sources, rows);
        const target = memory.operand("output", output, rows);
        const run = () => {
          for (let row = 0; row < rows; row++) {
            const source = sourceOperand.ints[sourceOperand.at + row]!;
            if (source >= tableLength) throw new WorkFault(`source ${source} of row ${row} is outside the token table`);
            target.ints[target.at + row] = source < 0 ? TOKEN.PADDING : from.ints[from.at + source]!;
          }
        };
        if (rows > 0) {
          stream.enqueue({ name: "upbeat_gather_tokens", duration: 0, operands: [from, sourceOperand, target], run });
        }
        return STATUS.OK;
      },
    ),

    upbeat_scatter_tokens: state.guard(
      "upbeat_scatter_tokens",
      (streamHandle, tokens, destinations, rows, tableLength, table) => {
        const stream = state.get("stream", streamHandle, Stream);
        checkNotNegative("rows", rows);
        checkPositive("table_length", tableLength);
        const source = memory.operand("tokens", tokens, rows);
        const destinationOperand = memory.operand("destinations", destinations, rows);
        const target = memory.operand("table", table, tableLength);
        const run = () => {
          for (let row = 0; row < rows; row++) {
            const destination = destinationOperand.ints[destinationOperand.at + row]!;
            if (destination >= tableLength) {
              throw new WorkFault(`destination ${destination} of row ${row} is outside the token table`);
            }
            if (destination >= 0) target.ints[target.at + destination] = Math.max(0, source.ints[source.at + row]!);
          }
        };
        if (rows > 0) {
          stream.enqueue({
            name: "upbeat_scatter_tokens",
            duration: 0,
            operands: [source, destinationOperand, target],
            run,
          });
        }
        return STATUS.OK;
      },
    ),

    upbeat_sample: state.guard("upbeat_sample", (
      streamHandle,
      logits,
      rows,
      vocabulary,
      floats,
      ints,
      tokenTable,
      biasTokens,
      biasValues,
      maxLogprobs,
      tokens,
      logprobs,
      logprobTokens,
    ) => {
      const stream = state.get("stream", streamHandle, Stream);
      checkNotNegative("rows", rows);
      checkColumns("vocabulary", vocabulary);
      checkNotNegative("max_logprobs", maxLogprobs);
      checkBothOrNone("bias_tokens", biasTokens, "bias_values", biasValues);
      if (maxLogprobs > 0) checkBothOrNone("logprobs", logprobs, "logprob_tokens", logprobTokens);
      const operands: SamplingOperands = {
        logits: memory.operand("logits", logits, rows * vocabulary),
        vocabulary,
        floats: memory.operand("floats", floats, rows * SAMPLING_FLOATS.LENGTH),
        ints: memory.operand("ints", ints, rows * SAMPLING_INTS.LENGTH),
        table: memory.operand("token_table", tokenTable, 1),
        biasTokens: memory.operandOrNull("bias_tokens", biasTokens, 1),
        biasValues: memory.operandOrNull("bias_values", biasValues, 1),
        maxLogprobs,
        tokens: memory.operand("tokens", tokens, rows),
        logprobs: memory.operandOrNull("logprobs", logprobs, rows * (1 + maxLogprobs)),
        logprobTokens: memory.operandOrNull("logprob_tokens", logprobTokens, rows * maxLogprobs),
      };
      if (rows === 0) return STATUS.OK;
      const { sampling = 0 } = state.options.durations ?? {};
      stream.enqueue({
        name: "upbeat_sample",
        duration: typeof sampling === "number" ? sampling : sampling(rows),
        operands: listOperands(operands),
        run: () => {
          for (let row = 0; row < rows; row++) sampleRow(state, operands, row);
        },
      });
      return STATUS.OK;
    }),
  } satisfies Partial<Symbols>;
}

function listOperands(operands: SamplingOperands): (Operand | null)[] {
  const { logits, floats, ints, table, biasTokens, biasValues, tokens, logprobs, logprobTokens } = operands;
  return [logits, floats, ints, table, biasTokens, biasValues, tokens, logprobs, logprobTokens];
}

/** Samples the token of one row. */
function sampleRow(state: DeviceState, operands: SamplingOperands, row: number): void {
  const { vocabulary, floats, ints, tokens } = operands;
  const intsAt = ints.at + row * SAMPLING_INTS.LENGTH;
  const control = (column: number) => ints.ints[intsAt + column]!;
  if (control(SAMPLING_INTS.ACTIVE) === 0) {
    tokens.ints[tokens.at + row] = TOKEN.PADDING;
    return;
  }
  const start = operands.table.at + control(SAMPLING_INTS.HISTORY_START);
  const history = operands.table.ints.subarray(start, start + control(SAMPLING_INTS.HISTORY_LENGTH));
  const hash = checkHistory(state, operands, row, history);
  const count = control(SAMPLING_INTS.BIAS_COUNT);
  const biases = ({ ints, at }: Operand) => {
    const first = at + control(SAMPLING_INTS.BIAS_START);
    return ints.subarray(first, first + count);
  };
  const proposed = drawToken(hash, {
    floats: floats.ints,
    floatsAt: floats.at + row * SAMPLING_FLOATS.LENGTH,
    ints: ints.ints,
    intsAt,
    biasTokens: operands.biasTokens === null || count === 0 ? NO_BIAS : biases(operands.biasTokens),
    biasValues: operands.biasValues === null || count === 0 ? NO_BIAS : biases(operands.biasValues),
  }, vocabulary);
  const promptLength = control(SAMPLING_INTS.PROMPT_LENGTH);
  const position = control(SAMPLING_INTS.POSITION);
  const token = state.options.script?.({
    promptTokens: history.subarray(0, promptLength),
    outputTokens: history.subarray(promptLength),
    position,
    proposed,
  }) ?? proposed;
  tokens.ints[tokens.at + row] = token;
  if (token === TOKEN.NOT_FINITE) return;
  writeLogprobs(operands, row, token, position, control(SAMPLING_INTS.LOGPROBS));
}

/** Checks that penalties read the tokens that attention read. @returns The sequence's hash, as of attention. */
function checkHistory(
  state: DeviceState,
  { logits, vocabulary }: SamplingOperands,
  row: number,
  history: Int32Array,
): number {
  const at = logits.at + row * vocabulary;
  const hash = logits.ints[at + ROW.HASH]!;
  const token = logits.ints[at + ROW.TOKEN]! - 1;
  const isSame = state.options.checks === "latest" ? history.at(-1) === token : hashOf(history) === hash;
  if (!isSame) {
    state.violate(
      `upbeat_sample: row ${row} has logits of a sequence that ends in token ${token}, and the token table has another one ` +
        `of ${history.length} tokens that ends in ${history.at(-1)}`,
    );
  }
  return hash;
}

function hashOf(tokens: Int32Array): number {
  let hash = EMPTY_SEQUENCE;
  for (let position = 0; position < tokens.length; position++) hash = extendHash(hash, tokens[position]!);
  return hash;
}

function writeLogprobs(operands: SamplingOperands, row: number, token: number, position: number, count: number): void {
  const { logprobs, logprobTokens, maxLogprobs, vocabulary } = operands;
  if (count < 0 || logprobs === null || logprobTokens === null) return;
  const { buffer } = logprobs.allocation;
  const values = new Float32Array(buffer, logprobs.offset + row * (1 + maxLogprobs) * 4, 1 + maxLogprobs);
  values[0] = logprobOf(token, position);
  for (let rank = 0; rank < Math.min(count, maxLogprobs); rank++) {
    values[1 + rank] = likeliestLogprob(token, position, rank);
    logprobTokens.ints[logprobTokens.at + row * maxLogprobs + rank] = likeliestToken(token, rank, vocabulary);
  }
}
