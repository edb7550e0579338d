/**
 * The paged KV cache of the scripted model. Per token, the key cache has the token and its position, and the value cache the
 * hash of the sequence up to it. Attention reads every entry that its rows attend to and detects a wrong one by its position,
 * or by its hash, which is derived from the previous entry.
 *
 * @module
 */
import { STATUS, type Symbols } from "../../../../ffi/abi.ts";
import { checkBothOrNone, checkNotNegative, checkPositive, refuse, WorkFault } from "./checks.ts";
import { checkColumns, writeRow } from "./decoder_symbols.ts";
import type { Operand } from "./memory.ts";
import type { ForwardWork } from "./options.ts";
import { type DeviceState, OpenDevice } from "./state.ts";
import { Stream } from "./stream.ts";
import { EMPTY_SEQUENCE, extendHash, ROW } from "./toy_model.ts";

/** Elements of one token in either cache. */
const ENTRY_LENGTH = 2;

/** A token's entry in the key cache: the token as its row has it, and its position + 1, so that 0 is "never written". */
const KEY = { TOKEN: 0, POSITION: 1 } as const;

/** Operands of attention. */
interface AttentionOperands {
  readonly query: Operand;
  readonly queryStride: number;
  readonly keys: Operand;
  readonly values: Operand;
  readonly blockTables: Operand;
  readonly maxBlocks: number;
  readonly queryStarts: Operand;
  readonly sequenceLengths: Operand;
  readonly blockSize: number;
  readonly output: Operand;
  readonly outputStride: number;
}

/** The ops, by name. */
export function attentionSymbols(state: DeviceState) {
  const { memory } = state;
  return {
    upbeat_kv_cache_bytes: state.guard(
      "upbeat_kv_cache_bytes",
      (device, _dtype, blocks, blockSize, kvHeads, headDim, bytes) => {
        state.get("device", device, OpenDevice);
        checkPositive("blocks", blocks);
        checkPositive("block_size", blockSize);
        checkPositive("kv_heads", kvHeads);
        checkPositive("head_dim", headDim);
        (bytes as BigInt64Array)[0] = BigInt(blocks * blockSize * ENTRY_LENGTH * 4);
        return STATUS.OK;
      },
    ),

    upbeat_rotary_cache: state.guard("upbeat_rotary_cache", (
      streamHandle,
      qkv,
      positions,
      slotMapping,
      rotaryTable,
      queryNorm,
      keyNorm,
      _epsilon,
      rows,
      heads,
      kvHeads,
      headDim,
      keyCache,
      valueCache,
      _cacheDtype,
      blockSize,
    ) => {
      const stream = state.get("stream", streamHandle, Stream);
      checkBothOrNone("query_norm", queryNorm, "key_norm", keyNorm);
      checkNotNegative("rows", rows);
      checkHeads(heads, kvHeads, headDim);
      checkPositive("block_size", blockSize);
      const columns = (heads + 2 * kvHeads) * headDim;
      const source = memory.operand("qkv", qkv, rows * columns);
      const positionsOperand = memory.operand("positions", positions, rows);
      const slots = memory.operand("slot_mapping", slotMapping, rows);
      const table = memory.operand("rotary_table", rotaryTable, headDim);
      const keys = memory.operand("key_cache", keyCache, blockSize * ENTRY_LENGTH);
      const values = memory.operand("value_cache", valueCache, blockSize * ENTRY_LENGTH);
      const capacity = keys.capacity / ENTRY_LENGTH;
      const run = () => {
        for (let row = 0; row < rows; row++) {
          const slot = slots.ints[slots.at + row]!;
          if (slot < 0) continue;
          const position = positionsOperand.ints[positionsOperand.at + row]!;
          if (position < 0 || position >= table.capacity / headDim) {
            throw new WorkFault(`position ${position} of row ${row} is outside the rotary table`);
          }
          if (slot >= capacity) throw new WorkFault(`slot ${slot} of row ${row} is outside the cache of ${capacity}`);
          const entry = keys.at + slot * ENTRY_LENGTH;
          keys.ints[entry + KEY.TOKEN] = source.ints[source.at + row * columns + ROW.TOKEN]!;
          keys.ints[entry + KEY.POSITION] = position + 1;
          values.ints[values.at + slot * ENTRY_LENGTH] = 0;
        }
      };
      const operands = [source, positionsOperand, slots, table, keys, values];
      if (rows > 0) stream.enqueue({ name: "upbeat_rotary_cache", duration: 0, operands, run });
      return STATUS.OK;
    }),

    upbeat_attention: state.guard("upbeat_attention", (
      streamHandle,
      queryPointer,
      queryStride,
      keyCache,
      valueCache,
      _cacheDtype,
      blockTablesPointer,
      maxBlocks,
      queryStartsPointer,
      sequenceLengthsPointer,
      requests,
      rows,
      heads,
      kvHeads,
      headDim,
      blockSize,
      _scale,
      slidingWindow,
      outputPointer,
    ) => {
      const stream = state.get("stream", streamHandle, Stream);
      checkNotNegative("requests", requests);
      checkNotNegative("rows", rows);
      checkHeads(heads, kvHeads, headDim);
      checkPositive("max_blocks", maxBlocks);
      checkPositive("block_size", blockSize);
      checkNotNegative("sliding_window", slidingWindow);
      const outputStride = heads * headDim;
      if (queryStride < outputStride) refuse(`query_stride: must be at least ${outputStride}, is ${queryStride}`);
      const operands: AttentionOperands = {
        query: memory.operand("query", queryPointer, rows === 0 ? 0 : (rows - 1) * queryStride + outputStride),
        queryStride,
        keys: memory.operand("key_cache", keyCache, blockSize * ENTRY_LENGTH),
        values: memory.operand("value_cache", valueCache, blockSize * ENTRY_LENGTH),
        blockTables: memory.operand("block_tables", blockTablesPointer, requests * maxBlocks),
        maxBlocks,
        queryStarts: memory.operand("query_starts", queryStartsPointer, requests + 1),
        sequenceLengths: memory.operand("sequence_lengths", sequenceLengthsPointer, requests),
        blockSize,
        output: memory.operand("output", outputPointer, rows * outputStride),
        outputStride,
      };
      if (rows === 0 || requests === 0) return STATUS.OK;
      // The first attention after an embedding takes the time of the whole forward pass; other ops take none.
      const forward = stream.isForwardDue ? { tokens: rows, requests, isPrefill: rows > requests } : null;
      stream.isForwardDue = false;
      const { query, keys, values, blockTables, queryStarts, sequenceLengths, output } = operands;
      stream.enqueue({
        name: "upbeat_attention",
        get duration() {
          return forward === null ? 0 : forwardDuration(forward);
        },
        forward,
        operands: [query, keys, values, blockTables, queryStarts, sequenceLengths, output],
        run: () => {
          for (let request = 0; request < requests; request++) attend(state, operands, request);
        },
      });
      return STATUS.OK;
    }),
  } satisfies Partial<Symbols>;

  function forwardDuration(work: ForwardWork): number {
    const { forward = 0 } = state.options.durations ?? {};
    return typeof forward === "number" ? forward : forward(work);
  }
}

