/**
 * Random damage to valid headers: the reader throws a typed error, or what it accepts is sound.
 */
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { UpbeatError } from "../../../errors.ts";
import { bitsPerElement } from "../../../engine/weights/dtypes.ts";
import { duplicateMember } from "../../../engine/weights/header_json.ts";
import { readSafetensorsHeader } from "../../../engine/weights/safetensors.ts";
import { headerBytes } from "../../support/models/safetensors_writer.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

/** File system calls of Deno take ten times as long. */
const OPTIONS = { seed: 20_260_101, numRuns: "Deno" in globalThis ? 400 : 3400 };

const DTYPES = ["F32", "F16", "BF16", "U8", "I64", "F4", "Z99"];

/** A valid file: random tensors one after the other. */
const validFile = fc.array(
  fc.record({
    name: fc.string({ maxLength: 8 }).filter((name) => name !== "__metadata__"),
    dtype: fc.constantFrom(...DTYPES.slice(0, 5)),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
  }),
  { maxLength: 6 },
).map((tensors) => {
  const header: [string, unknown][] = [];
  let offset = 0;
  for (const { name, dtype, shape } of new Map(tensors.map((tensor) => [tensor.name, tensor])).values()) {
    const bytes = shape.reduce((product, length) => product * length, 1) * ((bitsPerElement(dtype) ?? 0) / 8);
    header.push([name, { dtype, shape, data_offsets: [offset, offset + bytes] }]);
    offset += bytes;
  }
  return { header, dataBytes: offset };
});

/** Values that break readers. */
const nastyNumber = fc.oneof(
  fc.constantFrom(-1, 0, 1, 0.5, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 1e300, null, "1", true),
  fc.integer({ min: 0, max: 64 }),
);

/** One change to the header as a value: an offset, a dimension, a dtype, a missing field. */
const valueDamage = fc.record({
  tensor: fc.nat(),
  what: fc.constantFrom("begin", "end", "dimension", "dtype", "drop", "name"),
  value: nastyNumber,
  dtype: fc.constantFrom(...DTYPES),
});

/** Read, and check the reader's contract; true when it accepted. */
function readAndCheck(bytes: Uint8Array): boolean {
  return withTemporaryFolder((folder) => {
    const file = join(folder, "model.safetensors");
    writeFileSync(file, bytes);
    try {
      let covered = 0;
      for (const { dtype, shape, offset, byteLength } of readSafetensorsHeader(file).tensors.values()) {
        assert(Number.isSafeInteger(offset) && offset >= 10 && offset + byteLength <= bytes.length, "out of range");
        const elements = shape.reduce((product, length) => product * length, 1);
        const bits = bitsPerElement(dtype);
        if (bits !== undefined) assertEquals((elements * bits) / 8, byteLength);
        covered += byteLength;
      }
      const headerEnd = 8 + Number(Buffer.from(bytes).readBigUInt64LE());
      assertEquals(covered, bytes.length - headerEnd, "the tensors do not cover the data");
      return true;
    } catch (error) {
      if (error instanceof UpbeatError) return false;
      throw error;
    }
  });
}

test("readSafetensorsHeader() accepts every valid file", () => {
  fc.assert(
    fc.property(validFile, ({ header, dataBytes }) => {
      const text = JSON.stringify(Object.fromEntries(header));
      assert(readAndCheck(Buffer.concat([headerBytes(text), Buffer.alloc(dataBytes)])));
    }),
    OPTIONS,
  );
});

test("readSafetensorsHeader() never accepts an unsound tensor when values in the header are damaged", () => {
  let refused = 0;
  fc.assert(
    fc.property(validFile, fc.array(valueDamage, { minLength: 1, maxLength: 3 }), ({ header, dataBytes }, damages) => {
      const entries = structuredClone(header) as [string, Record<string, unknown>][];
      for (const { tensor, what, value, dtype } of damages) {
        const entry = entries[tensor % Math.max(1, entries.length)];
        if (entry === undefined) continue;
        const offsets = entry[1]["data_offsets"] as unknown[] | undefined;
        if (what === "begin" && offsets !== undefined) offsets[0] = value;
        else if (what === "end" && offsets !== undefined) offsets[1] = value;
        else if (what === "dimension") (entry[1]["shape"] as unknown[] | undefined)?.push(value);
        else if (what === "dtype") entry[1]["dtype"] = dtype;
        else if (what === "drop") delete entry[1][["dtype", "shape", "data_offsets"][tensor % 3] as string];
        else entries.push(entry);
      }
      const text = `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(",")}}`;
      if (!readAndCheck(Buffer.concat([headerBytes(text), Buffer.alloc(dataBytes)]))) refused++;
    }),
    OPTIONS,
  );
  assert(refused > OPTIONS.numRuns / 4, `only ${refused} were refused: the damage does not reach the header`);
});

test("readSafetensorsHeader() never accepts an unsound tensor when bytes of the file are damaged", () => {
  const byteDamage = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }), cut: fc.nat({ max: 20 }) });
  let refused = 0;
  fc.assert(
    fc.property(validFile, byteDamage, ({ header, dataBytes }, { at, byte, cut }) => {
      const text = JSON.stringify(Object.fromEntries(header));
      const prefix = headerBytes(text);
      prefix[at % prefix.length] = byte;
      const bytes = Buffer.concat([prefix, Buffer.alloc(dataBytes)]);
      if (!readAndCheck(bytes.subarray(0, bytes.length - (cut > 10 ? cut - 10 : 0)))) refused++;
    }),
    OPTIONS,
  );
  assert(refused > OPTIONS.numRuns / 4, `only ${refused} were refused: the damage does not reach the header`);
});

test("duplicateMember() finds a name exactly when an object of the text has it twice", () => {
  const pairs = fc.array(fc.tuple(fc.string({ maxLength: 2 }), fc.jsonValue({ maxDepth: 2 })), { maxLength: 6 });
  fc.assert(
    fc.property(pairs, (members) => {
      const text = `{${
        members.map(([name, value]) => `${JSON.stringify(name)} : ${JSON.stringify(value)}`).join(",")
      }}`;
      const names = members.map(([name]) => name);
      const duplicates = names.filter((name, index) => names.indexOf(name) !== index);
      const found = duplicateMember(text);
      if (duplicates.length === 0) assertEquals(found, null);
      else assertEquals(found, duplicates[0]);
    }),
    OPTIONS,
  );
});
