/**
 * Pre-tokenizers: split text into the pieces to which merges are confined.
 *
 * Our own, because `@huggingface/tokenizers` 0.2.0 departs from the reference: `Split` implements two of the five
 * behaviors, `Punctuation` ignores its behavior, `Digits` matches decimal digits only (the reference: every numeric
 * character), `ByteLevel` uses JavaScript's `\s` (U+FEFF instead of U+0085), `Metaspace` never splits.
 *
 * @module
 */
import { toByteAlphabet } from "./byte_alphabet.ts";
import { compilePattern, WHITE_SPACE, WORD } from "./patterns.ts";
import { invalidTokenizer, isObject, type JsonObject } from "./tokenizer_files.ts";

/** The pieces of one section of the input, in order, none of them empty. */
export interface Pieces {
  /** The text of each piece. */
  readonly texts: readonly string[];
  /** Whether the first piece is at the start of the whole input, for `Metaspace`. */
  readonly atStart: boolean;
}

/** Splits pieces further. */
export type PreTokenizer = (pieces: Pieces) => Pieces;

/** What happens to a match of the pattern. */
type Behavior = "Removed" | "Isolated" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

const GPT2_PATTERN = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${WHITE_SPACE}\\p{L}\\p{N}]+|${WHITE_SPACE}+(?!\\P{White_Space})|${WHITE_SPACE}+`,
  "gu",
);
/** Punctuation that Unicode added or removed after the version that the reference uses here. */
const LATER_PUNCTUATION = "61d 9fd a76 c77 c84 1b4e-1b4f 1b7d-1b7f 2e43-2e4f 2e52-2e5d 10d6e 10ead 10ed0 10f55-10f59 " +
  "10f86-10f89 113d4-113d5 113d7-113d8 1144b-1144f 1145a-1145b 1145d 11660-1166c 116b9 1183b 11944-11946 119e2 " +
  "11a3f-11a46 11a9a-11a9c 11a9e-11aa2 11b00-11b09 11be1 11c41-11c45 11c70-11c71 11ef7-11ef8 11f43-11f4f 11fff " +
  "12ff1-12ff2 16d6d-16d6f 16e97-16e9a 16fe2 1e5ff 1e95e-1e95f";
const PUNCTUATION = `(?![${LATER_PUNCTUATION.replace(/[0-9a-f]+/g, "\\u{$&}").replaceAll(" ", "")}])` +
  "[\\p{P}\\u{166d}\\u{111c9}!-/:-@\\[-`{-~]";

/**
 * Compile the `pre_tokenizer` field.
 *
 * @param config The field: null, or an object with a `type`.
 * @returns The pre-tokenizer, or null if there is none.
 * @throws {UpbeatError} TOKENIZER_INVALID for an unknown type or field value.
 */
export function compilePreTokenizer(config: unknown): PreTokenizer | null {
  if (config === null || config === undefined) return null;
  if (!isObject(config)) throw invalidTokenizer("pre_tokenizer", "must be an object or null");
  switch (config["type"]) {
    case "Sequence": {
      const list = config["pretokenizers"];
      if (!Array.isArray(list)) throw invalidTokenizer("pre_tokenizer.pretokenizers", "must be a list");
      const steps = list.map(compilePreTokenizer).filter((step) => step !== null);
      return (pieces) => steps.reduce((current, step) => step(current), pieces);
    }
    case "ByteLevel": {
      const addPrefixSpace = config["add_prefix_space"] !== false;
      const split = config["use_regex"] === false ? null : splitter(GPT2_PATTERN, "Isolated", false);
      return (pieces) => {
        const prefixed = addPrefixSpace
          ? mapTexts(pieces, (text) => (text.startsWith(" ") ? text : ` ${text}`))
          : pieces;
        return mapTexts(split === null ? prefixed : split(prefixed), toByteAlphabet);
      };
    }
    case "Split": {
      const pattern = compilePattern(config["pattern"], "pre_tokenizer.pattern");
      return splitter(pattern, behaviorOf(config), config["invert"] === true);
    }
    case "Punctuation":
      return splitter(new RegExp(PUNCTUATION, "gu"), behaviorOf(config, "Isolated"), false);
    case "Digits":
      return splitter(/\p{N}/gu, config["individual_digits"] === true ? "Isolated" : "Contiguous", false);
    case "Whitespace":
      return splitter(new RegExp(`[${WORD}]+|[^${WORD}${WHITE_SPACE}]+`, "gu"), "Removed", true);
    case "WhitespaceSplit":
      return splitter(new RegExp(WHITE_SPACE, "gu"), "Removed", false);
    case "BertPreTokenizer": {
      const spaces = splitter(new RegExp(WHITE_SPACE, "gu"), "Removed", false);
      const punctuation = splitter(new RegExp(PUNCTUATION, "gu"), "Isolated", false);
      return (pieces) => punctuation(spaces(pieces));
    }
    case "CharDelimiterSplit":
      return splitter(compilePattern({ String: config["delimiter"] }, "pre_tokenizer.delimiter"), "Removed", false);
    case "Metaspace":
      return metaspace(config);
    default:
      throw invalidTokenizer("pre_tokenizer", `of type ${JSON.stringify(config["type"])} is not supported`);
  }
}

