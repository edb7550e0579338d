/**
 * Pre-tokenizers: split text into the pieces to which merges are confined.
 *
 * Our own, because `@huggingface/tokenizers` 0.2.0 departs from the reference: `Split` implements two of the five
 * behaviors, `Punctuation` ignores its behavior, `Digits` matches decimal digits only (the reference: every numeric
 * character), `ByteLevel` uses JavaScript's `\s` (U+FEFF instead of U+0085), `Metaspace` never splits.
 *
 * @module
 */
import { showValue } from "../../../errors.ts";
import { toByteAlphabet } from "./byte_alphabet.ts";
import { checkGrowth, insertedText, StepCounter } from "./limits.ts";
import {
  compilePattern,
  literalPattern,
  NativePattern,
  type Pattern,
  WHITE_SPACE,
  WORD,
} from "../patterns/patterns.ts";
import { invalidTokenizer, isObject, type JsonObject } from "./tokenizer_files.ts";

/**
 * Takes one piece of a section of the input.
 *
 * @param text The piece, not empty.
 * @param atStart Whether it is at the start of the whole input, for `Metaspace`.
 */
export type PieceSink = (text: string, atStart: boolean) => void;

/**
 * Splits pieces further: takes one piece, and passes on its parts in order.
 *
 * @param next Takes the parts.
 * @param most The greatest length that a part may have.
 * @returns Takes the pieces; throws TOKENIZER_INVALID when a part becomes too long.
 */
export type PreTokenizer = (next: PieceSink, most: number) => PieceSink;

/** What happens to a match of the pattern. */
type Behavior = "Removed" | "Isolated" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

const GPT2_PATTERN = nativePattern(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${WHITE_SPACE}\\p{L}\\p{N}]+|${WHITE_SPACE}+(?!\\P{White_Space})|${WHITE_SPACE}+`,
);
/** Punctuation that Unicode added or removed after the version that the reference uses here. */
const LATER_PUNCTUATION = "61d 9fd a76 c77 c84 1b4e-1b4f 1b7d-1b7f 2e43-2e4f 2e52-2e5d 10d6e 10ead 10ed0 10f55-10f59 " +
  "10f86-10f89 113d4-113d5 113d7-113d8 1144b-1144f 1145a-1145b 1145d 11660-1166c 116b9 1183b 11944-11946 119e2 " +
  "11a3f-11a46 11a9a-11a9c 11a9e-11aa2 11b00-11b09 11be1 11c41-11c45 11c70-11c71 11ef7-11ef8 11f43-11f4f 11fff " +
  "12ff1-12ff2 16d6d-16d6f 16e97-16e9a 16fe2 1e5ff 1e95e-1e95f";
const PUNCTUATION = `(?![${LATER_PUNCTUATION.replace(/[0-9a-f]+/g, "\\u{$&}").replaceAll(" ", "")}])` +
  "[\\p{P}\\u{166d}\\u{111c9}!-/:-@\\[-`{-~]";

function nativePattern(source: string): Pattern {
  return new NativePattern(new RegExp(source, "gu"));
}

/**
 * Compile the `pre_tokenizer` field.
 *
 * @param config The field: null, or an object with a `type`.
 * @returns The pre-tokenizer, or null if there is none.
 * @throws {UpbeatError} TOKENIZER_INVALID for an unknown type or field value, and for more or longer parts than any model has.
 */
export function compilePreTokenizer(config: unknown): PreTokenizer | null {
  return compileStep(config, new StepCounter("pre_tokenizer"));
}

function compileStep(config: unknown, counter: StepCounter): PreTokenizer | null {
  if (config === null || config === undefined) return null;
  if (!isObject(config)) throw invalidTokenizer("pre_tokenizer", "must be an object or null");
  counter.count();
  switch (config["type"]) {
    case "Sequence": {
      const list = config["pretokenizers"];
      if (!Array.isArray(list)) throw invalidTokenizer("pre_tokenizer.pretokenizers", "must be a list");
      const steps: PreTokenizer[] = [];
      for (const item of list as unknown[]) {
        const step = compileStep(item, counter);
        if (step !== null) steps.push(step);
      }
      return (next, most) => steps.reduceRight((after, step) => step(after, most), next);
    }
    case "ByteLevel": {
      const bytes: PreTokenizer = mapTexts(toByteAlphabet);
      const split = config["use_regex"] === false ? null : splitter(GPT2_PATTERN, "Isolated", false);
      const prefix = config["add_prefix_space"] === false
        ? null
        : mapTexts((text) => (text.startsWith(" ") ? text : ` ${text}`));
      return (next, most) => {
        const encoded = bytes(next, most);
        const pieces = split === null ? encoded : split(encoded, most);
        return prefix === null ? pieces : prefix(pieces, most);
      };
    }
    case "Split": {
      const pattern = compilePattern(config["pattern"], "pre_tokenizer.pattern");
      return splitter(pattern, behaviorOf(config), config["invert"] === true);
    }
    case "Punctuation":
      return splitter(nativePattern(PUNCTUATION), behaviorOf(config, "Isolated"), false);
    case "Digits":
      return splitter(
        nativePattern("\\p{N}"),
        config["individual_digits"] === true ? "Isolated" : "Contiguous",
        false,
      );
    case "Whitespace":
      return splitter(nativePattern(`[${WORD}]+|[^${WORD}${WHITE_SPACE}]+`), "Removed", true);
    case "WhitespaceSplit":
      return splitter(nativePattern(WHITE_SPACE), "Removed", false);
    case "BertPreTokenizer": {
      const spaces = splitter(nativePattern(WHITE_SPACE), "Removed", false);
      const punctuation = splitter(nativePattern(PUNCTUATION), "Isolated", false);
      return (next, most) => spaces(punctuation(next, most), most);
    }
    case "CharDelimiterSplit":
      return splitter(compilePattern({ String: config["delimiter"] }, "pre_tokenizer.delimiter"), "Removed", false);
    case "Metaspace":
      return metaspace(config);
    default:
      throw invalidTokenizer("pre_tokenizer", `of type ${showValue(config["type"])} is not supported`);
  }
}

