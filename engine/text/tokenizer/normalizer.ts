/**
 * Normalizers: rewrite text before `normalized` added tokens are matched and the rest is pre-tokenized.
 *
 * Our own, because `@huggingface/tokenizers` 0.2.0 departs from the reference: `Replace` expands `$&` in the replacement,
 * `Lowercase` applies the final-sigma rule, `Strip` trims U+FEFF, `Precompiled` ignores its character map.
 *
 * @module
 */
import { toByteAlphabet } from "./byte_alphabet.ts";
import { compilePattern, WHITE_SPACE } from "./patterns.ts";
import { invalidTokenizer, isObject } from "./tokenizer_files.ts";

/** Rewrites text. */
export type Normalizer = (text: string) => string;

const LEADING_SPACE = new RegExp(`^${WHITE_SPACE}+`, "u");
const TRAILING_SPACE = new RegExp(`${WHITE_SPACE}$`, "u");

/**
 * Compile the `normalizer` field.
 *
 * @param config The field: null, or an object with a `type`.
 * @returns The normalizer, or null if there is none.
 * @throws {UpbeatError} TOKENIZER_INVALID for a type that cannot be reproduced exactly (`Precompiled`, `Nmt`,
 * `BertNormalizer`) or is unknown.
 */
export function compileNormalizer(config: unknown): Normalizer | null {
  if (config === null || config === undefined) return null;
  if (!isObject(config)) throw invalidTokenizer("normalizer", "must be an object or null");
  switch (config["type"]) {
    case "Sequence": {
      const list = config["normalizers"];
      if (!Array.isArray(list)) throw invalidTokenizer("normalizer.normalizers", "must be a list");
      const steps = list.map(compileNormalizer).filter((step) => step !== null);
      return (text) => steps.reduce((current, step) => step(current), text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const form = config["type"];
      return (text) => text.normalize(form);
    }
    case "Prepend": {
      const prefix = String(config["prepend"]);
      return (text) => (text === "" ? text : prefix + text);
    }
    case "Replace": {
      const pattern = compilePattern(config["pattern"], "normalizer.pattern");
      const content = String(config["content"]);
      return (text) => (pattern === null ? text : text.replace(pattern, () => content));
    }
    case "Lowercase":
      return (text) => Array.from(text, (char) => char.toLowerCase()).join("");
    case "Strip": {
      const left = config["strip_left"] === true;
      const right = config["strip_right"] === true;
      return (text) => {
        const trimmed = left ? text.replace(LEADING_SPACE, "") : text;
        return right ? trimEnd(trimmed) : trimmed;
      };
    }
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "ByteLevel":
      return toByteAlphabet;
    default:
      throw invalidTokenizer("normalizer", `of type ${JSON.stringify(config["type"])} is not supported`);
  }
}

/** Trims trailing white space in linear time; `\s+$` is quadratic on runs of spaces inside the text. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && TRAILING_SPACE.test(text[end - 1] as string)) end--;
  return text.slice(0, end);
}
