/**
 * Arguments of calls, by position or by name.
 *
 * @module
 */
import { type Keywords, numeric, TemplateError, typeName, Undefined, undefinedError, type Value } from "./values.ts";

/** The arguments of one call. */
export class Arguments {
  readonly #name: string;
  readonly #positional: readonly Value[];
  readonly #keywords: Keywords;

  /**
   * @param name Name of the function, for messages.
   * @param positional Arguments by position.
   * @param keywords Arguments by name.
   */
  constructor(name: string, positional: readonly Value[], keywords: Keywords) {
    this.#name = name;
    this.#positional = positional;
    this.#keywords = keywords;
  }

  /** Number of arguments by position. */
  get count(): number {
    return this.#positional.length;
  }

  /** Arguments by position from `start` on. */
  rest(start: number): readonly Value[] {
    return this.#positional.slice(start);
  }

  /** Whether an argument was given; index -1 for keyword-only arguments. */
  has(index: number, name: string): boolean {
    return (index >= 0 && index < this.#positional.length) || this.#keywords.has(name);
  }

  /** An argument, or `fallback`. */
  get(index: number, name: string, fallback: Value): Value {
    return this.#positional[index] ?? this.#keywords.get(name) ?? (this.has(index, name) ? null : fallback);
  }

  /** A required argument. */
  required(index: number, name: string): Value {
    if (!this.has(index, name)) throw new TemplateError(`${this.#name}() is missing the argument '${name}'`);
    return this.get(index, name, null);
  }

  /** A string argument. */
  text(index: number, name: string, fallback?: string): string {
    const value = fallback === undefined ? this.required(index, name) : this.get(index, name, fallback);
    return expectText(value, `${this.#name}(${name})`);
  }

  /** A string argument; null if it is None or missing. */
  optionalText(index: number, name: string): string | null {
    const value = this.get(index, name, null);
    return value === null ? null : expectText(value, `${this.#name}(${name})`);
  }

  /** A number argument. */
  number(index: number, name: string, fallback: number): number {
    const value = numeric(this.get(index, name, fallback));
    if (value === null) throw new TemplateError(`${this.#name}(${name}) must be a number`);
    return value;
  }
}

/**
 * Require a string.
 *
 * @param value Any value.
 * @param what Name of the value, for the message.
 * @returns The string.
 * @throws {TemplateError} For anything else.
 */
export function expectText(value: Value, what: string): string {
  if (typeof value === "string") return value;
  if (value instanceof Undefined) throw undefinedError(value);
  throw new TemplateError(`${what} must be str, not ${typeName(value)}`);
}
