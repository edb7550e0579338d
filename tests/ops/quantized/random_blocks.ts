/**
 * Random blocks of quantized types.
 *
 * @module
 */
import { BLOCK_TYPES, type BlockTypeName } from "../../../ffi/abi.ts";
import type { Random } from "../random.ts";

/** Where a type has 16-bit floats. */
const FLOATS: Readonly<Partial<Record<BlockTypeName, readonly number[]>>> = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  IQ4_NL: [0],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ4_XS: [0],
  IQ2_XXS: [0],
  IQ2_XS: [0],
  IQ2_S: [0],
  IQ3_XXS: [0],
  IQ3_S: [0],
  IQ1_S: [0],
  TQ1_0: [52],
  TQ2_0: [64],
};

/**
 * Blocks with every bit pattern of codes and scales, and floats of any bits, infinities and NaN among them.
 *
 * @param type Their type.
 * @param blocks How many.
 * @param random The generator.
 * @returns Their bytes.
 */
export function randomBlocks(type: BlockTypeName, blocks: number, random: Random): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: blocks * BLOCK_TYPES[type].bytes }, () => random.integer(0, 255));
}

/**
 * The same with floats of both signs and of sizes from 2^-14 to 2, as trained weights have them.
 *
 * @param type Their type.
 * @param blocks How many.
 * @param random The generator.
 * @returns Their bytes.
 */
export function finiteBlocks(type: BlockTypeName, blocks: number, random: Random): Uint8Array<ArrayBuffer> {
  const bytes = randomBlocks(type, blocks, random);
  const size = BLOCK_TYPES[type].bytes;
  for (let start = 0; start < bytes.length; start += size) {
    for (const at of FLOATS[type] ?? []) {
      bytes[start + at + 1] = (bytes[start + at + 1]! & 0x83) | random.integer(0, 15) << 2;
    }
    // A power of two; four bits of each of four words.
    if (type === "MXFP4") bytes[start] = random.integer(110, 130);
    if (type === "IQ1_M") bytes[start + 55] = (bytes[start + 55]! & 0x8f) | random.integer(0, 3) << 4;
  }
  return bytes;
}
