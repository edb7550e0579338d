/**
 * The global variables and functions of chat templates.
 *
 * @module
 */
import type { Budget } from "../budget.ts";
import { RaisedByTemplate, TemplateError } from "../errors.ts";
import { setEntry } from "../python/dict.ts";
import { strftime } from "../python/strftime.ts";
import { repr, toText } from "../python/stringify.ts";
import {
  type CallArguments,
  membersOf,
  PyFunction,
  type PyObject,
  PyRange,
  Undefined,
  type Value,
} from "../python/values.ts";

/** The longest range that the reference's sandbox allows. */
const MAX_RANGE = 100_000;
/** Longest text that `strftime_now` formats. */
const MAX_DATE = 1000;

/** `namespace(…)`: variables that templates may assign to. */
class Namespace implements PyObject {
  readonly type = "Namespace";
  readonly #members: Map<Value, Value>;
  constructor(members: Map<Value, Value>) {
    this.#members = members;
  }
  attribute(name: string): Value | undefined {
    return this.#members.get(name);
  }
  assign(name: string, value: Value): void {
    this.#members.set(name, value);
  }
  print(budget: Budget, depth: number): string {
    return `<Namespace ${repr(budget, this.#members, depth)}>`;
  }
}

/** `cycler(…)`: values that are taken in turn. */
class Cycler implements PyObject {
  readonly type = "Cycler";
  readonly #items: readonly Value[];
  #at = 0;
  constructor(items: readonly Value[]) {
    if (items.length === 0) throw new TemplateError("at least one item has to be provided");
    this.#items = items;
  }
  attribute(name: string): Value | undefined {
    if (name === "current") return this.#items[this.#at];
    if (name === "reset") {
      return new PyFunction(name, () => {
        this.#at = 0;
        return null;
      });
    }
    if (name !== "next") return undefined;
    return new PyFunction(name, () => {
      const item = this.#items[this.#at] as Value;
      this.#at = (this.#at + 1) % this.#items.length;
      return item;
    });
  }
  print(): string {
    throw new TemplateError("printing a Cycler is not supported");
  }
}

/** `self`, which names the blocks of a template elsewhere. */
const SELF: PyObject = {
  type: "TemplateReference",
  attribute: () => {
    throw new TemplateError("blocks are not supported");
  },
  print: () => "<TemplateReference None>",
};

/** The entries of `dict(…)` and `namespace(…)`. */
function entries(args: CallArguments): Map<Value, Value> {
  const { budget, positional, keywords } = args;
  if (positional.length > 1) throw new TemplateError(`${args.name}() takes at most 1 argument`);
  const map = new Map<Value, Value>();
  const [source] = positional;
  if (source instanceof Map) {
    budget.step(source.size);
    for (const [key, value] of source) setEntry(budget, map, key, value);
  } else if (source !== undefined) {
    for (const pair of membersOf(budget, source)) {
      const [key, value, ...others] = membersOf(budget, pair);
      if (key === undefined || value === undefined || others.length > 0) {
        throw new TemplateError("a dict must be made of pairs");
      }
      setEntry(budget, map, key, value);
    }
  }
  for (const [key, value] of keywords) map.set(key, value);
  return map;
}

function range(args: CallArguments): Value {
  if (args.positional.length === 0) throw new TemplateError("range() is missing an argument");
  args.bind(["start", "stop", "step"], false);
  const [start, stop] = args.positional.length < 2 ? [0, args.integer(0)] : [args.integer(0), args.integer(1)];
  const step = args.integer(2, 1);
  if (step === 0) throw new TemplateError("range() arg 3 must not be zero");
  const numbers = new PyRange(start, stop, step);
  if (numbers.length > MAX_RANGE) {
    throw new TemplateError(`Range too big. The sandbox blocks ranges larger than MAX_RANGE (${MAX_RANGE}).`);
  }
  return numbers;
}

function joiner(args: CallArguments): Value {
  const separator = args.bind(["sep"]).get(0, ", ");
  let isUsed = false;
  return new PyFunction("joiner", () => {
    const text = isUsed ? separator : "";
    isUsed = true;
    return text;
  });
}

function formatDate(args: CallArguments, now: Date): string {
  const format = args.bind(["format"]).text(0);
  if (format.length > MAX_DATE) throw new TemplateError("the format of strftime_now() is too long");
  return strftime(now, format);
}

/**
 * The global variables and functions.
 *
 * @param now The time of `strftime_now`.
 * @returns Values by name.
 */
export function templateGlobals(now: Date): Map<string, Value> {
  const functions: Readonly<Record<string, (args: CallArguments) => Value>> = {
    range,
    dict: entries,
    namespace: (args) => new Namespace(entries(args)),
    cycler: (args) => new Cycler(args.positional),
    joiner,
    lipsum: () => {
      throw new TemplateError("lipsum() is not supported");
    },
    strftime_now: (args) => formatDate(args, now),
    raise_exception: (args) => {
      const message = args.bind(["message"]).required(0);
      throw new RaisedByTemplate(message instanceof Undefined ? "" : toText(args.budget, message));
    },
  };
  const values = Object.entries(functions).map(([name, call]) => [name, new PyFunction(name, call)] as const);
  return new Map<string, Value>([...values, ["self", SELF]]);
}