/** SentencePiece's pre-tokenizer: spaces become a visible mark, and pieces start at the marks. */
function metaspace(config: JsonObject): PreTokenizer {
  const replacement = String(config["replacement"] ?? "▁");
  const scheme = prependScheme(config);
  const pattern = compilePattern({ String: replacement }, "pre_tokenizer.replacement");
  const split = config["split"] === false ? null : splitter(pattern, "MergedWithNext", false);
  return (pieces) => {
    const marked = {
      texts: pieces.texts.map((text, index) => {
        const replaced = text.replaceAll(" ", () => replacement);
        const prepend = scheme === "always" || (scheme === "first" && index === 0 && pieces.atStart);
        return prepend && !replaced.startsWith(replacement) ? replacement + replaced : replaced;
      }),
      atStart: pieces.atStart,
    };
    return split === null ? marked : split(marked);
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
  throw invalidTokenizer("prepend_scheme", `must be always, first or never, not ${JSON.stringify(scheme)}`);
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
      throw invalidTokenizer("pre_tokenizer.behavior", `${JSON.stringify(name)} is unknown`);
  }
}

/** Maps each text. */
function mapTexts(pieces: Pieces, change: (text: string) => string): Pieces {
  return { texts: pieces.texts.map(change), atStart: pieces.atStart };
}

/** A half-open range of the text, and whether the pattern matched there. */
interface Span {
  start: number;
  end: number;
  isMatch: boolean;
}

/** Splits each piece at the matches of `pattern`. */
function splitter(pattern: RegExp | null, behavior: Behavior, invert: boolean): PreTokenizer {
  return (pieces) => {
    const texts: string[] = [];
    let atStart = pieces.atStart;
    pieces.texts.forEach((text, index) => {
      const spans = arrange(spansOf(text, pattern, invert), behavior);
      if (index === 0 && spans[0]?.start !== 0) atStart = false;
      for (const { start, end } of spans) if (end > start) texts.push(text.slice(start, end));
    });
    return { texts, atStart };
  };
}

/** The matches and the text between them, in order. */
function spansOf(text: string, pattern: RegExp | null, invert: boolean): Span[] {
  const spans: Span[] = [];
  let previous = 0;
  if (pattern !== null) {
    for (const match of text.matchAll(pattern)) {
      const end = match.index + match[0].length;
      if (match.index > previous) spans.push({ start: previous, end: match.index, isMatch: invert });
      spans.push({ start: match.index, end, isMatch: !invert });
      previous = end;
    }
  }
  if (previous < text.length) spans.push({ start: previous, end: text.length, isMatch: invert });
  return spans;
}

/** Joins or drops spans according to the behavior. */
function arrange(spans: Span[], behavior: Behavior): Span[] {
  switch (behavior) {
    case "Isolated":
      return spans;
    case "Removed":
      return spans.filter((span) => !span.isMatch);
    case "Contiguous":
      return fold(spans, (previous, span) => previous.isMatch === span.isMatch);
    case "MergedWithPrevious":
      return fold(spans, (previous, span) => span.isMatch && !previous.isMatch);
    case "MergedWithNext":
      return fold(spans, (previous, span) => previous.isMatch && !span.isMatch);
  }
}

/** Joins each span to its predecessor if `joins` holds for the two original spans. */
function fold(spans: Span[], joins: (previous: Span, span: Span) => boolean): Span[] {
  const joined: Span[] = [];
  spans.forEach((span, index) => {
    const previous = spans[index - 1];
    const last = joined.at(-1);
    if (previous !== undefined && last !== undefined && joins(previous, span)) last.end = span.end;
    else joined.push({ ...span });
  });
  return joined;
}
