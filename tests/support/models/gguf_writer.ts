/**
 * Writes GGUF files.
 *
 * @module
 */
import { ggufTensorType } from "../../../engine/files/gguf/gguf_types.ts";

/** A metadata value with its type. */
export type GgufEntry =
  | readonly [key: string, type: "uint32" | "int32" | "float32" | "uint64", value: number]
  | readonly [key: string, type: "bool", value: boolean]
  | readonly [key: string, type: "string", value: string]
  | readonly [key: string, type: "strings", value: readonly string[]]
  | readonly [key: string, type: "int32s" | "float32s", value: readonly number[]];

/** A tensor. */
export interface GgufTensorSource {
  readonly name: string;
  /** As in `"Q8_0"`. */
  readonly type: string;
  /** Outermost first. */
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const CODES = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, uint64: 10, array: 9 } as const;
const ALIGNMENT = 32;

/** Collects little-endian values. */
class Bytes {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  add(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  number(size: number, write: (view: DataView) => void): void {
    const bytes = new Uint8Array(size);
    write(new DataView(bytes.buffer));
    this.add(bytes);
  }

  uint32(value: number): void {
    this.number(4, (view) => view.setUint32(0, value, true));
  }

  uint64(value: number | bigint): void {
    this.number(8, (view) => view.setBigUint64(0, BigInt(value), true));
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.uint64(bytes.length);
    this.add(bytes);
  }

  pad(): void {
    this.add(new Uint8Array((ALIGNMENT - this.length % ALIGNMENT) % ALIGNMENT));
  }

  join(): Uint8Array {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

/**
 * The bytes of a GGUF file.
 *
 * @param metadata Its metadata.
 * @param tensors Its tensors.
 * @param version Version of the format.
 */
export function ggufBytes(
  metadata: readonly GgufEntry[],
  tensors: readonly GgufTensorSource[] = [],
  version = 3,
): Uint8Array {
  const bytes = new Bytes();
  bytes.add(new TextEncoder().encode("GGUF"));
  bytes.uint32(version);
  bytes.uint64(tensors.length);
  bytes.uint64(metadata.length);
  for (const entry of metadata) writeEntry(bytes, entry);
  let offset = 0;
  for (const { name, type, shape, data } of tensors) {
    bytes.text(name);
    bytes.uint32(shape.length);
    for (const length of shape.toReversed()) bytes.uint64(length);
    bytes.uint32(typeNumber(type));
    bytes.uint64(offset);
    offset += Math.ceil(data.length / ALIGNMENT) * ALIGNMENT;
  }
  bytes.pad();
  for (const { data } of tensors) {
    bytes.add(data);
    bytes.pad();
  }
  return bytes.join();
}

/** The number of a tensor type in the format; there are some forty. */
function typeNumber(name: string): number {
  const number = Array.from({ length: 64 }, (_, number) => number).find((number) =>
    ggufTensorType(number)?.name === name
  );
  if (number === undefined) throw new Error(`${name} is no tensor type`);
  return number;
}

function writeEntry(bytes: Bytes, [key, type, value]: GgufEntry): void {
  bytes.text(key);
  switch (type) {
    case "strings":
      writeArrayHead(bytes, CODES.string, value.length);
      for (const text of value) bytes.text(text);
      return;
    case "int32s":
      writeArrayHead(bytes, CODES.int32, value.length);
      for (const number of value) bytes.number(4, (view) => view.setInt32(0, number, true));
      return;
    case "float32s":
      writeArrayHead(bytes, CODES.float32, value.length);
      for (const number of value) bytes.number(4, (view) => view.setFloat32(0, number, true));
      return;
  }
  bytes.uint32(CODES[type]);
  switch (type) {
    case "string":
      return bytes.text(value);
    case "bool":
      return bytes.add(new Uint8Array([value ? 1 : 0]));
    case "uint64":
      return bytes.uint64(value);
    case "float32":
      return bytes.number(4, (view) => view.setFloat32(0, value, true));
    case "int32":
      return bytes.number(4, (view) => view.setInt32(0, value, true));
    case "uint32":
      return bytes.uint32(value);
  }
}

function writeArrayHead(bytes: Bytes, type: number, length: number): void {
  bytes.uint32(CODES.array);
  bytes.uint32(type);
  bytes.uint64(length);
}
