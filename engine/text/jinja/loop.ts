/**
 * The `loop` object of a `for` block.
 *
 * @module
 */
import type { Budget } from "./budget.ts";
import { TemplateError } from "./errors.ts";
import { isEqual } from "./python/equality.ts";
import { type CallArguments, PyFunction, type PyObject, PyTuple, Undefined, type Value } from "./python/values.ts";

/** Renders the body of a recursive loop over other items. */
export type Recurse = (items: Value, depth: number) => string;

/** A loop. */
export class Loop implements PyObject {
  readonly type = "LoopContext";
  readonly #items: readonly Value[];
  readonly #depth: number;
  readonly #recurse: Recurse | null;
  #changed: PyTuple | null = null;
  /** Current iteration, from 0. */
  index = 0;

  /**
   * @param items What it iterates over.
   * @param depth How many recursive loops it is in.
   * @param recurse Renders a recursive loop's body; null if the loop is not recursive.
   */
  constructor(items: readonly Value[], depth: number, recurse: Recurse | null) {
    [this.#items, this.#depth, this.#recurse] = [items, depth, recurse];
  }

  get length(): number {
    return this.#items.length;
  }

  attribute(name: string): Value | undefined {
    const { index, length } = this;
    switch (name) {
      case "index":
        return index + 1;
      case "index0":
        return index;
      case "revindex":
        return length - index;
      case "revindex0":
        return length - index - 1;
      case "first":
        return index === 0;
      case "last":
        return index === length - 1;
      case "length":
        return length;
      case "depth":
        return this.#depth + 1;
      case "depth0":
        return this.#depth;
      case "previtem":
        return index === 0 ? new Undefined("there is no previous item") : this.#items[index - 1];
      case "nextitem":
        return index + 1 < length ? this.#items[index + 1] : new Undefined("there is no next item");
      case "cycle":
        return new PyFunction(name, ({ positional }) => {
          if (positional.length === 0) throw new TemplateError("no items for cycling given");
          return positional[index % positional.length] as Value;
        });
      case "changed":
        return new PyFunction(name, (args) => this.#hasChanged(args));
      default:
        return undefined;
    }
  }

  #hasChanged({ budget, positional }: CallArguments): boolean {
    const values = new PyTuple(positional);
    if (this.#changed !== null && isEqual(budget, this.#changed, values)) return false;
    this.#changed = values;
    return true;
  }

  call(args: CallArguments): Value {
    if (this.#recurse === null) {
      throw new TemplateError("The loop must have the 'recursive' marker to be called recursively.");
    }
    return this.#recurse(args.bind(["iterable"]).required(0), this.#depth + 1);
  }

  print(_budget: Budget): string {
    return `<LoopContext ${this.index + 1}/${this.length}>`;
  }
}
