import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { WeightDtype } from "../../../engine/weights/dtypes.ts";
import { readSafetensorsHeader } from "../../../engine/weights/safetensors.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { readTensor } from "../../support/models/reference_tensor.ts";
import { headerBytes, writeSafetensors } from "../../support/models/safetensors_writer.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

/** A file with this header text and this many bytes of data. */
function withFile<Result>(header: string, dataBytes: number, use: (file: string) => Result): Result {
  return withBytes(Buffer.concat([headerBytes(header), Buffer.alloc(dataBytes)]), use);
}

function withBytes<Result>(bytes: Uint8Array, use: (file: string) => Result): Result {
  return withTemporaryFolder((folder) => {
    const file = join(folder, "model.safetensors");
    writeFileSync(file, bytes);
    return use(file);
  });
}

/** A length field and the bytes after it, unchecked. */
function lengthAnd(length: bigint, rest: string): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(length);
  return Buffer.concat([bytes, Buffer.from(rest)]);
}

const GOOD = '{"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ' +
  '"b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]}}';

test("readSafetensorsHeader() finds every tensor when the file is valid", () => {
  withFile(GOOD, 32, (file) => {
    const { tensors, fileBytes } = readSafetensorsHeader(file);
    const start = fileBytes - 32;
    assertEquals([...tensors.values()], [
      { name: "a", file, dtype: "F32", shape: [2, 3], offset: start, byteLength: 24 },
      { name: "b", file, dtype: "BF16", shape: [4], offset: start + 24, byteLength: 8 },
    ]);
  });
});

test("readSafetensorsHeader() accepts scalars, empty tensors, metadata, any order and no tensors", () => {
  const header = '{"__metadata__": {"format": "pt"}, "late": {"dtype": "U8", "shape": [3], "data_offsets": [4, 7]}, ' +
    '"empty": {"dtype": "F32", "shape": [0, 5], "data_offsets": [4, 4]}, ' +
    '"scalar": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}';
  withFile(header, 7, (file) => {
    assertEquals([...readSafetensorsHeader(file).tensors.keys()], ["scalar", "empty", "late"]);
  });
  withFile("{}", 0, (file) => assertEquals(readSafetensorsHeader(file).tensors.size, 0));
});

test("readSafetensorsHeader() keeps a tensor when its dtype is unknown, and counts sub-byte dtypes in bits", () => {
  withFile('{"x": {"dtype": "F7_NEW", "shape": [9], "data_offsets": [0, 5]}}', 5, (file) => {
    assertEquals(readSafetensorsHeader(file).tensors.get("x")?.dtype, "F7_NEW");
  });
  withFile('{"x": {"dtype": "F4", "shape": [6], "data_offsets": [0, 3]}}', 3, (file) => {
    assertEquals(readSafetensorsHeader(file).tensors.get("x")?.byteLength, 3);
  });
  withFile('{"x": {"dtype": "F4", "shape": [5], "data_offsets": [0, 3]}}', 3, (file) => {
    assertUpbeatError(() => readSafetensorsHeader(file), "WEIGHTS_INVALID", '"x"', "2.5 bytes");
  });
});

test("readSafetensorsHeader() treats a tensor named __proto__ like any other", () => {
  withFile('{"__proto__": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}', 1, (file) => {
    assertEquals([...readSafetensorsHeader(file).tensors.keys()], ["__proto__"]);
  });
});

const BAD_FILES: readonly [when: string, bytes: Uint8Array, ...parts: string[]][] = [
  ["is empty", Buffer.alloc(0), "0 bytes"],
  ["is shorter than the length field", Buffer.alloc(7), "7 bytes"],
  ["is shorter than its header", lengthAnd(100n, "{}"), "header of 100 bytes", "ends 98 bytes earlier"],
  ["claims a header of more than 100 MB", lengthAnd(100_000_001n, "{}"), "100000001"],
  ["claims a header of 2^64 - 1 bytes", lengthAnd(2n ** 64n - 1n, "{}"), "18446744073709551615"],
  ["claims a header of 2^53 + 1 bytes", lengthAnd(2n ** 53n + 1n, "{}"), "9007199254740993"],
  ["has no header", lengthAnd(0n, ""), "'{'"],
  ["begins with a space", lengthAnd(3n, " {}"), "'{'"],
  ["begins with a byte order mark", lengthAnd(5n, "\uFEFF{}"), "'{'"],
  ["is a list", lengthAnd(2n, "[]"), "'{'"],
  ["is not JSON", lengthAnd(3n, "{a}"), "not valid JSON"],
  ["has text after its JSON", lengthAnd(4n, "{}{}"), "not valid JSON"],
  ["is not UTF-8", Buffer.concat([lengthAnd(5n, '{"'), Buffer.from([0xff]), Buffer.from('":')]), "UTF-8"],
];

