/**
 * Values in the element types of weights and caches.
 *
 * @module
 */

import type { DtypeName } from "../../ffi/abi.ts";

const float32 = new Float32Array(1);
const word32 = new Uint32Array(float32.buffer);

/** A number rounded to BF16 (nearest, ties to even), as 16 bits. */
function bfloat16Bits(value: number): number {
  float32[0] = value;
  const word = word32[0]!;
  if (Number.isNaN(value)) return 0x7fc0;
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}

/**
 * Round a number to BF16, to nearest, ties to even.
 *
 * @param value A number within the range of float32.
 * @returns The rounded number.
 */
export function bfloat16(value: number): number {
  word32[0] = bfloat16Bits(value) << 16;
  return float32[0]!;
}

/** A number below 65520 rounded to F16 (1 sign, 5 exponent, 10 fraction bits; nearest, ties to even), as 16 bits. */
function float16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** -14) return sign | roundToEven(magnitude * 2 ** 24);
  const exponent = Math.floor(Math.log2(magnitude));
  // A fraction that rounds up to 1024 carries into the exponent.
  return sign | (((exponent + 15) << 10) + roundToEven((magnitude / 2 ** exponent - 1) * 1024));
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** Numbers in an element type: their bytes in a file, and their values. */
export interface Encoded {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly values: Float32Array;
}

/**
 * Round numbers to an element type.
 *
 * @param values The numbers.
 * @param dtype The type.
 * @returns Bytes, and the rounded values.
 */
export function encode(values: Float32Array, dtype: DtypeName): Encoded {
  switch (dtype) {
    case "F32":
      return { bytes: new Uint8Array(values.slice().buffer), values };
    case "F16": {
      const words = Uint16Array.from(values, float16Bits);
      return { bytes: new Uint8Array(words.buffer), values: Float32Array.from(words, float16Value) };
    }
    case "BF16": {
      const words = Uint16Array.from(values, bfloat16Bits);
      return { bytes: new Uint8Array(words.buffer), values: Float32Array.from(values, bfloat16) };
    }
  }
}
