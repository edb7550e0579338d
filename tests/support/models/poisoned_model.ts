/**
 * Weights that are not finite, written into a model's file.
 *
 * @module
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/** The upper half of the value's F32 bits, which is its BF16 form: exact for NaN and infinities. */
function toBfloat16(value: number): Buffer {
  const f32 = Buffer.alloc(4);
  f32.writeFloatLE(value);
  return f32.subarray(2);
}

/**
 * Overwrites rows of the embedding with one value.
 *
 * @param file A safetensors file with BF16 `model.embed_tokens.weight`.
 * @param tokens The rows.
 * @param value NaN or an infinity.
 */
export function poisonEmbedding(file: string, tokens: readonly number[], value: number): void {
  const content = readFileSync(file);
  const headerLength = Number(content.readBigUInt64LE(0));
  const header = JSON.parse(content.toString("utf8", 8, 8 + headerLength));
  const { shape: [, columns], data_offsets: [begin] } = header["model.embed_tokens.weight"];
  const row = Buffer.concat(Array.from({ length: columns }, () => toBfloat16(value)));
  const handle = openSync(file, "r+");
  try {
    for (const token of tokens) {
      writeSync(handle, row, 0, row.length, 8 + headerLength + begin + token * row.length);
    }
  } finally {
    closeSync(handle);
  }
}
