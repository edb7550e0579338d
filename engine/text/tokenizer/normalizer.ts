/**
 * Normalizers: rewrite text before `normalized` added tokens are matched and the rest is pre-tokenized.
 *
 * Our own, because `@huggingface/tokenizers` 0.2.0 departs from the reference: `Replace` expands `$&` in the replacement,
 * `Lowercase` applies the final-sigma rule, `Strip` trims U+FEFF, `Precompiled` ignores its character map.
 *
 * @module
 */
import { showValue } from "../../../errors.ts";
import { toByteAlphabet } from "./byte_alphabet.ts";
import { checkGrowth, insertedText, mostLength, StepCounter } from "./limits.ts";
import { compilePattern, type Pattern, WHITE_SPACE } from "../patterns/patterns.ts";
import { invalidTokenizer, isObject } from "./tokenizer_files.ts";

/** Rewrites text; throws TOKENIZER_INVALID when its steps make it many times longer. */
export type Normalizer = (text: string) => string;

/** Rewrites text, which may not become longer than `most`. */
type Step = (text: string, most: number) => string;

const LEADING_SPACE = new RegExp(`^${WHITE_SPACE}+`, "u");
const TRAILING_SPACE = new RegExp(`${WHITE_SPACE}$`, "u");

/**
 * Compile the `normalizer` field.
 *
 * @param config The field: null, or an object with a `type`.
 * @returns The normalizer, or null if there is none.
 * @throws {UpbeatError} TOKENIZER_INVALID for a type that cannot be reproduced exactly (`Precompiled`, `Nmt`,
 * `BertNormalizer`) or is unknown, and for more or longer parts than any model has.
 */
export function compileNormalizer(config: unknown): Normalizer | null {
  const step = compileStep(config, new StepCounter("normalizer"));
  return step === null ? null : (text) => step(text, mostLength(text.length));
}

function compileStep(config: unknown, counter: StepCounter): Step | null {
  if (config === null || config === undefined) return null;
  if (!isObject(config)) throw invalidTokenizer("normalizer", "must be an object or null");
  counter.count();
  const checked = (step: (text: string) => string): Step => (text, most) => {
    const output = step(text);
    checkGrowth(output.length, most, "normalizer");
    return output;
  };
  switch (config["type"]) {
    case "Sequence": {
      const list = config["normalizers"];
      if (!Array.isArray(list)) throw invalidTokenizer("normalizer.normalizers", "must be a list");
      const steps: Step[] = [];
      for (const item of list as unknown[]) {
        const step = compileStep(item, counter);
        if (step !== null) steps.push(step);
      }
      return (text, most) => steps.reduce((current, step) => step(current, most), text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const form = config["type"];
      return checked((text) => text.normalize(form));
    }
    case "Prepend": {
      const prefix = insertedText(config["prepend"], "normalizer.prepend");
      return checked((text) => (text === "" ? text : prefix + text));
    }
    case "Replace": {
      const pattern = compilePattern(config["pattern"], "normalizer.pattern");
      const content = insertedText(config["content"], "normalizer.content");
      return pattern === null ? (text) => text : (text, most) => replace(text, pattern, content, most);
    }
    case "Lowercase":
      return checked((text) => Array.from(text, (char) => char.toLowerCase()).join(""));
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
      return checked(toByteAlphabet);
    default:
      throw invalidTokenizer("normalizer", `of type ${showValue(config["type"])} is not supported`);
  }
}

/** Replaces every match. */
function replace(text: string, pattern: Pattern, content: string, most: number): string {
  let output = "";
  let done = 0;
  pattern.forEachMatch(text, (start, end) => {
    output += text.slice(done, start) + content;
    done = end;
    checkGrowth(output.length, most, "normalizer");
  });
  return done === 0 && output === "" ? text : output + text.slice(done);
}

/** Trims trailing white space in linear time; `\s+$` is quadratic on runs of spaces inside the text. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && TRAILING_SPACE.test(text[end - 1] as string)) end--;
  return text.slice(0, end);
}
