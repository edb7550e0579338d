/**
 * Decoders: convert token strings back to text, all at once. `streaming/detokenizer.ts` does so token by token.
 *
 * Our own, because `@huggingface/tokenizers` 0.2.0 departs from the reference: `ByteFallback` drops a byte order mark and
 * replaces invalid runs by another number of U+FFFD, `ByteLevel` searches the added tokens for every token, `Replace`
 * expands `$&`, `Strip` counts UTF-16 units, `Metaspace` keeps all but one of the first token's marks, unknown ids
 * become text, and `clean_up_tokenization_spaces` is on unless the config turns it off. Here, text is never cleaned up:
 * it is irreversible, and would depend on the next token, which a stream does not have.
 *
 * @module
 */
import { showValue } from "../../../errors.ts";
import { fromByteAlphabet } from "./byte_alphabet.ts";
import { checkGrowth, insertedText, mostLength, StepCounter } from "./limits.ts";
import { compilePattern, type Pattern } from "../patterns/patterns.ts";
import { prependScheme } from "./pre_tokenizer.ts";
import { invalidTokenizer, isObject, type JsonObject } from "./tokenizer_files.ts";

/** One step of a decoder. */
export type DecoderStep =
  | { readonly type: "Replace"; readonly pattern: Pattern | null; readonly content: string }
  | { readonly type: "Strip"; readonly content: string; readonly start: number; readonly stop: number }
  | { readonly type: "Metaspace"; readonly replacement: string; readonly dropFirst: boolean }
  | { readonly type: "ByteFallback" | "ByteLevel" | "Fuse" };

/** A decoder's steps in order; null for the default, which joins tokens with spaces. */
export type Decoder = readonly DecoderStep[] | null;

/**
 * Compile the `decoder` field.
 *
 * @param config The field: null, or an object with a `type`.
 * @returns The decoder.
 * @throws {UpbeatError} TOKENIZER_INVALID for a type that is not supported (`WordPiece`, `BPEDecoder`, `CTC`).
 */
export function compileDecoder(config: unknown): Decoder {
  if (config === null || config === undefined) return null;
  if (!isObject(config)) throw invalidTokenizer("decoder", "must be an object or null");
  return compileSteps(config, new StepCounter("decoder"));
}

function compileSteps(config: JsonObject, counter: StepCounter): DecoderStep[] {
  counter.count();
  switch (config["type"]) {
    case "Sequence": {
      const list = config["decoders"];
      if (!Array.isArray(list)) throw invalidTokenizer("decoder.decoders", "must be a list");
      return list.flatMap((step: unknown) => {
        if (!isObject(step)) throw invalidTokenizer("decoder.decoders", "must contain objects");
        return compileSteps(step, counter);
      });
    }
    case "ByteFallback":
    case "ByteLevel":
    case "Fuse":
      return [{ type: config["type"] }];
    case "Replace": {
      const pattern = compilePattern(config["pattern"], "decoder.pattern");
      return [{ type: "Replace", pattern, content: insertedText(config["content"], "decoder.content") }];
    }
    case "Strip": {
      const { content, start, stop } = config;
      if (typeof content !== "string" || typeof start !== "number" || typeof stop !== "number") {
        throw invalidTokenizer("decoder", "of type Strip must have content, start and stop");
      }
      return [{ type: "Strip", content, start, stop }];
    }
    case "Metaspace": {
      const replacement = insertedText(config["replacement"] ?? "▁", "decoder.replacement");
      return [{ type: "Metaspace", replacement, dropFirst: prependScheme(config) !== "never" }];
    }
    default:
      throw invalidTokenizer("decoder", `of type ${showValue(config["type"])} is not supported`);
  }
}

const lossy = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/**
 * Decode token strings.
 *
 * @param tokens Token strings, without unknown ids and skipped tokens.
 * @param decoder The decoder.
 * @returns The text.
 */
export function decodeTokens(tokens: readonly string[], decoder: Decoder): string {
  if (decoder === null) return tokens.join(" ");
  const most = mostLength(tokens.reduce((length, token) => length + token.length, 0));
  let current = tokens;
  for (const step of decoder) current = applyStep(current, step, most);
  return current.join("");
}

function applyStep(tokens: readonly string[], step: DecoderStep, most: number): readonly string[] {
  switch (step.type) {
    case "Replace":
      return tokens.map((token) => replaceAll(token, step, most));
    case "Strip":
      return tokens.map((token) => strip(token, step));
    case "Metaspace":
      return tokens.map((token, index) => {
        const mark = step.dropFirst && index === 0 ? "" : " ";
        return token.replaceAll(step.replacement, () => mark);
      });
    case "Fuse":
      return [tokens.join("")];
    case "ByteLevel":
      return [lossy.decode(concatenate(tokens.map(fromByteAlphabet)))];
    case "ByteFallback":
      return decodeByteRuns(tokens);
  }
}

/**
 * The `Replace` step on one token.
 *
 * @param token Token string.
 * @param step The step.
 * @param most The greatest length that it may have then.
 * @returns The token with every match replaced literally.
 * @throws {UpbeatError} TOKENIZER_INVALID when that makes it many times longer.
 */
export function replaceAll(token: string, step: DecoderStep & { type: "Replace" }, most: number): string {
  if (step.pattern === null) return token;
  let output = "";
  let done = 0;
  step.pattern.forEachMatch(token, (start, end) => {
    output += token.slice(done, start) + step.content;
    done = end;
    checkGrowth(output.length, most, "decoder");
  });
  return done === 0 && output === "" ? token : output + token.slice(done);
}

/**
 * The `Strip` step on one token.
 *
 * @param token Token string.
 * @param step The step; it removes up to `start` leading and `stop` trailing characters equal to `content`.
 * @returns The stripped token.
 */
export function strip(token: string, step: DecoderStep & { type: "Strip" }): string {
  const chars = Array.from(token);
  let start = 0;
  while (start < step.start && chars[start] === step.content) start++;
  let end = chars.length;
  for (let i = 0; i < step.stop && end > start && chars[end - 1] === step.content; i++) end--;
  return chars.slice(start, end).join("");
}

/**
 * The byte of a byte-fallback token such as `<0x0A>`.
 *
 * @param token Token string.
 * @returns The byte, or -1 for any other token.
 */
export function fallbackByte(token: string): number {
  return /^<0x(?:[0-9a-fA-F]{2}|\+[0-9a-fA-F])>$/.test(token) ? parseInt(token.slice(3, 5), 16) : -1;
}

/** Decodes runs of byte tokens: to their text, or to one U+FFFD per byte if the run is not valid UTF-8. */
function decodeByteRuns(tokens: readonly string[]): string[] {
  const output: string[] = [];
  let run: number[] = [];
  const flush = (): void => {
    if (run.length === 0) return;
    try {
      output.push(strict.decode(Uint8Array.from(run)));
    } catch {
      for (let i = 0; i < run.length; i++) output.push("\uFFFD");
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = fallbackByte(token);
    if (byte >= 0) run.push(byte);
    else {
      flush();
      output.push(token);
    }
  }
  flush();
  return output;
}

/** Concatenates arrays. */
function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
