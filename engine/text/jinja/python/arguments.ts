/**
 * Arguments of calls, by position or by name.
 *
 * @module
 */
import type { Budget } from "../budget.ts";
import { TemplateError } from "../errors.ts";
import {
  type CallArguments,
  isTrue,
  type Keywords,
  Markup,
  stringOf,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./values.ts";

const NO_KEYWORDS: Keywords = new Map();

/** The arguments of one call. */
export class Arguments implements CallArguments {
  /** What the function charges. */
  readonly budget: Budget;
  /** Name of the function, for messages. */
  readonly name: string;
  /** Arguments by position. */
  readonly positional: readonly Value[];
  /** Arguments by name. */
  readonly keywords: Keywords;
  #parameters: readonly string[] = [];

  /**
   * @param budget What the function charges.
   * @param name Name of the function, for messages.
   * @param positional Arguments by position.
   * @param keywords Arguments by name.
   */
  constructor(budget: Budget, name: string, positional: readonly Value[], keywords: Keywords = NO_KEYWORDS) {
    [this.budget, this.name, this.positional, this.keywords] = [budget, name, positional, keywords];
  }

  /**
   * Match the arguments with parameters; the other methods then take a parameter's index.
   *
   * @param parameters Names of all parameters.
   * @param byName Whether arguments may be named.
   * @returns This.
   * @throws {TemplateError} For too many arguments, an unknown name, or an argument that is given twice.
   */
  bind(parameters: readonly string[], byName = true): this {
    if (this.positional.length > parameters.length) {
      throw new TemplateError(`${this.name}() takes at most ${parameters.length} arguments`);
    }
    for (const name of this.keywords.keys()) {
      const index = parameters.indexOf(name);
      if (!byName || index < 0) throw new TemplateError(`${this.name}() takes no keyword argument '${name}'`);
      if (index < this.positional.length) throw new TemplateError(`${this.name}() got '${name}' twice`);
    }
    this.#parameters = parameters;
    return this;
  }

  /** The same arguments with others by position. */
  withPositional(positional: readonly Value[]): Arguments {
    return new Arguments(this.budget, this.name, positional, this.keywords);
  }

  /** An argument, or undefined. */
  given(index: number): Value | undefined {
    return index < this.positional.length
      ? this.positional[index]
      : this.keywords.get(this.#parameters[index] as string);
  }

  /** An argument, or `fallback`. */
  get(index: number, fallback: Value): Value {
    const value = this.given(index);
    return value === undefined ? fallback : value;
  }

  /** A required argument. */
  required(index: number): Value {
    const value = this.given(index);
    if (value !== undefined) return value;
    throw new TemplateError(`${this.name}() is missing the argument '${this.#parameters[index]}'`);
  }

  /** Whether an argument is true. */
  flag(index: number): boolean {
    return isTrue(this.get(index, false));
  }

  /** A string argument. */
  text(index: number, fallback?: string): string {
    const value = fallback === undefined ? this.required(index) : this.get(index, fallback);
    return expectText(value, `${this.name}(${this.#parameters[index]})`);
  }

  /** A string argument; null if it is None or missing. */
  optionalText(index: number): string | null {
    const value = this.get(index, null);
    return value === null ? null : expectText(value, `${this.name}(${this.#parameters[index]})`);
  }

  /** An integer argument. */
  integer(index: number, fallback?: number): number {
    const value = fallback === undefined ? this.required(index) : this.get(index, fallback);
    return expectInteger(value, `${this.name}(${this.#parameters[index]})`);
  }
}

/**
 * Require an integer.
 *
 * @param value Any value.
 * @param what Name of the value, for the message.
 * @returns The integer; 0 or 1 for a bool.
 * @throws {TemplateError} For anything else.
 */
export function expectInteger(value: Value, what: string): number {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof Undefined) throw undefinedError(value);
  throw new TemplateError(`${what} must be an integer, not ${typeName(value)}`);
}

/**
 * Require a string.
 *
 * @param value Any value.
 * @param what Name of the value, for the message.
 * @returns The string, also of markup.
 * @throws {TemplateError} For anything else.
 */
export function expectText(value: Value, what: string): string {
  const text = stringOf(value);
  if (text !== null) return text;
  if (value instanceof Undefined) throw undefinedError(value);
  throw new TemplateError(`${what} must be str, not ${typeName(value)}`);
}

/** A value as markup where `like` is markup. */
export function markupAs(like: Value, text: string): string | Markup {
  return like instanceof Markup ? new Markup(text) : text;
}