for (const [when, bytes, ...parts] of BAD_FILES) {
  test(`readSafetensorsHeader() refuses a file when it ${when}`, () => {
    withBytes(bytes, (file) => {
      const error = assertUpbeatError(() => readSafetensorsHeader(file), "WEIGHTS_INVALID", file, ...parts);
      assertEquals(error.details["file"], file);
    });
  });
}

/** Entries of a tensor "x" in a file with 24 bytes of data. */
const BAD_ENTRIES: readonly [when: string, entry: string, ...parts: string[]][] = [
  ["is a number", "1", "not an object"],
  ["is null", "null", "not an object"],
  ["is a list", "[]", "not an object"],
  ["has no dtype", '{"shape": [6], "data_offsets": [0, 24]}', "no dtype"],
  ["has a dtype that is a number", '{"dtype": 1, "shape": [6], "data_offsets": [0, 24]}', "no dtype"],
  ["has no shape", '{"dtype": "F32", "data_offsets": [0, 24]}', "shape undefined"],
  ["has a shape that is a number", '{"dtype": "F32", "shape": 6, "data_offsets": [0, 24]}', "shape 6"],
  ["has a negative dimension", '{"dtype": "F32", "shape": [-2, -3], "data_offsets": [0, 24]}', "[-2,-3]"],
  ["has half a dimension", '{"dtype": "F32", "shape": [1.5, 4], "data_offsets": [0, 24]}', "[1.5,4]"],
  ["has a dimension that is a string", '{"dtype": "F32", "shape": ["6"], "data_offsets": [0, 24]}', '["6"]'],
  ["has a dimension beyond 2^53", '{"dtype": "F32", "shape": [9007199254740993], "data_offsets": [0, 24]}', "2^53"],
  ["has an infinite dimension", '{"dtype": "F32", "shape": [1e999], "data_offsets": [0, 24]}', "shape"],
  [
    "has a shape whose product overflows",
    '{"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 24]}',
    "more than 2^53 elements",
  ],
  [
    "has a shape whose product wraps to the right size in 64 bits",
    '{"dtype": "F32", "shape": [4611686018427387904, 4, 6], "data_offsets": [0, 24]}',
    "shape",
  ],
  ["has no offsets", '{"dtype": "F32", "shape": [6]}', "data_offsets undefined"],
  ["has one offset", '{"dtype": "F32", "shape": [6], "data_offsets": [24]}', "[24]"],
  ["has three offsets", '{"dtype": "F32", "shape": [6], "data_offsets": [0, 24, 24]}', "[0,24,24]"],
  ["has a negative offset", '{"dtype": "F32", "shape": [6], "data_offsets": [-24, 0]}', "[-24,0]"],
  ["has half an offset", '{"dtype": "F32", "shape": [6], "data_offsets": [0.5, 24.5]}', "[0.5,24.5]"],
  ["ends before it begins", '{"dtype": "F32", "shape": [6], "data_offsets": [24, 0]}', "begins at 24"],
  [
    "ends beyond 2^53",
    '{"dtype": "U8", "shape": [9007199254740991], "data_offsets": [0, 9007199254740991]}',
    "beyond 2^53",
  ],
  ["is longer than its range", '{"dtype": "F32", "shape": [7], "data_offsets": [0, 24]}', "28 bytes", "span 24"],
  ["is shorter than its range", '{"dtype": "F32", "shape": [5], "data_offsets": [0, 24]}', "20 bytes", "span 24"],
  ["has another dtype than its range", '{"dtype": "F16", "shape": [6], "data_offsets": [0, 24]}', "12 bytes"],
  ["ends beyond the file", '{"dtype": "F32", "shape": [7], "data_offsets": [0, 28]}', "4 are missing"],
  ["leaves a hole before it", '{"dtype": "F32", "shape": [5], "data_offsets": [4, 24]}', "4 bytes before"],
  ["has no dtype and no end", '{"dtype": null, "shape": [], "data_offsets": [0, null]}', "no dtype"],
];

