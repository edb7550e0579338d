/**
 * Characters: code points, Python's white space and its line ends.
 *
 * @module
 */

/** Python's white space beyond ASCII; JavaScript's `\s` adds U+FEFF and lacks U+0085. */
const SPACE = /[\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Whether a character is white space in Python. */
export function isSpace(char: string): boolean {
  const code = char.charCodeAt(0);
  if (code < 0x80) return (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x20);
  return SPACE.test(char);
}

/** Whether UTF-16 units and characters differ in a text. */
export function hasSurrogates(text: string): boolean {
  return /[\ud800-\udfff]/.test(text);
}

/** Whether two UTF-16 units at an index are one code point. */
function isPair(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
}

/** Number of code points in the first `units` UTF-16 units. */
export function pointsIn(text: string, units = text.length): number {
  let points = units;
  for (let at = 0; at < units - 1; at++) if (isPair(text, at)) points--;
  return points;
}

/** Number of UTF-16 units of the first `points` code points. */
export function unitsOf(text: string, points: number): number {
  let at = 0;
  for (let left = points; left > 0 && at < text.length; left--) at += isPair(text, at) ? 2 : 1;
  return at;
}

/**
 * Python's `str.strip`.
 *
 * @param text The text.
 * @param chars Characters to strip; null for white space.
 * @param left Whether to strip the start.
 * @param right Whether to strip the end.
 * @returns The stripped text.
 */
export function stripText(text: string, chars: string | null, left = true, right = true): string {
  if (chars !== null && (hasSurrogates(chars) || hasSurrogates(text))) {
    const all = Array.from(text);
    const set = new Set(chars);
    let [start, end] = [0, all.length];
    while (left && start < end && set.has(all[start] as string)) start++;
    while (right && end > start && set.has(all[end - 1] as string)) end--;
    return all.slice(start, end).join("");
  }
  const set = chars === null ? null : new Set(chars);
  const strips = (char: string): boolean => (set === null ? isSpace(char) : set.has(char));
  let [start, end] = [0, text.length];
  while (left && start < end && strips(text[start] as string)) start++;
  while (right && end > start && strips(text[end - 1] as string)) end--;
  return text.slice(start, end);
}

/**
 * The words of a text, separated by white space.
 *
 * @param text The text.
 * @param limit Most splits; negative for no limit. What is left is the last word.
 * @param fromRight Whether to split from the end.
 * @returns The words.
 */
export function splitWords(text: string, limit: number, fromRight: boolean): string[] {
  const words: string[] = [];
  let [start, end] = [0, text.length];
  while (start < end) {
    if (fromRight) {
      while (end > start && isSpace(text[end - 1] as string)) end--;
      if (end === start) break;
      let from = end;
      if (words.length === limit) from = start;
      else while (from > start && !isSpace(text[from - 1] as string)) from--;
      words.push(text.slice(from, end));
      end = from;
    } else {
      while (start < end && isSpace(text[start] as string)) start++;
      if (start === end) break;
      let to = start;
      if (words.length === limit) to = end;
      else while (to < end && !isSpace(text[to] as string)) to++;
      words.push(text.slice(start, to));
      start = to;
    }
  }
  return fromRight ? words.reverse() : words;
}

/** The characters that end lines, for a class; from a string, since patterns should have no control characters. */
const ENDS = "\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029";
const LINE = new RegExp(`[^${ENDS}]*(?:\\r\\n|[${ENDS}]|$)`, "gy");
const LINE_END = new RegExp(`(?:\\r\\n|[${ENDS}])$`);

/**
 * Python's `str.splitlines`.
 *
 * @param text The text.
 * @param keepsEnds Whether lines keep their ends.
 * @returns The lines.
 */
export function splitLines(text: string, keepsEnds = false): string[] {
  const lines = (text.match(LINE) ?? []).filter((line) => line !== "");
  return keepsEnds ? lines : lines.map((line) => line.replace(LINE_END, ""));
}
