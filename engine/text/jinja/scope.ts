/**
 * Variables of a template; a block sees those of its enclosing blocks.
 *
 * @module
 */
import type { Budget } from "./budget.ts";
import { Undefined, type Value } from "./python/values.ts";

/** The variables of one block. */
export class Scope {
  /** What is left for this rendering. */
  readonly budget: Budget;
  /** Text that the rendering has produced so far; of a block that is captured, its own. */
  readonly output: Output;
  readonly #variables = new Map<string, Value>();
  readonly #parent: Scope | null;

  /**
   * @param parent The enclosing scope; null for the outermost.
   * @param budget What is left for this rendering.
   * @param output Where text goes.
   */
  constructor(parent: Scope | null, budget: Budget, output: Output) {
    [this.#parent, this.budget, this.output] = [parent, budget, output];
  }

  /** A scope within this one. */
  inner(output = this.output): Scope {
    return new Scope(this, this.budget, output);
  }

  /** Set a variable in this scope. */
  set(name: string, value: Value): void {
    this.#variables.set(name, value);
  }

  /** Look up a variable in this scope and its parents. */
  get(name: string): Value {
    // Not recursive: scopes nest as deeply as loops and macros do.
    let value = this.#variables.get(name);
    for (let scope = this.#parent; value === undefined && scope !== null; scope = scope.#parent) {
      value = scope.#variables.get(name);
    }
    return value === undefined ? new Undefined(`'${name}' is undefined`) : value;
  }
}

/** Text that is being produced. */
export class Output {
  text = "";
}
