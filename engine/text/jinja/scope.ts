/**
 * Variables of a template; a block sees those of its enclosing blocks.
 *
 * @module
 */
import { Undefined, type Value } from "./values.ts";

/** The variables of one block. */
export class Scope {
  readonly #variables = new Map<string, Value>();
  readonly #parent: Scope | null;

  /** @param parent The enclosing scope. */
  constructor(parent: Scope | null) {
    this.#parent = parent;
  }

  /** Set a variable in this scope. */
  set(name: string, value: Value): void {
    this.#variables.set(name, value);
  }

  /** Look up a variable in this scope and its parents. */
  get(name: string): Value {
    const value = this.#variables.get(name);
    if (value !== undefined) return value;
    if (this.#parent !== null) return this.#parent.get(name);
    return new Undefined(`'${name}' is undefined`);
  }
}
