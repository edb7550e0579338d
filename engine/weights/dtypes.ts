/**
 * Element types: those of the safetensors format, and those that the device libraries read.
 *
 * @module
 */
import { BLOCK_TYPES, type BlockTypeName } from "../../ffi/abi.ts";

/** Bits per element of every dtype of the safetensors format (its README and `Dtype` enum, version 0.6). */
const BITS_PER_ELEMENT: ReadonlyMap<string, number> = new Map([
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["BOOL", 8],
  ["U8", 8],
  ["I8", 8],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E8M0", 8],
  ["U16", 16],
  ["I16", 16],
  ["F16", 16],
  ["BF16", 16],
  ["U32", 32],
  ["I32", 32],
  ["F32", 32],
  ["U64", 64],
  ["I64", 64],
  ["F64", 64],
  ["C64", 64],
]);

/** The dtypes weights can be loaded from. */
export const WEIGHT_DTYPES = ["F32", "F16", "BF16"] as const;

/** A dtype weights can be loaded from. */
export type WeightDtype = (typeof WEIGHT_DTYPES)[number];

/** A dtype that weight matrices can be loaded from: also block-quantized ones. */
export type MatrixDtype = WeightDtype | BlockTypeName;

/**
 * The size of one element of a safetensors dtype.
 *
 * @param dtype The dtype as the header spells it, such as `"BF16"`.
 * @returns Bits per element, or undefined for a dtype that is not part of the format.
 */
export function bitsPerElement(dtype: string): number | undefined {
  return BITS_PER_ELEMENT.get(dtype);
}

/**
 * Whether weights can be loaded from a dtype.
 *
 * @param dtype The dtype as the header spells it.
 * @returns True for F32, F16 and BF16.
 */
export function isWeightDtype(dtype: string): dtype is WeightDtype {
  return (WEIGHT_DTYPES as readonly string[]).includes(dtype);
}

/**
 * Whether weight matrices can be loaded from a dtype.
 *
 * @param dtype The dtype as the header spells it.
 * @returns True also for block-quantized types, such as `"Q4_K"`.
 */
export function isMatrixDtype(dtype: string): dtype is MatrixDtype {
  return isWeightDtype(dtype) || Object.hasOwn(BLOCK_TYPES, dtype);
}

/**
 * The size of the elements of a matrix.
 *
 * @param dtype Their type.
 * @param elements Their number, whole blocks of a block-quantized type.
 * @returns Bytes.
 */
export function matrixBytes(dtype: MatrixDtype, elements: number): number {
  if (isWeightDtype(dtype)) return elements * weightElementBytes(dtype);
  const { columns, bytes } = BLOCK_TYPES[dtype];
  return (elements / columns) * bytes;
}

/**
 * The size of one element of a weight dtype.
 *
 * @param dtype F32, F16 or BF16.
 * @returns Bytes per element.
 */
export function weightElementBytes(dtype: WeightDtype): number {
  return dtype === "F32" ? 4 : 2;
}
