/**
 * Finds duplicate member names in JSON. The safetensors format forbids a tensor with two entries, and `JSON.parse`
 * silently keeps the last one.
 *
 * @module
 */

/**
 * The first member name that occurs twice in one object of a JSON text, at any depth.
 *
 * One pass over the text with a stack of the enclosing objects; a string is a member name when a colon follows it.
 *
 * @param json A text that `JSON.parse` accepts; for any other text the result is meaningless.
 * @returns The name, unescaped, or null when every object's names differ.
 * @example
 * ```ts
 * duplicateMember('{"a": {"x": 1}, "b": {"x": 2}}'); // null
 * duplicateMember('{"a": 1, "\\u0061": 2}'); // "a"
 * ```
 */
export function duplicateMember(json: string): string | null {
  const objects: (Set<string> | null)[] = [];
  let index = 0;
  while (index < json.length) {
    const character = json[index];
    if (character === "{") objects.push(new Set());
    else if (character === "[") objects.push(null);
    else if (character === "}" || character === "]") objects.pop();
    else if (character === '"') {
      const end = endOfString(json, index);
      if (json[skipSpace(json, end)] === ":") {
        const name = unquote(json.slice(index, end));
        const names = objects.at(-1);
        if (names?.has(name) === true) return name;
        names?.add(name);
      }
      index = end;
      continue;
    }
    index++;
  }
  return null;
}

/** The index just past the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  let index = start + 1;
  while (index < json.length && json[index] !== '"') index += json[index] === "\\" ? 2 : 1;
  return index + 1;
}

/** The index of the first character from `start` that is not JSON whitespace. */
function skipSpace(json: string, start: number): number {
  let index = start;
  while (json[index] === " " || json[index] === "\n" || json[index] === "\r" || json[index] === "\t") index++;
  return index;
}

/** The value of a JSON string literal; only those with escapes need the parser. */
function unquote(literal: string): string {
  return literal.includes("\\") ? JSON.parse(literal) as string : literal.slice(1, -1);
}
