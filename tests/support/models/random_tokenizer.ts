/**
 * A byte-level BPE tokenizer for random models: bytes are tokens, and the rest of the vocabulary is merges of two
 * letters.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Tokens 0, 1 and 2. */
const SPECIAL_TOKENS = ["<pad>", "<s>", "</s>"] as const;

/** The smallest vocabulary: the special tokens and all bytes. */
const SMALLEST_VOCABULARY = SPECIAL_TOKENS.length + 256;

/**
 * Write `tokenizer.json` and `tokenizer_config.json`, with a beginning-of-sequence token and a chat template.
 *
 * @param folder The model folder.
 * @param vocabularySize Tokens to make: 259 to 935; a greater vocabulary has ids that no token has.
 */
export function writeTinyTokenizer(folder: string, vocabularySize: number): void {
  if (vocabularySize < SMALLEST_VOCABULARY) {
    throw new RangeError(`a byte-level tokenizer has ${SMALLEST_VOCABULARY} tokens or more, not ${vocabularySize}`);
  }
  const bytes = byteCharacters();
  const merges = letterPairs().slice(0, vocabularySize - SMALLEST_VOCABULARY);
  const tokens = [...SPECIAL_TOKENS, ...bytes, ...merges.map((pair) => pair.join(""))];
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(" ")),
    },
  };
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: "<s>",
    eos_token: "</s>",
    pad_token: "<pad>",
    chat_template:
      "{{ bos_token }}{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}" +
      "{% if add_generation_prompt %}assistant: {% endif %}",
  };
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
}

/** The character of each byte in byte-level BPE (`bytes_to_unicode` of GPT-2). */
function byteCharacters(): string[] {
  const isPlain = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let shifted = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPlain(byte) ? byte : shifted++));
}

/** Pairs of lower-case letters. */
function letterPairs(): [string, string][] {
  const letters = [..."etaoinshrdlcumwfgypbvkjxqz"];
  return letters.flatMap((first) => letters.map((second): [string, string] => [first, second]));
}
