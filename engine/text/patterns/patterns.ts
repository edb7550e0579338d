/**
 * Translates the regular expressions of `tokenizer.json`, which are Oniguruma's, to JavaScript.
 *
 * Character classes, `(?i:)` groups, POSIX brackets and escapes are translated by `@huggingface/tokenizers` 0.2.0, through
 * its `SplitPreTokenizer`. It reads possessive quantifiers (`++`, `*+`, `?+`) and atomic groups (`(?>`) as their
 * backtracking forms, which match different text; {@linkcode emulateAtomic} first rewrites both to `(?=(…))\N`, which
 * JavaScript cannot backtrack into.
 *
 * @module
 */
import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { shorten } from "../../../errors.ts";
import { BoundedPattern } from "./bounded_pattern.ts";
import { isLinear } from "./pattern_cost.ts";
import { compileProgram } from "./pattern_program.ts";
import { parsePattern } from "./pattern_syntax.ts";
import { invalidTokenizer, isObject } from "../tokenizer/tokenizer_files.ts";

/** A compiled pattern. */
export interface Pattern {
  /**
   * Find all matches.
   *
   * @param text Well-formed text.
   * @param onMatch Called with the start and end of each match, in order.
   * @throws {UpbeatError} TOKENIZER_INVALID when the pattern backtracks without end on this text.
   */
  forEachMatch(text: string, onMatch: (start: number, end: number) => void): void;
}

/** The most characters of a regular expression; those of public models have less than 1,000. */
const MOST_CHARACTERS = 4_096;

/** The most characters of a string that is searched for. */
const MOST_LITERAL_CHARACTERS = 256;

/**
 * Patterns of public models that take linear time, though `pattern_cost.ts` cannot prove it.
 *
 * Sources: `cl100k_base` and `o200k_base` of tiktoken, with possessive quantifiers.
 */
const KNOWN = new Set([
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
]);

/** An open group: where it starts in the output, as the atom of a quantifier that may follow it. */
interface Group {
  readonly outputStart: number;
  readonly atomic: boolean;
}

/**
 * Rewrite possessive quantifiers and atomic groups into lookaheads with a back-reference.
 *
 * @param source An Oniguruma pattern.
 * @returns The same pattern without `++`, `*+`, `?+` and `(?>`.
 * @throws {UpbeatError} TOKENIZER_INVALID when the pattern also has back-references.
 */
