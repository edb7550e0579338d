/**
 * Python's operations on strings. All of them charge what they create or scan, before they do it.
 *
 * @module
 */
import type { Budget } from "../budget.ts";
import { TemplateError } from "../errors.ts";
import { hasSurrogates, pointsIn, splitWords } from "./characters.ts";

/** Number of code points in the first `units` UTF-16 units. */
function pointIndex(budget: Budget, text: string, units: number): number {
  if (units <= 0 || !hasSurrogates(text)) return units;
  budget.text(2 * units);
  return pointsIn(text, units);
}

/** Number of code points. */
export function pointCount(budget: Budget, text: string): number {
  return pointIndex(budget, text, text.length);
}

/**
 * Python's `str.replace`.
 *
 * @param budget What is charged.
 * @param text The text.
 * @param old The text to replace; the empty string matches between all characters.
 * @param replacement The replacement.
 * @param count Maximum number of replacements; negative for no limit.
 * @returns The new text.
 */
export function replaceText(budget: Budget, text: string, old: string, replacement: string, count: number): string {
  const parts = old === "" ? betweenCharacters(budget, text) : splitAll(budget, text, old);
  const times = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
  budget.text(text.length + times * replacement.length);
  if (times === parts.length - 1) return parts.join(replacement);
  const kept = parts.slice(times).join(old);
  return times === 0 ? kept : parts.slice(0, times).join(replacement) + replacement + kept;
}

function betweenCharacters(budget: Budget, text: string): string[] {
  budget.step(text.length);
  return ["", ...Array.from(text), ""];
}

/** The parts between a separator, which is not empty. */
function splitAll(budget: Budget, text: string, separator: string): string[] {
  budget.search(text.length, separator.length);
  const parts = text.split(separator, budget.steps + 1);
  budget.step(parts.length);
  return parts;
}

/**
 * Python's `str.split` and `str.rsplit`.
 *
 * @param budget What is charged.
 * @param text The text.
 * @param separator The separator; null for white space.
 * @param limit Most splits; negative for no limit.
 * @param fromRight Whether to split from the end.
 * @returns The parts.
 * @throws {TemplateError} For an empty separator.
 */
export function splitText(
  budget: Budget,
  text: string,
  separator: string | null,
  limit: number,
  fromRight: boolean,
): string[] {
  if (separator === "") throw new TemplateError("empty separator");
  if (separator === null) {
    // A word for every other character in the worst case.
    budget.step(text.length >> 3);
    budget.text(2 * text.length);
    const words = splitWords(text, limit, fromRight);
    budget.step(words.length);
    return words;
  }
  if (fromRight && limit >= 0) return splitRight(budget, text, separator, limit);
  const parts = splitAll(budget, text, separator);
  if (limit < 0 || parts.length <= limit + 1) return parts;
  return [...parts.slice(0, limit), parts.slice(limit).join(separator)];
}

/** Splits from the end; occurrences that overlap are others than from the start. */
function splitRight(budget: Budget, text: string, separator: string, limit: number): string[] {
  budget.search(text.length, separator.length);
  const parts: string[] = [];
  let end = text.length;
  while (parts.length < limit && end >= separator.length) {
    const at = text.lastIndexOf(separator, end - separator.length);
    if (at < 0) break;
    budget.step();
    parts.push(text.slice(at + separator.length, end));
    end = at;
  }
  parts.push(text.slice(0, end));
  return parts.reverse();
}

/**
 * Python's `str.capitalize`.
 *
 * @param budget What is charged.
 * @param text The text.
 * @returns The first character in upper case, the rest in lower case.
 */
export function capitalize(budget: Budget, text: string): string {
  budget.text(3 * text.length);
  const first = String.fromCodePoint(...(text === "" ? [] : [text.codePointAt(0) as number]));
  const upper = first.toUpperCase();
  // Python's title case is that of a single character.
  return (upper.length > first.length ? upper[0] + upper.slice(1).toLowerCase() : upper) +
    text.slice(first.length).toLowerCase();
}

