/**
 * Splits a template into tokens, as Jinja 3.1 does with `trim_blocks` and `lstrip_blocks`.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import { stripText } from "../python/characters.ts";
import { unescapeString } from "./string_literal.ts";

/** What a token is. */
export type TokenKind =
  | "data"
  | "variableBegin"
  | "variableEnd"
  | "blockBegin"
  | "blockEnd"
  | "name"
  | "string"
  | "integer"
  | "float"
  | "operator"
  | "end";

/** A token. */
export interface Token {
  readonly kind: TokenKind;
  /** The text; unescaped for strings, without `_` for numbers. */
  readonly text: string;
  /** Line, from 1. */
  readonly line: number;
}

/** Longest template, in characters; the longest public ones have about 20,000. */
const MAX_SOURCE = 256 << 10;
/** Most tokens of a template; the longest public ones have about 2,500. */
const MAX_TOKENS = 10_000;

const RAW_BEGIN = /\{%[-+]?\s*raw\s*(?:-%\}\s*|%\})/y;
const RAW_END = /\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)/g;
const COMMENT_END = /\+#\}|-#\}\s*|#\}\n?/g;
const VARIABLE_END = /-\}\}\s*|\}\}/y;
const BLOCK_END = /\+%\}|-%\}\s*|%\}\n?/y;
const WHITE_SPACE = /\s+/y;
const FLOAT = /(?<!\.)\d+(?:_\d+)*(?:(?:\.\d+(?:_\d+)*)?e[+-]?\d+(?:_\d+)*|\.\d+(?:_\d+)*)/iy;
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const NAME = /[\p{ID_Continue}_·]+/uy;
const IDENTIFIER = /^[\p{ID_Start}_]/u;
const STRING = /'[^'\\]*(?:\\[^][^'\\]*)*'|"[^"\\]*(?:\\[^][^"\\]*)*"/y;
const OPERATOR = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y;

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/**
 * Split a template into tokens.
 *
 * @param template The source.
 * @returns Its tokens, the last of which is the end.
 * @throws {TemplateError} When it is too long, a tag does not end or brackets do not match.
 */
export function tokenize(template: string): Token[] {
  if (template.length > MAX_SOURCE) {
    throw new TemplateError(`it has ${template.length} characters, and at most ${MAX_SOURCE} are supported`);
  }
  return new Lexer(template.replace(/\r\n?/g, "\n").replace(/\n$/, "")).run();
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  #lineFrom = 0;
  /** Whether the last token ended a line. */
  #startsLine = true;

  constructor(source: string) {
    this.#source = source;
  }

  run(): Token[] {
    while (this.#at < this.#source.length) this.#root();
    this.#push("end", "");
    return this.#tokens;
  }

  /** Text up to the next tag, and the tag. */
  #root(): void {
    const source = this.#source;
    const start = this.#at;
    let begin = source.indexOf("{", start);
    while (begin >= 0 && !"%{#".includes(source[begin + 1] ?? "x")) begin = source.indexOf("{", begin + 1);
    if (begin < 0) {
      this.#data(source.slice(start));
      this.#at = source.length;
      return;
    }
    const kind = source[begin + 1] as string;
    const sign = "-+".includes(source[begin + 2] ?? "x") ? source[begin + 2] as string : "";
    this.#data(this.#trimmed(source.slice(start, begin), sign, kind !== "{"));
    this.#at = begin;
    const raw = kind === "%" ? this.#match(RAW_BEGIN) : null;
    if (raw !== null) {
      this.#at += raw.length;
      this.#startsLine = raw.endsWith("\n");
      this.#raw();
      return;
    }
    this.#at = begin + 2 + sign.length;
    this.#startsLine = false;
    if (kind === "#") this.#comment();
    else this.#tag(kind === "%");
  }

  /** Text before a tag, without the white space that the tag strips. */
  #trimmed(text: string, sign: string, stripsIndent: boolean): string {
    if (sign === "-") return stripText(text, null, false, true);
    if (sign === "+" || !stripsIndent) return text;
    const lineStart = text.lastIndexOf("\n") + 1;
    if (lineStart === 0 && !this.#startsLine) return text;
    return stripText(text.slice(lineStart), null) === "" ? text.slice(0, lineStart) : text;
  }

  #comment(): void {
    COMMENT_END.lastIndex = this.#at;
    const end = COMMENT_END.exec(this.#source);
    if (end === null) {
      // As in Jinja, where nothing follows.
      if (this.#at === this.#source.length) return;
      throw this.#error("Missing end of comment tag");
    }
    this.#at = COMMENT_END.lastIndex;
    this.#startsLine = end[0].endsWith("\n");
  }

  #raw(): void {
    RAW_END.lastIndex = this.#at;
    const end = RAW_END.exec(this.#source);
    if (end === null) {
      // As in Jinja, where nothing follows.
      if (this.#at === this.#source.length) return;
      throw this.#error("Missing end of raw directive");
    }
    this.#data(this.#trimmed(this.#source.slice(this.#at, end.index), end[1] as string, true));
    this.#at = RAW_END.lastIndex;
    this.#startsLine = end[0].endsWith("\n");
  }

  /** The tokens of a block or variable tag. */
  #tag(isBlock: boolean): void {
    this.#push(isBlock ? "blockBegin" : "variableBegin", "");
    const brackets: string[] = [];
    while (this.#at < this.#source.length) {
      const end = brackets.length === 0 ? this.#match(isBlock ? BLOCK_END : VARIABLE_END) : null;
      if (end !== null) {
        this.#push(isBlock ? "blockEnd" : "variableEnd", "");
        this.#at += end.length;
        this.#startsLine = end.endsWith("\n");
        return;
      }
      this.#at += this.#token(brackets).length;
    }
    // The parser reports what is missing.
  }

  /** Reads one token; returns its source. */
  #token(brackets: string[]): string {
    const space = this.#match(WHITE_SPACE);
    if (space !== null) return space;
    const char = this.#source[this.#at] as string;
    if (char >= "0" && char <= "9") {
      const float = this.#match(FLOAT);
      if (float !== null) return this.#push("float", float.replaceAll("_", ""), float);
      const integer = this.#match(INTEGER) as string;
      return this.#push("integer", integer.replaceAll("_", ""), integer);
    }
    const name = this.#match(NAME);
    if (name !== null) {
      if (!IDENTIFIER.test(name)) throw this.#error("Invalid character in identifier");
      return this.#push("name", name);
    }
    const string = this.#match(STRING);
    if (string !== null) return this.#push("string", unescapeString(string.slice(1, -1)), string);
    const operator = this.#match(OPERATOR);
    if (operator === null) throw this.#error(`unexpected char ${JSON.stringify(this.#source[this.#at])}`);
    const closing = CLOSING[operator];
    if (closing !== undefined) brackets.push(closing);
    else if (")]}".includes(operator)) {
      const expected = brackets.pop();
      if (expected !== operator) {
        throw this.#error(`unexpected '${operator}'${expected === undefined ? "" : `, expected '${expected}'`}`);
      }
    }
    return this.#push("operator", operator);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#source)?.[0] ?? null;
  }

  #data(text: string): void {
    if (text !== "") this.#push("data", text);
  }

  #push(kind: TokenKind, text: string, source = text): string {
    if (this.#tokens.length >= MAX_TOKENS) throw new TemplateError(`it has more than ${MAX_TOKENS} tokens`);
    this.#tokens.push({ kind, text, line: this.#currentLine() });
    return source;
  }

  #currentLine(): number {
    let next = this.#source.indexOf("\n", this.#lineFrom);
    while (next >= 0 && next < this.#at) {
      this.#line++;
      this.#lineFrom = next + 1;
      next = this.#source.indexOf("\n", this.#lineFrom);
    }
    return this.#line;
  }

  #error(problem: string): TemplateError {
    return new TemplateError(`${problem} (line ${this.#currentLine()})`);
  }
}