/** SentencePiece's pre-tokenizer: spaces become a visible mark, and pieces start at the marks. */
function metaspace(config: JsonObject): PreTokenizer {
  const replacement = insertedText(config["replacement"] ?? "▁", "pre_tokenizer.replacement");
  const scheme = prependScheme(config);
  const pattern = replacement === "" ? null : literalPattern(replacement);
  const split = config["split"] === false ? null : splitter(pattern, "MergedWithNext", false);
  return (next, most) => {
    const pieces = split === null ? next : split(next, most);
    return (text, atStart) => {
      const replaced = text.replaceAll(" ", () => replacement);
      const prepend = scheme === "always" || (scheme === "first" && atStart);
      const marked = prepend && !replaced.startsWith(replacement) ? replacement + replaced : replaced;
      checkGrowth(marked.length, most, "pre_tokenizer");
      pieces(marked, atStart);
    };
  };
}

/**
 * The prepend scheme of a `Metaspace` step; older files have `add_prefix_space` instead.
 *
 * @param config The step.
 * @returns `always`, `first` or `never`.
 * @throws {UpbeatError} TOKENIZER_INVALID for another value.
 */
export function prependScheme(config: JsonObject): "always" | "first" | "never" {
  const scheme = config["prepend_scheme"] ?? (config["add_prefix_space"] === false ? "never" : "always");
  if (scheme === "always" || scheme === "first" || scheme === "never") return scheme;
  throw invalidTokenizer("prepend_scheme", `must be always, first or never, not ${showValue(scheme)}`);
}

/** The `behavior` field of a step. */
function behaviorOf(config: JsonObject, fallback?: Behavior): Behavior {
  const name = config["behavior"] ?? fallback;
  switch (typeof name === "string" ? name.toLowerCase() : "") {
    case "removed":
      return "Removed";
    case "isolated":
      return "Isolated";
    case "mergedwithprevious":
      return "MergedWithPrevious";
    case "mergedwithnext":
      return "MergedWithNext";
    case "contiguous":
      return "Contiguous";
    default:
      throw invalidTokenizer("pre_tokenizer.behavior", `${showValue(name)} is unknown`);
  }
}

/** Maps each piece. */
function mapTexts(change: (text: string) => string): PreTokenizer {
  return (next, most) => (text, atStart) => {
    const changed = change(text);
    checkGrowth(changed.length, most, "pre_tokenizer");
    next(changed, atStart);
  };
}

/** Splits each piece at the matches of `pattern`. */
function splitter(pattern: Pattern | null, behavior: Behavior, invert: boolean): PreTokenizer {
  return (next) => (text, atStart) => {
    const pass = (start: number, end: number) => {
      if (end > start) next(text.slice(start, end), atStart && start === 0);
    };
    const spans = behavior === "Isolated" ? { add: pass, end: () => {} } : arrange(pass, behavior);
    let previous = 0;
    pattern?.forEachMatch(text, (start, end) => {
      if (start > previous) spans.add(previous, start, invert);
      spans.add(start, end, !invert);
      previous = end;
    });
    if (previous < text.length) spans.add(previous, text.length, invert);
    spans.end();
  };
}

/** Takes the matches and the text between them, in order. */
interface SpanSink {
  add(start: number, end: number, isMatch: boolean): void;
  end(): void;
}

/** Joins or drops spans according to the behavior. */
function arrange(pass: (start: number, end: number) => void, behavior: Behavior): SpanSink {
  let [joinedStart, joinedEnd, wasMatch] = [0, 0, false];
  let isFirst = true;
  return {
    add: (start, end, isMatch) => {
      if (behavior === "Removed") {
        if (!isMatch) pass(start, end);
        return;
      }
      const joins = !isFirst && joinsPrevious(behavior, wasMatch, isMatch);
      if (!joins) {
        pass(joinedStart, joinedEnd);
        joinedStart = start;
      }
      joinedEnd = end;
      wasMatch = isMatch;
      isFirst = false;
    },
    end: () => pass(joinedStart, joinedEnd),
  };
}

function joinsPrevious(behavior: Behavior, wasMatch: boolean, isMatch: boolean): boolean {
  if (behavior === "Contiguous") return wasMatch === isMatch;
  return behavior === "MergedWithPrevious" ? isMatch && !wasMatch : wasMatch && !isMatch;
}