/**
 * Python's `str.title`: words are runs of cased characters.
 *
 * @param budget What is charged.
 * @param text The text.
 * @returns The text in title case.
 */
export function title(budget: Budget, text: string): string {
  budget.text(8 * text.length);
  return budget.replaceEach(text, /\p{Cased}+/gu, ([word]) => capitalize(budget, word));
}

/**
 * Python's `str.swapcase`.
 *
 * @param budget What is charged.
 * @param text The text.
 * @returns The text with upper and lower case exchanged.
 */
export function swapCase(budget: Budget, text: string): string {
  budget.text(16 * text.length);
  return budget.replaceEach(text, /\p{Cased}+/gu, ([word]) => {
    if (/^\p{Lowercase}+$/u.test(word)) return word.toUpperCase();
    budget.step(word.length);
    return Array.from(word, (char) => /\p{Uppercase}/u.test(char) ? char.toLowerCase() : char.toUpperCase()).join("");
  });
}

/** Whether a text has lower-case characters and no others of a case. */
export function isLower(budget: Budget, text: string): boolean {
  budget.text(2 * text.length);
  return /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text);
}

/** Whether a text has upper-case characters and no others of a case. */
export function isUpper(budget: Budget, text: string): boolean {
  budget.text(2 * text.length);
  return /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

/**
 * Pad a text.
 *
 * @param budget What is charged.
 * @param text The text.
 * @param width Least number of characters.
 * @param fill The character to add.
 * @param share Which part of the padding goes to the left: all, none, or Python's half.
 * @returns The padded text.
 * @throws {TemplateError} When `fill` is not one character.
 */
export function padText(
  budget: Budget,
  text: string,
  width: number,
  fill: string,
  share: "all" | "none" | "half",
): string {
  if (Array.from(fill.slice(0, 3)).length !== 1) {
    throw new TemplateError("The fill character must be exactly one character long");
  }
  const missing = Math.max(0, width - pointCount(budget, text));
  if (missing === 0) return text;
  budget.text(missing + text.length);
  const left = share === "all" ? missing : share === "none" ? 0 : (missing >> 1) + (missing & width & 1);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}

/**
 * Python's `str.zfill`.
 *
 * @param budget What is charged.
 * @param text The text.
 * @param width Least number of characters.
 * @returns The text with zeros after its sign.
 */
export function zeroFill(budget: Budget, text: string, width: number): string {
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  return sign + padText(budget, text.slice(sign.length), width - sign.length, "0", "all");
}

/**
 * Python's `str.expandtabs`.
 *
 * @param budget What is charged.
 * @param text The text.
 * @param size Columns of a tab.
 * @returns The text without tabs.
 */
export function expandTabs(budget: Budget, text: string, size: number): string {
  if (!text.includes("\t")) return text;
  const parts: string[] = [];
  let column = 0;
  budget.text(16 * text.length);
  for (const char of text) {
    if (char === "\t") {
      const width = size > 0 ? size - column % size : 0;
      budget.text(width);
      parts.push(" ".repeat(width));
      column += width;
    } else {
      parts.push(char);
      column = char === "\n" || char === "\r" ? 0 : column + 1;
    }
  }
  return parts.join("");
}

/**
 * Where a part is in a text.
 *
 * @param budget What is charged.
 * @param text The text.
 * @param part What is searched for.
 * @param fromRight Whether the last occurrence is meant.
 * @returns Its index in code points; -1 if it does not occur.
 */
export function indexOfText(budget: Budget, text: string, part: string, fromRight: boolean): number {
  budget.search(text.length, part.length);
  return pointIndex(budget, text, fromRight ? text.lastIndexOf(part) : text.indexOf(part));
}

/**
 * How often a part is in a text, without overlaps.
 *
 * @param budget What is charged.
 * @param text The text.
 * @param part What is counted; the empty string is between all characters.
 * @returns The count.
 */
export function countText(budget: Budget, text: string, part: string): number {
  return part === "" ? pointCount(budget, text) + 1 : splitAll(budget, text, part).length - 1;
}
