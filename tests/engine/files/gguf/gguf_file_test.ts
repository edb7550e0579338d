import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isGgufFile, readGgufFile } from "../../../../engine/files/gguf/gguf_file.ts";
import { UpbeatError } from "../../../../errors.ts";
import { assertUpbeatError } from "../../../support/assert_upbeat_error.ts";
import { randomFrom } from "../../../support/damage.ts";
import { ggufBytes, type GgufEntry, type GgufTensorSource } from "../../../support/models/gguf_writer.ts";
import { withTemporaryFolder } from "../../../support/temporary_folder.ts";

const METADATA: readonly GgufEntry[] = [
  ["general.architecture", "string", "llama"],
  ["a.uint32", "uint32", 4096],
  ["a.uint64", "uint64", 2 ** 40],
  ["a.float32", "float32", 0.5],
  ["a.bool", "bool", true],
  ["a.texts", "strings", ["", "é", "▁the"]],
  ["a.numbers", "int32s", [1, -2, 3]],
  ["a.floats", "float32s", [0.25, -1]],
];
const TENSORS: readonly GgufTensorSource[] = [
  { name: "one.weight", type: "F32", shape: [3], data: new Uint8Array(12).fill(1) },
  { name: "two.weight", type: "Q8_0", shape: [2, 64], data: new Uint8Array(136).fill(2) },
  { name: "three.weight", type: "Q4_K", shape: [1, 256], data: new Uint8Array(144).fill(3) },
];

/** Reads a file with the given bytes. */
function read(bytes: Uint8Array) {
  return withTemporaryFolder((folder) => {
    const file = join(folder, "model.gguf");
    writeFileSync(file, bytes);
    return readGgufFile(file);
  });
}

/** What reading throws. */
function refusal(bytes: Uint8Array): UpbeatError {
  return assertThrows(() => read(bytes), UpbeatError);
}

/** A copy with other bytes at a position. */
function patched(bytes: Uint8Array, at: number, change: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  change(new DataView(copy.buffer, at));
  return copy;
}

/** Position after a text. */
function after(bytes: Uint8Array, text: string): number {
  const wanted = new TextEncoder().encode(text);
  const at = bytes.findIndex((_, index) => wanted.every((byte, offset) => bytes[index + offset] === byte));
  return at + wanted.length;
}

for (const version of [2, 3]) {
  test(`readGgufFile() reads metadata and tensors of version ${version}`, () => {
    const bytes = ggufBytes(METADATA, TENSORS, version);
    const { metadata, tensors, fileBytes } = read(bytes);
    assertEquals(fileBytes, bytes.length);
    assertEquals([...metadata.keys], METADATA.map(([key]) => key));
    assertEquals(metadata.text("general.architecture"), "llama");
    assertEquals(metadata.number("a.uint32"), 4096);
    assertEquals(metadata.number("a.uint64"), 2 ** 40);
    assertEquals(metadata.number("a.float32"), 0.5);
    assertEquals(metadata.boolean("a.bool"), true);
    assertEquals(metadata.texts("a.texts"), ["", "é", "▁the"]);
    assertEquals(metadata.numbers("a.numbers"), [1, -2, 3]);
    assertEquals(metadata.numbers("a.floats"), [0.25, -1]);
    assertEquals(metadata.lengthOf("a.texts"), 3);
    assertEquals(metadata.number("missing"), null);
    for (const { name, type, shape, data } of TENSORS) {
      const tensor = tensors.get(name)!;
      assertEquals(tensor.type.name, type);
      assertEquals(tensor.shape, shape);
      assertEquals(bytes.subarray(tensor.offset, tensor.offset + tensor.byteLength), data);
    }
  });
}

test("metadata of another type than asked for is an error that names key and value", () => {
  const { metadata } = read(ggufBytes(METADATA));
  const attempts: [() => unknown, string][] = [
    [() => metadata.number("a.bool"), "a.bool is true; it must be a number"],
    [() => metadata.texts("a.numbers"), "a.numbers is [3 elements]; it must be an array of texts"],
    [() => metadata.numbers("general.architecture"), 'general.architecture is "llama"; it must be an array of numbers'],
    [() => metadata.text("a.texts"), "a.texts is [3 elements]; it must be text"],
  ];
  for (const [attempt, expected] of attempts) {
    assertUpbeatError(attempt, "MODEL_CONFIG_INVALID", expected);
  }
});