for (const [when, entry, ...parts] of BAD_ENTRIES) {
  test(`readSafetensorsHeader() refuses a tensor when it ${when}`, () => {
    withFile(`{"x": ${entry}}`, 24, (file) => {
      const error = assertUpbeatError(() => readSafetensorsHeader(file), "WEIGHTS_INVALID", file, '"x"', ...parts);
      assertEquals(error.details["tensor"], "x");
    });
  });
}

test("readSafetensorsHeader() refuses a value that is nested more deeply than the stack allows", () => {
  const nested = "[".repeat(100_000) + "]".repeat(100_000);
  withFile(`{"x": {"dtype": "F32", "shape": ${nested}, "data_offsets": [0, 4]}}`, 4, (file) => {
    assertUpbeatError(() => readSafetensorsHeader(file), "WEIGHTS_INVALID", file);
  });
});

test("readSafetensorsHeader() names the number of missing bytes when the file is truncated", () => {
  withFile(GOOD, 32, (file) => {
    truncateSync(file, readFileSync(file).length - 5);
    assertUpbeatError(() => readSafetensorsHeader(file), "WEIGHTS_INVALID", file, "truncated", "5 are missing", '"b"');
  });
});

test("readSafetensorsHeader() refuses a file when it has bytes that belong to no tensor", () => {
  withFile(GOOD, 35, (file) => {
    assertUpbeatError(() => readSafetensorsHeader(file), "WEIGHTS_INVALID", file, "last 3 bytes");
  });
});

test("readSafetensorsHeader() names both tensors when they overlap", () => {
  const header = '{"first": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}, ' +
    '"second": {"dtype": "U8", "shape": [8], "data_offsets": [7, 15]}}';
  withFile(header, 15, (file) => {
    assertUpbeatError(() => readSafetensorsHeader(file), "WEIGHTS_INVALID", '"first"', '"second"', "overlap");
  });
  const same = header.replace("[7, 15]", "[0, 8]");
  withFile(same, 8, (file) => {
    assertUpbeatError(() => readSafetensorsHeader(file), "WEIGHTS_INVALID", '"first"', '"second"', "overlap");
  });
});

test("readSafetensorsHeader() refuses a duplicate name, however it is escaped", () => {
  const entry = '{"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}';
  for (const second of ['"x"', '"\\u0078"']) {
    withFile(`{"x": ${entry}, ${second} : ${entry}}`, 1, (file) => {
      assertUpbeatError(() => readSafetensorsHeader(file), "WEIGHTS_INVALID", file, 'two members named "x"');
    });
  }
  withFile('{"x": {"dtype": "U8", "dtype": "I8", "shape": [1], "data_offsets": [0, 1]}}', 1, (file) => {
    assertUpbeatError(() => readSafetensorsHeader(file), "WEIGHTS_INVALID", '"dtype"');
  });
});

test("readSafetensorsHeader() refuses a path when it does not exist or is a folder", () => {
  withTemporaryFolder((folder) => {
    const missing = join(folder, "model.safetensors");
    assertUpbeatError(() => readSafetensorsHeader(missing), "MODEL_NOT_FOUND", missing);
    mkdirSync(missing);
    assertUpbeatError(() => readSafetensorsHeader(missing), "WEIGHTS_INVALID", missing, "regular file");
  });
});

test("writeSafetensors() writes values that read back rounded to the nearest, ties to even", () => {
  const values = [0, -0, 1, -2.5, 1 / 3, 65504, 2 ** -24, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -11, -1e-3];
  const bf16 = [0, -0, 1, -2.5, 0.333984375, 65536, 2 ** -24, 1, 1.015625, 1, -0.00099945068359375];
  const f16 = [0, -0, 1, -2.5, 0.333251953125, 65504, 2 ** -24, 1.00390625, 1.01171875, 1, -0.0010004043579101562];
  const expected: Record<WeightDtype, number[]> = { F32: values.map(Math.fround), F16: f16, BF16: bf16 };
  withTemporaryFolder((folder) => {
    const file = join(folder, "x.safetensors");
    const dtypes = ["F32", "F16", "BF16"] as const;
    const fill = (block: Float32Array) => block.set(values);
    writeSafetensors(file, dtypes.map((dtype) => ({ name: dtype, dtype, shape: [values.length], fill })));
    const { tensors } = readSafetensorsHeader(file);
    for (const dtype of dtypes) {
      const tensor = tensors.get(dtype);
      assert(tensor !== undefined);
      assertEquals([...readTensor(tensor)], expected[dtype], dtype);
    }
  });
});
