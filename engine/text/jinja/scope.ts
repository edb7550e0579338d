/**
 * Variables of a template: blocks see those of the blocks around them.
 *
 * @module
 */
import { Undefined, type Value } from "./values.ts";

/** The variables of one block. */
export class Scope {
  readonly #variables = new Map<string, Value>();
  readonly #parent: Scope | null;

  /** @param parent The scope around it, or null. */
  constructor(parent: Scope | null) {
    this.#parent = parent;
  }

  /** Set a variable here. */
  set(name: string, value: Value): void {
    this.#variables.set(name, value);
  }

  /** Look a variable up, here and outwards. */
  get(name: string): Value {
    const value = this.#variables.get(name);
    if (value !== undefined) return value;
    if (this.#parent !== null) return this.#parent.get(name);
    return new Undefined(`'${name}' is undefined`);
  }
}
