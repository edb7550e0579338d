/**
 * Builds the token table of a tokenizer.
 *
 * @module
 */
import { fromByteAlphabet } from "./byte_alphabet.ts";
import { mostLength } from "./limits.ts";
import { literalPattern } from "../patterns/patterns.ts";
import { type Decoder, type DecoderStep, fallbackByte, replaceAll, strip } from "./token_decoder.ts";
import { TOKEN_BYTE, TOKEN_EXISTS, TOKEN_SKIPPED, TokenTable } from "./token_table.ts";
import type { SharedTokenTable, TokenTableKind } from "./token_table.ts";
import { invalidTokenizer } from "./tokenizer_files.ts";

/** The most bytes of all tokens. */
const MOST_BYTES = 2 ** 26;

/** The part of a tokenizer that its table is built from. */
export interface TokenSource {
  readonly vocabularySize: number;
  readonly decoder: Decoder;
  idToToken(id: number): string | null;
  isSkipped(id: number): boolean;
}

/** A decoder, split into the steps that can be streamed. */
interface Plan {
  readonly kind: TokenTableKind;
  /** Steps applied to each token before tokens are joined. */
  readonly perToken: readonly DecoderStep[];
  readonly stripStart: SharedTokenTable["stripStart"];
  readonly firstTokenMark: string | null;
  readonly separator: string;
}

/** Splits a decoder; refuses one whose output may change until the last token. */
function planOf(steps: Decoder): Plan {
  if (steps === null) return { kind: "text", perToken: [], stripStart: null, firstTokenMark: null, separator: " " };
  let kind: TokenTableKind = "text";
  let fused = false;
  const perToken: DecoderStep[] = [];
  let stripStart: SharedTokenTable["stripStart"] = null;
  let firstTokenMark: string | null = null;
  const refuse = (type: string): never => {
    throw invalidTokenizer("decoder", `has a ${type} step in a position that cannot be streamed`);
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
        else perToken.push({ type: "Replace", pattern: literalPattern(step.replacement), content: " " });
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

/**
 * Build the table of a tokenizer.
 *
 * @param tokenizer The tokenizer, or its part.
 * @returns The table.
 * @throws {UpbeatError} TOKENIZER_INVALID when the decoder cannot be streamed.
 */
export function buildTokenTable(tokenizer: TokenSource): TokenTable {
  const plan = planOf(tokenizer.decoder);
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
      if (tokenizer.isSkipped(id)) flag |= TOKEN_SKIPPED;
      const most = mostLength(token.length);
      for (const step of plan.perToken) {
        if (step.type === "Replace") token = replaceAll(token, step, most);
        else if (step.type === "Strip") token = strip(token, step);
      }
      const byte = plan.kind === "byte_fallback" ? fallbackByte(token) : -1;
      if (byte >= 0) flag |= TOKEN_BYTE;
      const own = byte >= 0
        ? Uint8Array.of(byte)
        : plan.kind === "byte_level"
        ? fromByteAlphabet(token)
        : encoder.encode(token);
      if (used + own.length > MOST_BYTES) {
        throw invalidTokenizer("decoder", `makes the text of all tokens longer than ${MOST_BYTES} bytes`);
      }
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
  return new TokenTable({
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
