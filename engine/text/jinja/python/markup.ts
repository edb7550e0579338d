/**
 * HTML escapes.
 *
 * @module
 */
import type { Budget } from "../budget.ts";
import { splitText } from "./texts.ts";
import { TemplateError } from "../errors.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&#39;",
  '"': "&#34;",
};

/**
 * Escape a text for HTML.
 *
 * @param budget What is charged.
 * @param text The text.
 * @returns The escaped text.
 */
export function escapeText(budget: Budget, text: string): string {
  budget.text(text.length);
  return budget.replaceEach(text, /[&<>'"]/g, ([char]) => ESCAPES[char] as string);
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\xa0" };

/**
 * Remove tags and comments, join words by one space, and replace entities.
 *
 * @param budget What is charged.
 * @param text HTML.
 * @returns The text.
 * @throws {TemplateError} For an entity that is not supported.
 */
export function stripTags(budget: Budget, text: string): string {
  budget.text(4 * text.length);
  const parts: string[] = [];
  let at = 0;
  for (let start = text.indexOf("<"); start >= 0; start = text.indexOf("<", at)) {
    budget.step();
    const isComment = text.startsWith("<!--", start);
    const end = isComment ? text.indexOf("-->", start + 4) : text.indexOf(">", start);
    if (end < 0) break;
    parts.push(text.slice(at, start));
    at = end + (isComment ? 3 : 1);
  }
  parts.push(text.slice(at));
  const words = splitText(budget, parts.join(""), null, -1, false);
  return budget.replaceEach(words.join(" "), /&(#?[a-zA-Z0-9]{1,32};?)/g, ([match, name = ""]) => {
    const known = ENTITIES[name.replace(/;$/, "")];
    if (known !== undefined && name.endsWith(";")) return known;
    const code = /^#(?:(\d{1,7})|x([\da-f]{1,6}));$/i.exec(name);
    const point = code === null ? NaN : Number.parseInt(code[1] ?? code[2] ?? "", code[1] === undefined ? 16 : 10);
    if (point >= 0x20 && (point < 0x7f || (point >= 0xa0 && point < 0xd800))) return String.fromCodePoint(point);
    throw new TemplateError(`the entity ${match} is not supported`);
  });
}
