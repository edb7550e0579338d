/**
 * The bytes of every token, in shared memory, so that the executor's thread can detokenize without a copy.
 *
 * @module
 */

/** Flag: the id exists. */
export const TOKEN_EXISTS = 1;
/** Flag: omitted when decoding with `skipSpecialTokens`. */
export const TOKEN_SKIPPED = 2;
/** Flag: a byte-fallback token, whose single byte is in the table. */
export const TOKEN_BYTE = 4;

/**
 * How the bytes of tokens join into text.
 *
 * - `byte_level`: the concatenated bytes of all tokens are UTF-8; invalid parts become U+FFFD.
 * - `byte_fallback`: each token decodes independently, except runs of byte tokens: UTF-8 as a whole, or one U+FFFD per byte.
 * - `text`: each token decodes independently.
 */
export type TokenTableKind = "byte_level" | "byte_fallback" | "text";

/** A {@linkcode TokenTable} as a plain value that can be posted; its buffers are shared. */
export interface SharedTokenTable {
  /** How tokens join. */
  readonly kind: TokenTableKind;
  /** Number of ids. */
  readonly size: number;
  /** The concatenated bytes of all tokens. */
  readonly bytes: SharedArrayBuffer;
  /** `size + 1` int32: token `id` is `bytes[offsets[id] … offsets[id + 1])`. */
  readonly offsets: SharedArrayBuffer;
  /** `size` bytes: the `TOKEN_*` flags. */
  readonly flags: SharedArrayBuffer;
  /** Up to `count` characters `char` are stripped from the start of the whole text. */
  readonly stripStart: { readonly char: string; readonly count: number } | null;
  /** A mark that becomes a space or, in the first token, is removed. */
  readonly firstTokenMark: string | null;
  /** Text inserted between two tokens. */
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
  /** Offset of each token in `bytes`, and the end: `size + 1` entries. */
  readonly offsets: Int32Array;
  /** The `TOKEN_*` flags of each token. */
  readonly flags: Uint8Array;
  /** The plain value, to be posted to another thread. */
  readonly shared: SharedTokenTable;

  /** @param shared The plain value of a table, of this or another thread. */
  constructor(shared: SharedTokenTable) {
    this.shared = shared;
    this.kind = shared.kind;
    this.size = shared.size;
    this.bytes = new Uint8Array(shared.bytes);
    this.offsets = new Int32Array(shared.offsets);
    this.flags = new Uint8Array(shared.flags);
  }

  /**
   * The flags of a token.
   *
   * @param id Token id.
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
