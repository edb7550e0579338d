/**
 * The tokens of a template, read one by one.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import { type Token, tokenize, type TokenKind } from "./lexer.ts";

/** Most blocks, brackets and operators within each other. */
const MAX_DEPTH = 100;

/** A reader of tokens. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  /** @param source The template. */
  constructor(source: string) {
    this.#tokens = tokenize(source);
  }

  /** The current token. */
  get current(): Token {
    return this.#tokens[this.#at] as Token;
  }

  /** Index of the current token. */
  get position(): number {
    return this.#at;
  }

  /** Whether a variable is read between a token and the current one. */
  reads(name: string, start: number): boolean {
    const is = (index: number, text: string): boolean => {
      const token = this.#tokens[index];
      return token?.kind === "operator" && token.text === text;
    };
    for (let i = start; i < this.#at; i++) {
      const token = this.#tokens[i] as Token;
      if (token.kind === "name" && token.text === name && !is(i - 1, ".") && !is(i + 1, "=")) return true;
    }
    return false;
  }

  /** Whether the next token is an operator. */
  followedBy(operator: string): boolean {
    const next = this.#tokens[this.#at + 1];
    return next?.kind === "operator" && next.text === operator;
  }

  /** Whether the next token is a name. */
  followedByName(name: string): boolean {
    const next = this.#tokens[this.#at + 1];
    return next?.kind === "name" && next.text === name;
  }

  /** Whether the current token is one of these operators. */
  isOperator(...operators: readonly string[]): boolean {
    return this.current.kind === "operator" && operators.includes(this.current.text);
  }

  /** Whether the current token is one of these names. */
  isName(...names: readonly string[]): boolean {
    return this.current.kind === "name" && names.includes(this.current.text);
  }

  /** The current token, which is then left. */
  next(): Token {
    const token = this.current;
    if (token.kind !== "end") this.#at++;
    return token;
  }

  /** Leave the current token if it is this operator. */
  skipOperator(operator: string): boolean {
    if (!this.isOperator(operator)) return false;
    this.#at++;
    return true;
  }

  /** Leave the current token if it is this name. */
  skipName(name: string): boolean {
    if (!this.isName(name)) return false;
    this.#at++;
    return true;
  }

  /** Leave the current token, which must be of a kind. */
  expect(kind: TokenKind): Token {
    if (this.current.kind !== kind) throw this.unexpected(`a ${kind}`);
    return this.next();
  }

  /** Leave the current token, which must be this operator. */
  expectOperator(operator: string): void {
    if (!this.skipOperator(operator)) throw this.unexpected(`'${operator}'`);
  }

  /** Leave the current token, which must be this name. */
  expectName(name: string): void {
    if (!this.skipName(name)) throw this.unexpected(`'${name}'`);
  }

  /**
   * Parse something that may contain itself.
   *
   * @param parse The parser.
   * @returns Its result.
   * @throws {TemplateError} When it is nested too deeply.
   */
  nested<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw this.error(`it nests more than ${MAX_DEPTH} deep`);
    const result = parse();
    this.#depth--;
    return result;
  }

  /** An error at the current token. */
  error(problem: string): TemplateError {
    return new TemplateError(`${problem} (line ${this.current.line})`);
  }

  /** The error that something else was expected. */
  unexpected(expected: string): TemplateError {
    const { kind, text } = this.current;
    const found = kind === "end" ? "the end of the template" : text === "" ? `a ${kind}` : `'${text}'`;
    return this.error(`expected ${expected}, found ${found}`);
  }
}
