/**
 * Element types of tensors in GGUF files.
 *
 * @module
 */
import { BLOCK_TYPES } from "../../../ffi/abi.ts";

/** How the elements of a tensor are stored. */
export interface GgufTensorType {
  /** Its name, as in `"Q4_K"`. */
  readonly name: string;
  /** Elements in a block; 1 where each is stored by itself. */
  readonly columns: number;
  /** Bytes of a block. */
  readonly bytes: number;
}

/** Block types of the C ABI have the number of the format, plus this. */
const BLOCK_DTYPE_BASE = 64;

/** Types by their number in the format (`enum ggml_type`). Those that no longer exist, such as Q4_2, are not there. */
const TYPES: ReadonlyMap<number, GgufTensorType> = new Map<number, GgufTensorType>([
  ...([
    [0, "F32", 4],
    [1, "F16", 2],
    [24, "I8", 1],
    [25, "I16", 2],
    [26, "I32", 4],
    [27, "I64", 8],
    [28, "F64", 8],
    [30, "BF16", 2],
  ] as const).map(([number, name, bytes]) => [number, { name, columns: 1, bytes }] as const),
  ...Object.entries(BLOCK_TYPES).map(([name, { dtype, columns, bytes }]) =>
    [dtype - BLOCK_DTYPE_BASE, { name, columns, bytes }] as const
  ),
]);

/**
 * A tensor type by its number.
 *
 * @param number The number in the file.
 * @returns The type; undefined for numbers that are not known.
 */
export function ggufTensorType(number: number): GgufTensorType | undefined {
  return TYPES.get(number);
}
