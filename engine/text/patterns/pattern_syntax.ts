/**
 * Parses JavaScript regular expressions with the `u` flag.
 *
 * @module
 */

/** A part of a regular expression, and its source. */
export type PatternNode =
  & { readonly source: string }
  & (
    /** One character. */
    | { readonly type: "character" }
    | { readonly type: "sequence"; readonly items: readonly PatternNode[] }
    | { readonly type: "choice"; readonly options: readonly PatternNode[] }
    | {
      readonly type: "repeat";
      readonly body: PatternNode;
      readonly min: number;
      readonly max: number;
      readonly lazy: boolean;
    }
    /** `capture`: its number, or null. */
    | { readonly type: "group"; readonly body: PatternNode; readonly capture: number | null }
    | { readonly type: "look"; readonly body: PatternNode; readonly behind: boolean; readonly negative: boolean }
    | { readonly type: "reference"; readonly group: number }
    /** `^` or `$`. */
    | { readonly type: "edge"; readonly end: boolean }
  );

/** How deeply groups may nest. */
const MOST_NESTED = 100;

const ESCAPE =
  /\\(?:[pP]\{[^}]*\}|u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|0(?![0-9])|[dDsSwWfnrtv^$\\.*+?()[\]{}|/-])/y;
const CLASS = /\[(?:[^\]\\]|\\[^])*\]/y;
const QUANTIFIER = /(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})(\??)/y;
const GROUP = /\((?:\?(?:(:)|(<?)([=!])))?/y;
const REFERENCE = /\\([1-9]\d*)/y;

/**
 * Parse a regular expression.
 *
 * @param source A regular expression that is valid with the `u` flag.
 * @returns Its parts; null where one is not supported: word boundaries, named groups, modifiers.
 */
export function parsePattern(source: string): PatternNode | null {
  const parser = new Parser(source);
  try {
    return parser.parse();
  } catch (error) {
    if (error instanceof Unsupported) return null;
    throw error;
  }
}

class Unsupported extends Error {}

class Parser {
  readonly #source: string;
  #at = 0;
  #captures = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#source.length) throw new Unsupported();
    return node;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #choice(): PatternNode {
    const start = this.#at;
    const options = [this.#sequence()];
    while (this.#source[this.#at] === "|") {
      this.#at++;
      options.push(this.#sequence());
    }
    const source = this.#source.slice(start, this.#at);
    return options.length === 1 ? options[0]! : { type: "choice", options, source };
  }

  #sequence(): PatternNode {
    const start = this.#at;
    const items: PatternNode[] = [];
    while (this.#at < this.#source.length && this.#source[this.#at] !== "|" && this.#source[this.#at] !== ")") {
      items.push(this.#item());
    }
    return { type: "sequence", items, source: this.#source.slice(start, this.#at) };
  }

  #item(): PatternNode {
    const start = this.#at;
    const body = this.#atom();
    const quantifier = this.#match(QUANTIFIER);
    if (quantifier === null) return body;
    const [text, least, comma, most, lazy] = quantifier;
    let [min, max] = text[0] === "*" ? [0, Infinity] : text[0] === "+" ? [1, Infinity] : [0, 1];
    if (least !== undefined) {
      min = Number(least);
      max = comma === undefined ? min : most === "" ? Infinity : Number(most);
    }
    return { type: "repeat", body, min, max, lazy: lazy === "?", source: this.#source.slice(start, this.#at) };
  }

  #atom(): PatternNode {
    const start = this.#at;
    const char = this.#source[start]!;
    if (char === "(") return this.#group();
    if (char === "^" || char === "$") {
      this.#at++;
      return { type: "edge", end: char === "$", source: char };
    }
    const reference = this.#match(REFERENCE);
    if (reference !== null) return { type: "reference", group: Number(reference[1]), source: reference[0] };
    if (char === "\\" || char === "[") {
      const text = this.#match(char === "[" ? CLASS : ESCAPE)?.[0];
      if (text === undefined) throw new Unsupported();
      return { type: "character", source: text };
    }
    const symbol = String.fromCodePoint(this.#source.codePointAt(start)!);
    this.#at += symbol.length;
    return { type: "character", source: symbol };
  }

  #group(): PatternNode {
    const start = this.#at;
    const [opening, plain, behind, look] = this.#match(GROUP)!;
    if (++this.#depth > MOST_NESTED || (opening === "(" && this.#source[this.#at] === "?")) throw new Unsupported();
    const capture = opening === "(" ? ++this.#captures : null;
    const body = this.#choice();
    if (this.#source[this.#at] !== ")") throw new Unsupported();
    this.#at++;
    this.#depth--;
    const source = this.#source.slice(start, this.#at);
    if (look !== undefined && plain === undefined) {
      return { type: "look", body, behind: behind === "<", negative: look === "!", source };
    }
    return { type: "group", body, capture, source };
  }
}
