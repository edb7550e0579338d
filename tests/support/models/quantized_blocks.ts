/**
 * Block-quantized elements in float64, from the published layouts of the GGUF format: each type is a function of a block
 * and the index of an element. Written for clarity; the code books are a file made from the Python package `gguf`
 * (`tests/goldens/codebooks.py`).
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { BLOCK_TYPES, type BlockTypeName } from "../../../ffi/abi.ts";

const BOOKS = JSON.parse(
  readFileSync(new URL("../../goldens/codebooks.json", import.meta.url), "utf8"),
) as Readonly<Record<string, string>>;

/** Element `digit` of entry `entry` of a code book whose entries have `length` digits. */
function digit(book: string, entry: number, length: number, index: number): number {
  return BOOKS[book]!.charCodeAt(entry * length + index) - 48;
}

function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** One block. */
class Block {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(at: number): number {
    return this.#bytes[at]!;
  }

  i8(at: number): number {
    return (this.u8(at) << 24) >> 24;
  }

  u16(at: number): number {
    return this.u8(at) | (this.u8(at + 1) << 8);
  }

  u32(at: number): number {
    return (this.u16(at) | (this.u16(at + 2) << 16)) >>> 0;
  }

  f16(at: number): number {
    return float16(this.u16(at));
  }

  /** Field `index` of `bits` bits from byte `at`, the lowest bits of a byte first. */
  field(at: number, bits: number, index: number): number {
    const bit = index * bits;
    return (this.u8(at + (bit >> 3)) >> (bit & 7)) & ((1 << bits) - 1);
  }

  /** Nibbles of 16 bytes: the low ones are elements 0 to 15, the high ones 16 to 31. */
  halves(at: number, k: number): number {
    return (this.u8(at + (k % 16)) >> (k < 16 ? 0 : 4)) & 15;
  }

  /** Codes of 2 or 4 bits in groups of 32 bytes: the lowest bits of the bytes are 32 elements, the next ones 32 more. */
  planes(at: number, bits: number, k: number): number {
    const perGroup = (32 * 8) / bits;
    const group = Math.floor(k / perGroup), plane = Math.floor((k % perGroup) / 32);
    return (this.u8(at + group * 32 + (k % 32)) >> (plane * bits)) & ((1 << bits) - 1);
  }

  /** Scale `i` (`which` 0) or offset `i` (`which` 1) of Q4_K and Q5_K: six bits of twelve bytes. */
  sixBits(at: number, which: 0 | 1, i: number): number {
    const low = at + 4 * which + (i % 4);
    return i < 4 ? this.u8(low) & 63 : this.field(at + 8, 4, 2 * (i - 4) + which) | ((this.u8(low) >> 6) << 4);
  }
}

const IQ4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
const E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
const IQ2 = [8, 25, 43];
const IQ3_XXS = [4, 12, 20, 28, 36, 44, 52, 62];

function parity(bits: number): number {
  let odd = 0;
  for (let rest = bits; rest !== 0; rest >>= 1) odd ^= rest & 1;
  return odd;
}

/** The sign of element `i` from seven bits; the eighth makes the number of negative ones even. */
function evenSign(seven: number, i: number): number {
  return (i < 7 ? (seven >> i) & 1 : parity(seven)) === 1 ? -1 : 1;
}

const sign = (bit: number): number => bit === 1 ? -1 : 1;

type Element = (block: Block, k: number) => number;

