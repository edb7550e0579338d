/**
 * Tensors of a checkpoint as float64, decoded exactly: every F32, F16 and BF16 value is a float64 value.
 *
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { TensorInfo } from "../../../engine/weights/tensor_info.ts";

/**
 * Read one tensor.
 *
 * @param tensor Where it is; F32, F16 or BF16.
 * @returns Its elements in row-major order.
 */
export function readTensor(tensor: TensorInfo): Float64Array {
  const bytes = new Uint8Array(tensor.byteLength);
  const descriptor = openSync(tensor.file, "r");
  try {
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(descriptor, bytes, done, bytes.length - done, tensor.offset + done);
      if (count === 0) throw new RangeError(`${tensor.file} ends within ${tensor.name}`);
      done += count;
    }
  } finally {
    closeSync(descriptor);
  }
  return decode(bytes, tensor.dtype);
}

/** Elements of little-endian bytes. */
function decode(bytes: Uint8Array<ArrayBuffer>, dtype: string): Float64Array {
  switch (dtype) {
    case "F32":
      return Float64Array.from(new Float32Array(bytes.buffer));
    case "F16":
      return Float64Array.from(new Uint16Array(bytes.buffer), float16);
    case "BF16": {
      // BF16 is the upper half of a float32.
      const words = Uint32Array.from(new Uint16Array(bytes.buffer), (half) => half << 16);
      return Float64Array.from(new Float32Array(words.buffer));
    }
    default:
      throw new RangeError(`no decoder for ${dtype}`);
  }
}

/** IEEE 754 binary16: 1 sign bit, 5 exponent bits biased by 15, 10 fraction bits. */
function float16(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
