/**
 * Escapes in string literals.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";

const ESCAPE = /\\(?:x([^]{0,2})|u([^]{0,4})|U([^]{0,8})|N([^]?)|([0-7]{1,3})|([^]))/g;

const SIMPLE: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/**
 * Replace the escapes of a string literal as Python does; unknown ones are kept.
 *
 * @param text The literal without its quotes.
 * @returns The string.
 * @throws {TemplateError} For an escape that is cut, or the name of a character.
 */
export function unescapeString(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(ESCAPE, (match, x?: string, u?: string, long?: string, name?: string, octal?: string) => {
    if (name !== undefined) throw new TemplateError("the escape \\N{...} is not supported");
    if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
    const hex = x ?? u ?? long;
    if (hex === undefined) return SIMPLE[match[1] as string] ?? match;
    const length = x !== undefined ? 2 : u !== undefined ? 4 : 8;
    const code = Number.parseInt(hex, 16);
    if (hex.length < length || !/^[\da-f]+$/i.test(hex)) throw new TemplateError(`the escape ${match} is cut`);
    if (code > 0x10ffff) throw new TemplateError(`the escape ${match} is not a character`);
    return String.fromCodePoint(code);
  });
}
