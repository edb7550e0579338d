/**
 * What every token decodes to, in shared memory, so that a worker can detokenize without a copy of the vocabulary.
 *
 * @module
 */
import { fromByteAlphabet } from "./byte_alphabet.ts";
import { type DecoderStep, fallbackByte, replaceAll, strip } from "./token_decoder.ts";
import { invalidTokenizer } from "./tokenizer_files.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Flag: the id exists. */
export const TOKEN_EXISTS = 1;
/** Flag: declared special. */
export const TOKEN_SPECIAL = 2;
/** Flag: left out when decoding without special tokens. */
export const TOKEN_SKIPPED = 4;
/** Flag: a byte-fallback token; its one byte is in the table. */
export const TOKEN_BYTE = 8;
/** Flag: one of the added tokens. */
export const TOKEN_ADDED = 16;

/**
 * How the bytes of tokens join into text.
 *
 * - `byte_level`: the bytes of all tokens in a row are UTF-8, invalid parts become U+FFFD.
 * - `byte_fallback`: each token is text of its own; runs of byte tokens are UTF-8 as a whole, or one U+FFFD a byte.
 * - `text`: each token is text of its own.
 */
export type TokenTableKind = "byte_level" | "byte_fallback" | "text";

/** The plain value of a {@linkcode TokenTable}: `postMessage` shares its buffers. */
export interface SharedTokenTable {
  /** How tokens join. */
  readonly kind: TokenTableKind;
  /** Number of ids. */
  readonly size: number;
  /** The bytes of all tokens, one after the other. */
  readonly bytes: SharedArrayBuffer;
  /** `size + 1` int32: token `id` is `bytes[offsets[id] … offsets[id + 1])`. */
  readonly offsets: SharedArrayBuffer;
  /** `size` bytes: the `TOKEN_*` flags. */
  readonly flags: SharedArrayBuffer;
  /** Up to `count` characters `char` at the start of the whole text go; null where none do. */
  readonly stripStart: { readonly char: string; readonly count: number } | null;
  /** A mark in the token's text that becomes a space, or nothing in the first token; null where there is none. */
  readonly firstTokenMark: string | null;
  /** Text between two tokens. */
  readonly separator: string;
}

/** The bytes and flags of every token. */
export class TokenTable {
  /** How tokens join. */
  readonly kind: TokenTableKind;
  /** Number of ids. */
  readonly size: number;
  /** The bytes of all tokens. */
  readonly bytes: Uint8Array;
  /** Where each token starts in `bytes`, and the end: `size + 1` entries. */
  readonly offsets: Int32Array;
  /** The `TOKEN_*` flags of each token. */
  readonly flags: Uint8Array;
  /** The plain value, for another thread. */
  readonly shared: SharedTokenTable;

  /** @param shared The plain value. */
  private constructor(shared: SharedTokenTable) {
    this.shared = shared;
    this.kind = shared.kind;
    this.size = shared.size;
    this.bytes = new Uint8Array(shared.bytes);
    this.offsets = new Int32Array(shared.offsets);
    this.flags = new Uint8Array(shared.flags);
  }

  /**
   * The table behind a plain value that another thread sent.
   *
   * @param shared The value of {@linkcode TokenTable.shared}.
   * @returns A table over the same memory.
   */
  static fromShared(shared: SharedTokenTable): TokenTable {
    return new TokenTable(shared);
  }

  /**
   * The flags of a token.
   *
   * @param id Any number.
   * @returns `TOKEN_*` flags; 0 for an id that does not exist.
   */
  flagsOf(id: number): number {
    return this.flags[id] ?? 0;
  }

  /**
   * The bytes of a token.
   *
   * @param id Token id.
   * @returns A view of the shared bytes; empty for an id that does not exist.
   */
  bytesOf(id: number): Uint8Array {
    const start = this.offsets[id];
    const end = this.offsets[id + 1];
    return start === undefined || end === undefined ? this.bytes.subarray(0, 0) : this.bytes.subarray(start, end);
  }
}

/** A decoder taken apart for streaming. */
interface Plan {
  readonly kind: TokenTableKind;
  /** Steps that work on each token alone, before tokens join. */
  readonly perToken: readonly DecoderStep[];
  readonly stripStart: SharedTokenTable["stripStart"];
  readonly firstTokenMark: string | null;
  readonly separator: string;
}

