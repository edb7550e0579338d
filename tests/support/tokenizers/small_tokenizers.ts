/**
 * Small generated tokenizers of the same kinds as real models'.
 *
 * @module
 */
import { BYTE_TO_CHAR, toByteAlphabet } from "../../../engine/text/tokenizer/byte_alphabet.ts";
import { Tokenizer } from "../../../engine/text/tokenizer/tokenizer.ts";
import type { JsonObject } from "../../../engine/text/tokenizer/tokenizer_files.ts";

const WORDS = ["the", "then", "there", "once", "upon", "time", "été", "été", "你好", "мир", "👩‍💻", "aaaa", "  ", "\n\n"];

/** A tokenizer of parsed files in an imaginary folder `small`. */
export function tokenizerOf(tokenizer: JsonObject, config: JsonObject = {}): Tokenizer {
  return new Tokenizer({
    folder: "small",
    path: "small/tokenizer.json",
    tokenizer,
    config,
    specialTokensMap: {},
    chatTemplate: null,
  });
}

/** An entry of `added_tokens`. */
export function addedToken(id: number, content: string, fields: JsonObject = {}): JsonObject {
  return {
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
    ...fields,
  };
}

/** Merges that build each word from left to right, and their vocabulary on top of `alphabet`. */
function bpeModel(alphabet: readonly string[], words: readonly string[]): { vocab: JsonObject; merges: string[][] } {
  const vocab: Record<string, number> = {};
  const add = (token: string): void => {
    vocab[token] ??= Object.keys(vocab).length;
  };
  alphabet.forEach(add);
  const merges: string[][] = [];
  const seen = new Set<string>();
  for (const word of words) {
    const chars = Array.from(word);
    chars.forEach(add);
    let left = chars[0] as string;
    for (const char of chars.slice(1)) {
      const key = JSON.stringify([left, char]);
      if (!seen.has(key)) merges.push([left, char]);
      seen.add(key);
      left += char;
      add(left);
    }
  }
  return { vocab, merges };
}

/** `tokenizer.json` of a byte-level BPE tokenizer like those of GPT-2 and Qwen. */
export function byteLevelJson(): JsonObject {
  const words = WORDS.flatMap((word) => [toByteAlphabet(word), toByteAlphabet(` ${word}`)]);
  const { vocab, merges } = bpeModel(BYTE_TO_CHAR, words);
  const size = Object.keys(vocab).length;
  return {
    version: "1.0",
    added_tokens: [
      addedToken(size, "<|end|>"),
      addedToken(size + 1, "<think>", { special: false }),
      addedToken(size + 2, "é|", { special: false }),
    ],
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: {
            Regex: "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          },
          behavior: "Isolated",
          invert: false,
        },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: "BPE", unk_token: null, fuse_unk: false, byte_fallback: false, vocab, merges },
  };
}

/** `tokenizer.json` of a SentencePiece-style tokenizer with byte fallback, like Llama 2's. */
export function sentencePieceJson(normalizedSpecials = false): JsonObject {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const words = WORDS.filter((word) => !/[\n👩]/u.test(word)).flatMap((word) => [word, `▁${word}`]);
  const { vocab, merges } = bpeModel(
    ["<unk>", "<s>", "</s>", ...bytes, "▁", ..."abcdefghijklmnopqrstuvwxyz.,!"],
    words.map((word) => word.replaceAll(" ", "▁")),
  );
  return {
    version: "1.0",
    added_tokens: ["<unk>", "<s>", "</s>"].map((token, id) =>
      addedToken(id, token, { normalized: normalizedSpecials })
    ),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: { type: "BPE", unk_token: "<unk>", fuse_unk: true, byte_fallback: true, vocab, merges },
  };
}

/** One tokenizer of every kind, by name. */
export function smallTokenizers(): Map<string, Tokenizer> {
  const metaspace = {
    ...sentencePieceJson(),
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false },
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false },
  };
  const noStrip = {
    ...sentencePieceJson(),
    normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
      ],
    },
  };
  return new Map([
    ["byte-level BPE", tokenizerOf(byteLevelJson())],
    ["SentencePiece with byte fallback", tokenizerOf(sentencePieceJson())],
    ["SentencePiece with normalized specials", tokenizerOf(sentencePieceJson(true))],
    ["SentencePiece without a dummy prefix", tokenizerOf(noStrip)],
    ["Metaspace decoder", tokenizerOf(metaspace)],
    ["no decoder", tokenizerOf({ ...byteLevelJson(), decoder: null })],
  ]);
}
