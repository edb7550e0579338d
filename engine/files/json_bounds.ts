/**
 * Bounds of JSON texts before they are parsed. Some megabytes of brackets are millions of objects, which take a hundred times
 * the memory of the text, and minutes.
 *
 * @module
 */

/** Levels of nesting. Files of models have about ten. */
const MAX_DEPTH = 128;

/** Values of all kinds. The largest tokenizers have two million. */
const MAX_VALUES = 10_000_000;

/** Shorter texts are parsed in milliseconds, whatever they contain. */
const SHORT_TEXT = 2 ** 20;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Check a JSON text before it is parsed.
 *
 * @param json The text; it need not be valid JSON.
 * @returns What is wrong, as in `"it is nested more than 128 levels deep"`; null where nothing is.
 */
export function jsonExcess(json: string): string | null {
  if (json.length < SHORT_TEXT) return null;
  let depth = 0;
  let values = 1;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(json, at);
        break;
      case COMMA:
        values++;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        values++;
        if (++depth > MAX_DEPTH) return `it is nested more than ${MAX_DEPTH} levels deep`;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--;
        break;
    }
    if (values > MAX_VALUES) return `it has more than ${MAX_VALUES / 1e6} million values`;
  }
  return null;
}

/** The index of the quote that closes the string opened at `start`; the length of the text where none does. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let backslash = end;
    while (json.charCodeAt(backslash - 1) === BACKSLASH) backslash--;
    if ((end - backslash) % 2 === 0) return end;
  }
  return json.length;
}