const ELEMENTS: Readonly<Record<BlockTypeName, Element>> = {
  Q4_0: (b, k) => b.f16(0) * (b.halves(2, k) - 8),
  Q4_1: (b, k) => b.f16(0) * b.halves(4, k) + b.f16(2),
  Q5_0: (b, k) => b.f16(0) * ((b.halves(6, k) | (b.field(2, 1, k) << 4)) - 16),
  Q5_1: (b, k) => b.f16(0) * (b.halves(8, k) | (b.field(4, 1, k) << 4)) + b.f16(2),
  Q8_0: (b, k) => b.f16(0) * b.i8(2 + k),
  IQ4_NL: (b, k) => b.f16(0) * IQ4[b.halves(2, k)]!,
  MXFP4: (b, k) => {
    const code = b.halves(1, k);
    return 2 ** (b.u8(0) - 127) * (code & 8 ? 0 - E2M1[code & 7]! : E2M1[code]!);
  },
  Q2_K: (b, k) => {
    const scales = b.u8(k >> 4);
    return b.f16(80) * (scales & 15) * b.planes(16, 2, k) - b.f16(82) * (scales >> 4);
  },
  Q3_K: (b, k) => {
    const run = k >> 4;
    const scale = b.field(96 + (run % 8), 4, run >> 3) | (b.field(104 + (run % 4), 2, run >> 2) << 4);
    const code = b.planes(32, 2, k) - ((b.u8(k % 32) >> (k >> 5)) & 1 ? 0 : 4);
    return b.f16(108) * (scale - 32) * code;
  },
  Q4_K: (b, k) => b.f16(0) * b.sixBits(4, 0, k >> 5) * b.planes(16, 4, k) - b.f16(2) * b.sixBits(4, 1, k >> 5),
  Q5_K: (b, k) => {
    const code = b.planes(48, 4, k) | (((b.u8(16 + (k % 32)) >> (k >> 5)) & 1) << 4);
    return b.f16(0) * b.sixBits(4, 0, k >> 5) * code - b.f16(2) * b.sixBits(4, 1, k >> 5);
  },
  Q6_K: (b, k) => {
    const half = k >> 7, nibble = (b.u8(64 * half + (k % 64)) >> ((k & 64) / 16)) & 15;
    return b.f16(208) * b.i8(192 + (k >> 4)) * ((nibble | (b.planes(128, 2, k) << 4)) - 32);
  },
  IQ4_XS: (b, k) => {
    const run = k >> 5;
    const scale = b.field(4, 4, run) | (b.field(2, 2, run) << 4);
    return b.f16(0) * (scale - 32) * IQ4[b.halves(8 + 16 * run, k % 32)]!;
  },
  IQ2_XXS: (b, k) => {
    const at = 2 + 8 * (k >> 5), word = b.u32(at + 4), part = (k >> 3) % 4;
    const magnitude = IQ2[digit("iq2_xxs", b.u8(at + part), 8, k % 8)]!;
    return (b.f16(0) / 8) * (2 * (word >>> 28) + 1) * magnitude * evenSign((word >>> (7 * part)) & 127, k % 8);
  },
  IQ2_XS: (b, k) => {
    const word = b.u16(2 + 2 * (k >> 3));
    const magnitude = IQ2[digit("iq2_xs", word & 511, 8, k % 8)]!;
    return (b.f16(0) / 8) * (2 * b.field(66, 4, k >> 4) + 1) * magnitude * evenSign(word >> 9, k % 8);
  },
  IQ2_S: (b, k) => {
    const entry = b.u8(2 + (k >> 3)) | (b.field(66, 2, k >> 3) << 8);
    const magnitude = IQ2[digit("iq2_s", entry, 8, k % 8)]!;
    return (b.f16(0) / 8) * (2 * b.field(74, 4, k >> 4) + 1) * magnitude * sign(b.field(34, 1, k));
  },
  IQ3_XXS: (b, k) => {
    const word = b.u32(66 + 4 * (k >> 5));
    const magnitude = IQ3_XXS[digit("iq3_xxs", b.u8(2 + (k >> 2)), 4, k % 4)]!;
    const seven = (word >>> (7 * ((k >> 3) % 4))) & 127;
    return (b.f16(0) / 4) * (2 * (word >>> 28) + 1) * magnitude * evenSign(seven, k % 8);
  },
  IQ3_S: (b, k) => {
    const entry = b.u8(2 + (k >> 2)) | (b.field(66, 1, k >> 2) << 8);
    const magnitude = 2 * digit("iq3_s", entry, 4, k % 4) + 1;
    return b.f16(0) * (2 * b.field(106, 4, k >> 5) + 1) * magnitude * sign(b.field(74, 1, k));
  },
  IQ1_S: (b, k) => {
    const word = b.u16(34 + 2 * (k >> 5)), part = (k >> 3) % 4;
    const entry = b.u8(2 + (k >> 3)) | (((word >> (3 * part)) & 7) << 8);
    const value = digit("iq1_s", entry, 8, k % 8) - 1 + (word & 0x8000 ? -0.125 : 0.125);
    return b.f16(0) * (2 * ((word >> 12) & 7) + 1) * value;
  },
  IQ1_M: (b, k) => {
    const words = [48, 50, 52, 54].map((at) => b.u16(at));
    const scale = float16(words.reduce((bits, word, i) => bits | ((word >> 12) << (4 * i)), 0));
    const upper = b.field(32, 4, k >> 3), run = k >> 4;
    const value = digit("iq1_s", b.u8(k >> 3) | ((upper & 7) << 8), 8, k % 8) - 1 + (upper & 8 ? -0.125 : 0.125);
    return scale * (2 * ((words[run >> 2]! >> (3 * (run % 4))) & 7) + 1) * value;
  },
  TQ1_0: (b, k) => {
    // Digits of base 3 of a fraction of 256: five of 32 bytes, five of 16 bytes, four of 4 bytes.
    const [at, count, first] = k < 160 ? [0, 32, 0] : k < 240 ? [32, 16, 160] : [48, 4, 240];
    const index = Math.floor((k - first) / count);
    const shifted = (b.u8(at + ((k - first) % count)) * 3 ** index) % 256;
    return b.f16(52) * (Math.floor((shifted * 3) / 256) - 1);
  },
  TQ2_0: (b, k) => b.f16(64) * (b.planes(0, 2, k) - 1),
};

/**
 * The values of block-quantized elements.
 *
 * @param type Their type.
 * @param bytes Whole blocks.
 * @returns Every element, exact in float64.
 */
export function dequantize(type: BlockTypeName, bytes: Uint8Array): Float64Array {
  const { columns, bytes: blockBytes } = BLOCK_TYPES[type];
  const values = new Float64Array((bytes.length / blockBytes) * columns);
  for (let index = 0; index < bytes.length / blockBytes; index++) {
    const block = new Block(bytes.subarray(index * blockBytes, (index + 1) * blockBytes));
    for (let k = 0; k < columns; k++) values[index * columns + k] = ELEMENTS[type](block, k);
  }
  return values;
}
