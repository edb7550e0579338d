import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type ErrorCode, UpbeatError } from "../../errors.ts";
import { DTYPE, type DtypeName, type WeightHandle } from "../../ffi/device.ts";
import { encode } from "../ops/dtypes.ts";
import { assertSameBits, OpBench } from "../ops/op_bench.ts";
import { Random } from "../ops/random.ts";
import { replaceFile } from "../support/special_files.ts";

/** Run with a bench and a folder that is removed afterwards. */
function withFolder(body: (bench: OpBench, folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "upbeat-weights-"));
  try {
    using bench = new OpBench({ simd: "AUTO", threads: 2 });
    body(bench, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function assertFails(code: ErrorCode, body: () => unknown): UpbeatError {
  const error = assertThrows(body, UpbeatError);
  assertEquals(error.code, code, error.message);
  return error;
}

/** Multiply by a weight, to observe its elements. */
function multiply(bench: OpBench, weight: WeightHandle, rows: number, input: Float32Array): Float32Array {
  const output = bench.output(rows);
  bench.check(
    bench.symbols.upbeat_linear(bench.stream, weight, bench.upload(input), null, null, 1, output.pointer),
  );
  return bench.floats(output);
}

for (const dtype of Object.keys(DTYPE) as DtypeName[]) {
  test(`Device.loadWeight() reads ${dtype} rows at any offset, in parts and in any order`, () => {
    withFolder((bench, folder) => {
      const random = new Random(5);
      const [rows, columns, offset] = [70, 37, 13];
      const elements = random.floats(rows * columns);
      const { bytes } = encode(elements, dtype);
      const path = join(folder, "weights with spaces, and ü.bin");
      writeFileSync(path, new Uint8Array([...new Uint8Array(offset).fill(77), ...bytes, 77, 77]));
      const weight = bench.device.createWeight(DTYPE[dtype], rows, columns);
      const rowBytes = bytes.length / rows;
      for (const [first, count] of [[40, 30], [0, 1], [1, 39]] as const) {
        bench.device.loadWeight(bench.stream, weight, first, count, path, offset + first * rowBytes);
      }
      const input = random.floats(columns);
      const expected = multiply(bench, bench.weight(elements, columns, dtype).handle, rows, input);
      assertSameBits(multiply(bench, weight, rows, input), expected, dtype);
    });
  });

  test(`Device.loadMemory() reads ${dtype} elements as F32`, () => {
    withFolder((bench, folder) => {
      const { bytes, values } = encode(new Random(6).floats(101, 100), dtype);
      const path = join(folder, "norm.bin");
      writeFileSync(path, new Uint8Array([1, 2, 3, ...bytes]));
      const output = bench.output(values.length);
      bench.device.loadMemory(bench.stream, output.pointer, path, 3, DTYPE[dtype], values.length);
      assertSameBits(bench.floats(output), values, dtype);
    });
  });
}

test("loading refuses a missing or short file, naming it", () => {
  withFolder((bench, folder) => {
    const { device, stream } = bench;
    const weight = device.createWeight(DTYPE.F32, 4, 8);
    const { pointer } = bench.output(16);
    const missing = join(folder, "missing.bin");
    const short = join(folder, "short.bin");
    writeFileSync(short, new Uint8Array(4 * 8 * 4 - 1));
    for (const path of [missing, short, folder]) {
      const error = assertFails("WEIGHTS_INVALID", () => device.loadWeight(stream, weight, 0, 4, path, 0));
      assertStringIncludes(error.message, path);
    }
    assertFails("WEIGHTS_INVALID", () => device.loadMemory(stream, pointer, missing, 0, DTYPE.F32, 4));
    assertFails("WEIGHTS_INVALID", () => device.loadMemory(stream, pointer, short, 120, DTYPE.F32, 2));
    // An offset near 2^53 must not wrap around.
    assertFails("WEIGHTS_INVALID", () => device.loadMemory(stream, pointer, short, Number.MAX_SAFE_INTEGER, 0, 1));
    assertFails("DEVICE_INVALID_ARGUMENT", () => device.loadMemory(stream, pointer, short, -4, DTYPE.F32, 1));
    assertFails("DEVICE_INVALID_ARGUMENT", () => device.loadMemory(stream, pointer, short, 0.5, DTYPE.F32, 1));
    assertFails("DEVICE_INVALID_ARGUMENT", () => device.loadMemory(stream, pointer, "a\0b", 0, DTYPE.F32, 1));
    // Nothing was enqueued, so nothing faults.
    assertEquals(device.synchronize(stream), true);
  });
});

test("loading refuses pipes, devices and links without a file at once, naming them", () => {
  withFolder((bench, folder) => {
    const { device, stream } = bench;
    const weight = device.createWeight(DTYPE.F32, 4, 8);
    const { pointer } = bench.output(16);
    const path = join(folder, "weights.bin");
    for (const kind of ["pipe", "endless device", "dangling link", "link to itself"]) {
      replaceFile(path, kind);
      const error = assertFails("WEIGHTS_INVALID", () => device.loadWeight(stream, weight, 0, 4, path, 0));
      assertStringIncludes(error.message, path);
      assertFails("WEIGHTS_INVALID", () => device.loadMemory(stream, pointer, path, 0, DTYPE.F32, 4));
    }
    assertEquals(device.synchronize(stream), true);
  });
});

test("a weight refuses rows out of range, an unknown dtype, and use before it is full", () => {
  withFolder((bench, folder) => {
    const { device, stream, symbols } = bench;
    const path = join(folder, "weights.bin");
    writeFileSync(path, new Uint8Array(4 * 8 * 4));
    const weight = device.createWeight(DTYPE.F32, 4, 8);
    for (const [first, count] of [[-1, 2], [3, 2], [0, 5], [2 ** 31 - 1, 2 ** 31 - 1]] as const) {
      assertFails("DEVICE_INVALID_ARGUMENT", () => device.loadWeight(stream, weight, first, count, path, 0));
    }
    for (const [dtype, rows, columns] of [[3, 4, 4], [-1, 4, 4], [0, 0, 4], [0, 4, -1]] as const) {
      assertFails("DEVICE_INVALID_ARGUMENT", () => device.createWeight(dtype as 0, rows, columns));
    }
    device.loadWeight(stream, weight, 0, 3, path, 0);
    const input = bench.upload(new Float32Array(8));
    const { pointer } = bench.output(4);
    assertFails(
      "DEVICE_INVALID_ARGUMENT",
      () => bench.check(symbols.upbeat_linear(stream, weight, input, null, null, 1, pointer)),
    );
    device.loadWeight(stream, weight, 3, 1, path, 0);
    bench.check(symbols.upbeat_linear(stream, weight, input, null, null, 1, pointer));
    assertEquals(device.synchronize(stream), true);
    device.destroyWeight(weight);
    assertFails("DEVICE_INVALID_ARGUMENT", () => device.destroyWeight(weight));
  });
});
