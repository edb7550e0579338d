/**
 * Values from files in messages: truncated and escaped, so that a file cannot flood or garble a terminal.
 *
 * @module
 */

const MAX_CHARACTERS = 200;

/**
 * A parsed JSON value as a short text.
 *
 * @param value The value; undefined stands for a missing one.
 * @returns JSON of at most about 200 characters, or a word for what has none.
 */
export function showValue(value: unknown): string {
  if (value === undefined) return "missing";
  let text: string;
  try {
    text = JSON.stringify(typeof value === "string" ? cut(value) : value);
  } catch {
    // Nested more deeply than the stack allows: JSON.parse can succeed where JSON.stringify does not.
    return "nested too deeply";
  }
  return cut(text);
}

function cut(text: string): string {
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text;
}