test("readGgufFile() refuses what violates the format, naming what is wrong, before it takes memory", () => {
  const bytes = ggufBytes(METADATA, TENSORS);
  const count = (at: number, value: bigint) => patched(bytes, at, (view) => view.setBigUint64(0, value, true));
  const huge = 2n ** 63n;
  const typeOf = (text: string, value: number) =>
    patched(bytes, after(bytes, text), (view) => view.setUint32(0, value, true));
  // After the name: the number of dimensions, the dimensions, the type, the offset.
  const two = after(bytes, "two.weight");
  const cases: [string, Uint8Array, string, string][] = [
    ["version 1", patched(bytes, 4, (view) => view.setUint32(0, 1, true)), "MODEL_UNSUPPORTED", "version 1"],
    ["big-endian", patched(bytes, 4, (view) => view.setUint32(0, 3)), "MODEL_UNSUPPORTED", "big-endian"],
    ["tensors", count(8, huge), "WEIGHTS_INVALID", "9223372036854776000 tensors"],
    ["keys", count(16, huge), "WEIGHTS_INVALID", "9223372036854776000 keys"],
    ["a key's length", count(24, huge), "WEIGHTS_INVALID", "key 0 has"],
    ["a type", typeOf("a.uint32", 77), "WEIGHTS_INVALID", '"a.uint32" has the unknown type 77'],
    [
      "the length of an array",
      patched(bytes, after(bytes, "a.numbers") + 8, (view) => view.setBigUint64(0, huge, true)),
      "WEIGHTS_INVALID",
      '"a.numbers" has 9223372036854776000 elements',
    ],
    [
      "the length of a text in an array",
      patched(bytes, after(bytes, "a.texts") + 16, (view) => view.setBigUint64(0, huge, true)),
      "WEIGHTS_INVALID",
      "does not end within",
    ],
    ["arrays of arrays", typeOf("a.numbers\u0009\0\0\0", 9), "WEIGHTS_INVALID", "array of arrays"],
    ["dimensions", typeOf("two.weight", 5), "WEIGHTS_INVALID", "has 5 dimensions"],
    [
      "no whole blocks",
      patched(bytes, two + 4, (view) => view.setBigUint64(0, 65n, true)),
      "WEIGHTS_INVALID",
      "not whole Q8_0 blocks of 32",
    ],
    ["a tensor's type", patched(bytes, two + 20, (view) => view.setUint32(0, 4, true)), "WEIGHTS_INVALID", "type 4"],
    [
      "an offset",
      patched(bytes, two + 24, (view) => view.setBigUint64(0, 33n, true)),
      "WEIGHTS_INVALID",
      "no multiple of the alignment, 32",
    ],
    ["overlap", patched(bytes, two + 24, (view) => view.setBigUint64(0, 0n, true)), "WEIGHTS_INVALID", "overlap"],
    ["truncation", bytes.slice(0, -40), "WEIGHTS_INVALID", "truncated"],
    ["a header that is cut", bytes.slice(0, 100), "WEIGHTS_INVALID", "does not end within its 100 bytes"],
    ["two keys", ggufBytes([METADATA[1]!, METADATA[1]!]), "WEIGHTS_INVALID", 'two keys "a.uint32"'],
    ["two tensors", ggufBytes([], [TENSORS[0]!, TENSORS[0]!]), "WEIGHTS_INVALID", 'two tensors "one.weight"'],
    ["alignment", ggufBytes([["general.alignment", "uint32", 0]]), "MODEL_CONFIG_INVALID", "general.alignment is 0"],
    ["another format", new Uint8Array(64), "WEIGHTS_INVALID", "does not begin with GGUF"],
    ["an empty file", new Uint8Array(0), "WEIGHTS_INVALID", "does not end within its 0 bytes"],
  ];
  for (const [what, damaged, code, message] of cases) {
    const error = refusal(damaged);
    assertEquals(error.code, code, what);
    assertStringIncludes(error.message, message, what);
  }
});

test("readGgufFile() refuses random damage with typed errors, or what it accepts lies within the file", () => {
  const seed = 20_261_201;
  const random = randomFrom(seed);
  const bytes = ggufBytes(METADATA, TENSORS);
  const runs = "Deno" in globalThis ? 300 : 2000;
  withTemporaryFolder((folder) => {
    const file = join(folder, "model.gguf");
    for (let run = 0; run < runs; run++) {
      const damaged = bytes.slice(0, random(8) === 0 ? random(bytes.length) : bytes.length);
      for (let change = random(4); change >= 0 && damaged.length > 8; change--) {
        const at = 8 + random(damaged.length - 8);
        damaged[at] = random(3) === 0 ? 255 : random(256);
      }
      writeFileSync(file, damaged);
      try {
        const { tensors, fileBytes, metadata } = readGgufFile(file);
        for (const { offset, byteLength } of tensors.values()) assert(offset + byteLength <= fileBytes);
        for (const key of metadata.keys) metadata.show(key);
      } catch (error) {
        assert(error instanceof UpbeatError, `seed ${seed}, run ${run}: ${error}`);
      }
    }
  });
});

test("isGgufFile() looks at the content, and is false for folders and missing files", () => {
  withTemporaryFolder((folder) => {
    writeFileSync(join(folder, "blob"), ggufBytes([]));
    writeFileSync(join(folder, "short.gguf"), "GG");
    mkdirSync(join(folder, "folder.gguf"));
    assert(isGgufFile(join(folder, "blob")));
    for (const other of ["short.gguf", "folder.gguf", "missing.gguf"]) assert(!isGgufFile(join(folder, other)), other);
  });
});
