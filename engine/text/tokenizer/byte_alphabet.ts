/**
 * GPT-2's byte alphabet: a printable character for each of the 256 bytes, so that byte-level BPE operates on text.
 *
 * Source: "Language Models are Unsupervised Multitask Learners", Radford et al. 2019, `bytes_to_unicode`.
 *
 * @module
 */

/** Byte to character. */
export const BYTE_TO_CHAR: readonly string[] = (() => {
  const chars = new Array<string>(256);
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    chars[byte] = String.fromCharCode(printable ? byte : next++);
  }
  return chars;
})();

/** Character code to byte; -1 outside the alphabet, whose codes are all below 324. */
const CODE_TO_BYTE: Int16Array = (() => {
  const bytes = new Int16Array(324).fill(-1);
  BYTE_TO_CHAR.forEach((char, byte) => {
    bytes[char.charCodeAt(0)] = byte;
  });
  return bytes;
})();

const encoder = new TextEncoder();

/**
 * Encode text in the byte alphabet.
 *
 * @param text Well-formed text.
 * @returns One character for each byte of its UTF-8 encoding.
 */
export function toByteAlphabet(text: string): string {
  let output = "";
  for (const byte of encoder.encode(text)) output += BYTE_TO_CHAR[byte];
  return output;
}

/**
 * The bytes of a token of a byte-level vocabulary.
 *
 * @param token The token's string in the vocabulary.
 * @returns The bytes of its characters; if one of them is outside the alphabet, the UTF-8 encoding of the string.
 */
export function fromByteAlphabet(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = CODE_TO_BYTE[token.charCodeAt(i)] ?? -1;
    if (byte < 0) return encoder.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}