export function emulateAtomic(source: string): string {
  if (!/[+*?]\+|\(\?>/.test(source)) return source;
  if (/\\[1-9]|\\k</.test(source)) {
    throw invalidTokenizer("pattern", `mixes back-references and atomic groups: ${source}`);
  }
  // Capturing groups become non-capturing, so that only the groups added here are numbered.
  let output = "";
  let captures = 0;
  let atomStart = 0;
  const groups: Group[] = [];
  const marks: string[] = [];
  for (let i = 0; i < source.length;) {
    const char = source[i] as string;
    if (char === "\\") {
      const escape = /^\\(?:[pPxu]\{[^}]*\}|[\s\S])/.exec(source.slice(i))?.[0] ?? char;
      atomStart = output.length;
      output += escape;
      i += escape.length;
    } else if (char === "[") {
      const end = classEnd(source, i);
      atomStart = output.length;
      output += source.slice(i, end);
      i = end;
    } else if (char === "(") {
      const prefix = /^\(\?(?:<[=!]|[a-z]*:|[=!>])/.exec(source.slice(i))?.[0];
      groups.push({ outputStart: output.length, atomic: prefix === "(?>" });
      output += prefix === undefined || prefix === "(?>" ? "(?:" : prefix;
      i += prefix?.length ?? /^\(\?<[^>]*>|^\(/.exec(source.slice(i))?.[0].length ?? 1;
    } else if (char === ")") {
      output += char;
      i++;
      const group = groups.pop();
      atomStart = group?.outputStart ?? 0;
      if (group?.atomic) output = wrapAtomic(output, atomStart);
    } else if ((char === "+" || char === "*" || char === "?") && source[i + 1] === "+") {
      output = wrapAtomic(output + char, atomStart);
      i += 2;
    } else if (char === "+" || char === "*" || char === "?" || char === "{") {
      // A quantifier, or the `?` that makes it lazy: the atom is still the one before it.
      const quantifier = /^(?:\{\d*,?\d*\}|.)/.exec(source.slice(i))?.[0] ?? char;
      output += quantifier;
      i += quantifier.length;
    } else {
      const symbol = String.fromCodePoint(source.codePointAt(i) as number);
      atomStart = output.length;
      output += symbol;
      i += symbol.length;
    }
  }
  // Groups are wrapped in the order in which they close, but numbered in the order in which they open.
  return output.replace(/\uE000(\d+)\uE001|\uE002(\d+)\uE003/g, (_text, open?: string, close?: string) => {
    if (open !== undefined) {
      marks.push(open);
      return "(";
    }
    return `\\${marks.indexOf(close as string) + 1}`;
  });

  function wrapAtomic(text: string, start: number): string {
    const name = captures++;
    return `${text.slice(0, start)}(?:(?=\uE000${name}\uE001${text.slice(start)}))\uE002${name}\uE003)`;
  }
}

/** Index after the `]` that closes the class at `start`; classes nest in Oniguruma. */
function classEnd(source: string, start: number): number {
  let depth = 0;
  for (let i = start; i < source.length; i++) {
    const char = source[i];
    if (char === "\\") i++;
    else if (char === "[") {
      depth++;
      if (source[i + 1] === "^") i++;
      if (source[i + 1] === "]") i++;
    } else if (char === "]" && --depth === 0) return i + 1;
  }
  return source.length;
}

/**
 * Compile a `pattern` field.
 *
 * @param pattern `{ "String": s }` or `{ "Regex": r }`.
 * @param field Path of the field, for the error.
 * @returns The pattern, or null for the empty string, which matches nothing.
 * @throws {UpbeatError} TOKENIZER_INVALID for a value of another form, or a pattern that is too long or cannot be translated.
 */
export function compilePattern(pattern: unknown, field: string): Pattern | null {
  if (isObject(pattern) && typeof pattern["String"] === "string") {
    checkLength(pattern["String"], MOST_LITERAL_CHARACTERS, field);
    return pattern["String"] === "" ? null : literalPattern(pattern["String"]);
  }
  if (!isObject(pattern) || typeof pattern["Regex"] !== "string") {
    throw invalidTokenizer(field, 'must be { "String": … } or { "Regex": … }');
  }
  const source = pattern["Regex"];
  checkLength(source, MOST_CHARACTERS, field);
  if (source === "") return null;
  const translated = translate(source, field);
  const node = parsePattern(translated.source);
  if (KNOWN.has(source) || (node !== null && isLinear(node))) return new NativePattern(translated);
  const program = node === null ? null : compileProgram(node);
  if (program === null) {
    throw invalidTokenizer(field, `is a regular expression that cannot be run in bounded time: ${source}`);
  }
  return new BoundedPattern(
    program,
    () => invalidTokenizer(field, `is a regular expression that backtracks without end on this text: ${source}`),
  );
}

function checkLength(source: string, most: number, field: string): void {
  if (source.length <= most) return;
  throw invalidTokenizer(field, `has ${source.length} characters; the most allowed is ${most}`);
}

function translate(source: string, field: string): RegExp {
  try {
    const translated = new SplitPreTokenizer({
      type: "Split",
      pattern: { Regex: emulateAtomic(source.replace(/^\(\?i\)([^]*)$/, "(?i:$1)")) },
      behavior: "Isolated",
      invert: false,
    }).pattern;
    if (translated === null) throw invalidTokenizer(field, `cannot be translated: ${source}`);
    return translated;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalidTokenizer(
      field,
      `is a regular expression that JavaScript cannot run (${shorten(reason, 100)}): ${source}`,
    );
  }
}

/** A regular expression that is known to take linear time. */
export class NativePattern implements Pattern {
  readonly #pattern: RegExp;

  /** @param pattern A global Unicode regular expression. */
  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  forEachMatch(text: string, onMatch: (start: number, end: number) => void): void {
    const pattern = this.#pattern;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const { index } = match;
      const end = index + match[0].length;
      onMatch(index, end);
      if (end === index) pattern.lastIndex += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
    }
  }
}

/**
 * A pattern that matches a string literally.
 *
 * @param literal The string, not empty.
 * @returns The pattern.
 */
export function literalPattern(literal: string): Pattern {
  return {
    forEachMatch: (text, onMatch) => {
      for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + literal.length)) {
        onMatch(at, at + literal.length);
      }
    },
  };
}

/** `\s` of the reference: JavaScript's adds U+FEFF and lacks U+0085. */
export const WHITE_SPACE = "\\p{White_Space}";

/** `\w` of the reference, to be placed in a class. */
export const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
