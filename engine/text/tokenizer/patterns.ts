/**
 * Regular expressions of `tokenizer.json`, which are written for Oniguruma, as JavaScript ones.
 *
 * The translation of character classes, `(?i:)` groups, POSIX brackets and escapes is the one of
 * `@huggingface/tokenizers` 0.2.0, reached through its `SplitPreTokenizer`. That version reads a possessive quantifier
 * (`++`, `*+`, `?+`) and an atomic group (`(?>`) as their backtracking forms, which match other text;
 * {@linkcode emulateAtomic} rewrites both, before the library sees them, into `(?=(…))\N`, which JavaScript cannot
 * backtrack into.
 *
 * @module
 */
import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { invalidTokenizer, isObject } from "./tokenizer_files.ts";

/** One alternative of the scanner below: where the atom that a quantifier would apply to starts in the output. */
interface Group {
  readonly outputStart: number;
  readonly atomic: boolean;
}

/**
 * Rewrite possessive quantifiers and atomic groups into lookaheads with a back-reference.
 *
 * @param source An Oniguruma pattern.
 * @returns The same pattern without `++`, `*+`, `?+` and `(?>`.
 * @throws {UpbeatError} TOKENIZER_INVALID when the pattern also holds capturing groups with back-references.
 */
export function emulateAtomic(source: string): string {
  if (!/[+*?]\+|\(\?>/.test(source)) return source;
  if (/\\[1-9]|\\k</.test(source)) {
    throw invalidTokenizer("pattern", `mixes back-references and atomic groups: ${source}`);
  }
  // Capturing groups become non-capturing, so that the numbers below are the only ones.
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
      // A quantifier, or its lazy mark: the atom stays the one before it.
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
  // Groups open in another order than they were wrapped in: number them by where they stand.
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

/** Index after the `]` that closes the class opened at `start`; classes nest in Oniguruma. */
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
 * @param field Where it stands, for the error.
 * @returns A global Unicode regular expression, or null for the empty string, which matches nothing.
 * @throws {UpbeatError} TOKENIZER_INVALID for another shape, or a pattern that cannot be translated.
 */
export function compilePattern(pattern: unknown, field: string): RegExp | null {
  if (isObject(pattern) && typeof pattern["String"] === "string") {
    return pattern["String"] === ""
      ? null
      : new RegExp(pattern["String"].replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"), "gu");
  }
  if (!isObject(pattern) || typeof pattern["Regex"] !== "string") {
    throw invalidTokenizer(field, 'must be { "String": … } or { "Regex": … }');
  }
  const source = pattern["Regex"];
  if (source === "") return null;
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
    throw invalidTokenizer(field, `holds a regular expression that JavaScript cannot run (${reason}): ${source}`);
  }
}

/** `\s` of the reference: JavaScript's adds U+FEFF and lacks U+0085. */
export const WHITE_SPACE = "\\p{White_Space}";

/** `\w` of the reference, as the inside of a class. */
export const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
