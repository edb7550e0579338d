import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { UpbeatError } from "../../../errors.ts";
import { BLOCK_TYPES, type BlockTypeName, DTYPE } from "../../../ffi/abi.ts";
import type { WeightHandle } from "../../../ffi/types.ts";
import { dequantize } from "../../support/models/quantized_blocks.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";
import { bfloat16 } from "../dtypes.ts";
import { assertSameBits, type OpBench, testOp } from "../op_bench.ts";
import { Random } from "../random.ts";
import { randomBlocks } from "./random_blocks.ts";

const TYPES = Object.keys(BLOCK_TYPES) as BlockTypeName[];

/** Rows of a weight, read by looking all of them up. */
function rowsOf(bench: OpBench, weight: WeightHandle, rows: number, columns: number): Float32Array {
  const output = bench.output(rows * columns);
  const tokens = bench.upload(Int32Array.from({ length: rows }, (_, row) => row));
  bench.check(bench.symbols.upbeat_embedding(bench.stream, weight, tokens, rows, output.pointer));
  return bench.floats(output);
}

/** NaN has many bit patterns, which libraries may choose from. */
function canonical(values: Float32Array): Float32Array {
  return values.map((value) => Number.isNaN(value) ? NaN : value);
}

/** The elements as the library keeps them: F32 on the CPU, BF16 in the CUDA library. */
function expectedRows(bench: OpBench, type: BlockTypeName, bytes: Uint8Array): Float32Array {
  const values = Float32Array.from(dequantize(type, bytes));
  return bench.library === "cpu" ? values : values.map(bfloat16);
}

testOp("a weight of blocks has the elements of the published layout, for all types and any bytes", (bench) => {
  for (const [index, type] of TYPES.entries()) {
    const { dtype, columns: block } = BLOCK_TYPES[type];
    const random = new Random(index), rows = 37, columns = 2 * block;
    const bytes = randomBlocks(type, rows * 2, random);
    const weight = bench.device.createWeight(dtype, rows, columns);
    using source = bench.pinned(bytes);
    bench.check(bench.symbols.upbeat_weight_upload(bench.stream, weight, 0, rows, source.pointer));
    const expected = canonical(expectedRows(bench, type, bytes));
    assertSameBits(canonical(rowsOf(bench, weight, rows, columns)), expected, `${type}, seed ${index}`);
    bench.device.destroyWeight(weight);
  }
});

testOp("upbeat_weight_load() restores the order of paired rows", (bench) =>
  withTemporaryFolder((folder) => {
    const [heads, headDim, block] = [3, 10, BLOCK_TYPES.Q8_0];
    const rows = heads * headDim, columns = 2 * block.columns, rowBytes = 2 * block.bytes;
    const bytes = randomBlocks("Q8_0", rows * 2, new Random(1)).map((byte, i) => i % block.bytes === 1 ? 0x30 : byte);
    const file = join(folder, "rows.bin");
    writeFileSync(file, bytes);
    const weight = bench.device.createWeight(block.dtype, rows, columns);
    // Two heads and one, in two loads.
    bench.device.loadWeight(bench.stream, weight, 0, 2 * headDim, file, 0, headDim);
    bench.device.loadWeight(bench.stream, weight, 2 * headDim, headDim, file, 2 * headDim * rowBytes, headDim);
    const stored = expectedRows(bench, "Q8_0", bytes);
    const expected = new Float32Array(stored.length);
    for (let head = 0; head < heads; head++) {
      for (let j = 0; j < headDim / 2; j++) {
        for (const t of [0, 1]) {
          const from = (head * headDim + 2 * j + t) * columns;
          expected.set(stored.subarray(from, from + columns), (head * headDim + j + (t * headDim) / 2) * columns);
        }
      }
    }
    assertSameBits(rowsOf(bench, weight, rows, columns), expected, "rows");

    const other = bench.device.createWeight(block.dtype, rows, columns);
    for (const paired of [-2, 3, 20]) {
      const error = assertThrows(
        () => bench.device.loadWeight(bench.stream, other, 0, rows, file, 0, paired),
        UpbeatError,
      );
      assertEquals(error.code, "DEVICE_INVALID_ARGUMENT");
      assertStringIncludes(error.message, "paired_rows");
    }
  }));

testOp("upbeat_weight_create() refuses rows that are no whole number of blocks, and unknown types", (bench) => {
  for (const [type, columns] of [["Q4_0", 48], ["Q4_K", 128], ["MXFP4", 31]] as const) {
    const error = assertThrows(() => bench.device.createWeight(BLOCK_TYPES[type].dtype, 4, columns), UpbeatError);
    assertEquals(error.code, "DEVICE_INVALID_ARGUMENT");
    assertStringIncludes(error.message, `the block of ${type}`);
  }
  for (const unknown of [3, 64, 68, 79, 104]) {
    const error = assertThrows(() => bench.device.createWeight(unknown as 0, 4, 256), UpbeatError);
    assertStringIncludes(error.message, "dtype");
  }
  const weight = bench.device.createWeight(BLOCK_TYPES.Q4_0.dtype, 4, 32, DTYPE.F32);
  const error = assertThrows(() => bench.device.randomizeWeight(bench.stream, weight, 0, 4, 1, [1, 2]), UpbeatError);
  assertStringIncludes(error.message, "no random elements of Q4_0");
});
