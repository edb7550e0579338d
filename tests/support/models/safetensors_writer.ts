/**
 * Writes `.safetensors` files in blocks, so that a large model needs little memory.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { WeightDtype } from "../../../engine/weights/dtypes.ts";
import { weightElementBytes } from "../../../engine/weights/dtypes.ts";

/** A tensor to write. */
export interface TensorSource {
  /** Its name in the checkpoint. */
  readonly name: string;
  /** Element type to write; values are rounded to the nearest, ties to even. */
  readonly dtype: WeightDtype;
  /** Its dimensions. */
  readonly shape: readonly number[];
  /**
   * Fills the next block of elements, in row-major order.
   *
   * @param block To be filled entirely; its length is at most 2^18.
   * @param first Index of the block's first element within the tensor.
   */
  fill(block: Float32Array, first: number): void;
}

const BLOCK_ELEMENTS = 2 ** 18;

/**
 * Write a safetensors file.
 *
 * @param file Its path.
 * @param tensors What to write, in order.
 */
export function writeSafetensors(file: string, tensors: readonly TensorSource[]): void {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    const end = offset + elementsOf(shape) * weightElementBytes(dtype);
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const descriptor = openSync(file, "w");
  try {
    writeFully(descriptor, headerBytes(JSON.stringify(header)));
    for (const tensor of tensors) writeTensor(descriptor, tensor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Write tensors as shards of similar size, with their index.
 *
 * @param folder The model folder.
 * @param tensors What to write, in order.
 * @param shards How many files, less where one tensor is larger than a shard; 1: a single `model.safetensors` without
 * an index.
 */
export function writeCheckpoint(folder: string, tensors: readonly TensorSource[], shards: number): void {
  if (shards === 1) return writeSafetensors(join(folder, "model.safetensors"), tensors);
  const bytes = tensors.map(({ dtype, shape }) => elementsOf(shape) * weightElementBytes(dtype));
  const total = bytes.reduce((sum, count) => sum + count, 0);
  const groups: TensorSource[][] = Array.from({ length: shards }, () => []);
  let before = 0;
  tensors.forEach((tensor, index) => {
    const size = bytes[index] as number;
    groups[Math.floor(((before + size / 2) / total) * shards)]?.push(tensor);
    before += size;
  });
  const filled = groups.filter((group) => group.length > 0);
  const weightMap: Record<string, string> = {};
  filled.forEach((group, index) => {
    const file = `model-${fiveDigits(index + 1)}-of-${fiveDigits(filled.length)}.safetensors`;
    writeSafetensors(join(folder, file), group);
    for (const { name } of group) weightMap[name] = file;
  });
  writeFileSync(
    join(folder, "model.safetensors.index.json"),
    JSON.stringify({ metadata: { total_size: total }, weight_map: weightMap }, null, 2),
  );
}

/**
 * A header as bytes: its length, then the text, padded with spaces to 8 bytes.
 *
 * @param json The header's text.
 * @returns The bytes before the data.
 */
export function headerBytes(json: string): Buffer {
  const text = Buffer.from(json);
  const bytes = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, " ");
  bytes.writeBigUInt64LE(BigInt(bytes.length - 8));
  bytes.set(text, 8);
  return bytes;
}

function writeTensor(descriptor: number, { dtype, shape, fill }: TensorSource): void {
  const elements = elementsOf(shape);
  const values = new Float32Array(Math.min(elements, BLOCK_ELEMENTS));
  for (let first = 0; first < elements; first += BLOCK_ELEMENTS) {
    const block = values.subarray(0, Math.min(BLOCK_ELEMENTS, elements - first));
    fill(block, first);
    const encoded = encode(block, dtype);
    writeFully(descriptor, new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength));
  }
}

/** Values in a dtype of the file; little-endian, as every supported machine is. */
function encode(values: Float32Array, dtype: WeightDtype): Float32Array | Float16Array | Uint16Array {
  switch (dtype) {
    case "F32":
      return values;
    case "F16":
      return new Float16Array(values);
    case "BF16": {
      const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
      const halves = new Uint16Array(values.length);
      for (let i = 0; i < halves.length; i++) {
        const word = words[i] as number;
        halves[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
      }
      return halves;
    }
  }
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(descriptor, bytes, done, bytes.length - done);
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function fiveDigits(value: number): string {
  return String(value).padStart(5, "0");
}