/** Take the decoder apart, or refuse one whose output is never certain before the end. */
function planOf(tokenizer: Tokenizer): Plan {
  const steps = tokenizer.decoder;
  if (steps === null) return { kind: "text", perToken: [], stripStart: null, firstTokenMark: null, separator: " " };
  let kind: TokenTableKind = "text";
  let fused = false;
  const perToken: DecoderStep[] = [];
  let stripStart: SharedTokenTable["stripStart"] = null;
  let firstTokenMark: string | null = null;
  const refuse = (type: string): never => {
    throw invalidTokenizer("decoder", `has a ${type} step where its text could not be streamed`);
  };
  for (const step of steps) {
    switch (step.type) {
      case "Fuse":
        fused = true;
        break;
      case "ByteLevel":
      case "ByteFallback":
        if (fused || kind !== "text" || firstTokenMark !== null) refuse(step.type);
        kind = step.type === "ByteLevel" ? "byte_level" : "byte_fallback";
        fused = kind === "byte_level";
        break;
      case "Metaspace":
        if (fused || kind !== "text" || firstTokenMark !== null || perToken.length > 0) refuse(step.type);
        if (step.dropFirst) firstTokenMark = step.replacement;
        else perToken.push({ type: "Replace", pattern: literal(step.replacement), content: " " });
        break;
      case "Replace":
        if (fused || kind !== "text" || firstTokenMark !== null) refuse(step.type);
        perToken.push(step);
        break;
      case "Strip":
        if (!fused && kind === "text" && firstTokenMark === null) perToken.push(step);
        else if (!fused || step.stop > 0 || stripStart !== null) refuse(step.type);
        else if (step.start > 0) stripStart = { char: step.content, count: step.start };
        break;
    }
  }
  return { kind, perToken, stripStart, firstTokenMark, separator: "" };
}

/** A pattern that matches a text. */
function literal(text: string): RegExp {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"), "gu");
}

/**
 * Build the table of a tokenizer.
 *
 * @param tokenizer The tokenizer.
 * @returns The table.
 * @throws {UpbeatError} TOKENIZER_INVALID when the decoder cannot be streamed.
 */
export function buildTokenTable(tokenizer: Tokenizer): TokenTable {
  const plan = planOf(tokenizer);
  const size = tokenizer.vocabularySize;
  const encoder = new TextEncoder();
  const offsets = new SharedArrayBuffer((size + 1) * 4);
  const flags = new SharedArrayBuffer(size);
  const offsetOf = new Int32Array(offsets);
  const flagsOf = new Uint8Array(flags);
  let bytes = new Uint8Array(size * 8 + 64);
  let used = 0;
  for (let id = 0; id < size; id++) {
    let token = tokenizer.idToToken(id);
    if (token !== null) {
      let flag = TOKEN_EXISTS;
      if (tokenizer.isSpecial(id)) flag |= TOKEN_SPECIAL;
      if (tokenizer.isSkipped(id)) flag |= TOKEN_SKIPPED;
      if (tokenizer.isAdded(id)) flag |= TOKEN_ADDED;
      for (const step of plan.perToken) {
        if (step.type === "Replace") token = replaceAll(token, step);
        else if (step.type === "Strip") token = strip(token, step);
      }
      const byte = plan.kind === "byte_fallback" ? fallbackByte(token) : -1;
      if (byte >= 0) flag |= TOKEN_BYTE;
      const own = byte >= 0
        ? Uint8Array.of(byte)
        : plan.kind === "byte_level"
        ? fromByteAlphabet(token)
        : encoder.encode(token);
      if (used + own.length > bytes.length) {
        const larger = new Uint8Array((used + own.length) * 2);
        larger.set(bytes);
        bytes = larger;
      }
      bytes.set(own, used);
      used += own.length;
      flagsOf[id] = flag;
    }
    offsetOf[id + 1] = used;
  }
  const sharedBytes = new SharedArrayBuffer(used);
  new Uint8Array(sharedBytes).set(bytes.subarray(0, used));
  return TokenTable.fromShared({
    kind: plan.kind,
    size,
    bytes: sharedBytes,
    offsets,
    flags,
    stripStart: plan.stripStart,
    firstTokenMark: plan.firstTokenMark,
    separator: plan.separator,
  });
}