function checkHeads(heads: number, kvHeads: number, headDim: number): void {
  checkPositive("heads", heads);
  checkPositive("kv_heads", kvHeads);
  checkColumns("head_dim", headDim);
  if (heads % kvHeads !== 0) refuse(`heads: must be a multiple of kv_heads (${kvHeads}), is ${heads}`);
  if (headDim % 2 !== 0) refuse(`head_dim: must be even, is ${headDim}`);
}

/** Computes the query rows of one request. */
function attend(state: DeviceState, operands: AttentionOperands, request: number): void {
  const { query, queryStride, queryStarts, sequenceLengths, output, outputStride } = operands;
  const firstRow = queryStarts.ints[queryStarts.at + request]!;
  const rows = queryStarts.ints[queryStarts.at + request + 1]! - firstRow;
  const length = sequenceLengths.ints[sequenceLengths.at + request]!;
  for (let row = firstRow; row < firstRow + rows; row++) writeRow(output, row * outputStride, 0, 0);
  if (rows <= 0 || length <= 0) return;

  const report = (what: string) => state.violate(`upbeat_attention: request ${request} of ${length} tokens ${what}`);
  const begin = length - rows;
  if (begin < 0) return report(`has ${rows} query rows`);
  // The loop runs over the whole sequence of each row, so the operands' fields are read once, outside of it.
  const keys = operands.keys.ints;
  const values = operands.values.ints;
  const keysAt = operands.keys.at;
  const valuesAt = operands.values.at;
  const slotOf = slotFinder(operands, request);
  // With "latest", the entry before the first row is trusted, and older ones are not read.
  const first = state.options.checks === "latest" ? Math.max(0, begin - 1) : 0;
  let hash = EMPTY_SEQUENCE;
  for (let position = first; position < length; position++) {
    const slot = slotOf(position);
    if (slot < 0) return report(`has no block for position ${position}`);
    const entry = keysAt + slot * ENTRY_LENGTH;
    const token = keys[entry + KEY.TOKEN]!;
    const written = keys[entry + KEY.POSITION]!;
    if (written !== position + 1) {
      const found = written === 0 ? "was never written" : `has a token of position ${written - 1}`;
      return report(`reads position ${position} from slot ${slot}, which ${found}`);
    }
    const value = valuesAt + slot * ENTRY_LENGTH;
    hash = position === first && first > 0 ? values[value]! : extendHash(hash, token - 1);
    if (position < begin) {
      if (values[value] === hash) continue;
      return report(
        `reads position ${position} from slot ${slot}, which was computed after other tokens`,
      );
    }
    const row = firstRow + position - begin;
    if (query.ints[query.at + row * queryStride + ROW.TOKEN] !== token) {
      return report(`reads token ${token - 1} at position ${position}, where row ${row} has another one`);
    }
    values[value] = hash;
    writeRow(output, row * outputStride, token, hash);
  }
}

/** Maps positions of a request to cache slots; negative where the block table has no valid block. */
function slotFinder(operands: AttentionOperands, request: number): (position: number) => number {
  const { blockTables, maxBlocks, blockSize } = operands;
  const table = blockTables.ints;
  const row = blockTables.at + request * maxBlocks;
  const capacity = operands.keys.capacity / ENTRY_LENGTH;
  return (position) => {
    const index = Math.floor(position / blockSize);
    const slot = index < maxBlocks ? table[row + index]! * blockSize + (position % blockSize) : -1;
    return slot < capacity ? slot : -1;
  };
}
