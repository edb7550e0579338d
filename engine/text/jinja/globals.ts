/**
 * The global variables and functions of chat templates.
 *
 * @module
 */
import { Arguments } from "./arguments.ts";
import { strftime } from "./strftime.ts";
import { toText } from "./stringify.ts";
import { iterate, PyFunction, PyObject, TemplateError, type Value } from "./values.ts";

/** Thrown by `raise_exception`. */
export class RaisedByTemplate extends TemplateError {}

/** The longest range that the reference's sandbox allows. */
const MAX_RANGE = 100_000;

/** The entries of a dict or a list of pairs. */
function entriesOf(value: Value): [Value, Value][] {
  if (value instanceof Map) return [...value];
  return iterate(value).map((pair) => {
    const [key, item] = iterate(pair);
    if (key === undefined || item === undefined) throw new TemplateError("a dict must be made of pairs");
    return [key, item];
  });
}

function functionOf(name: string, code: (args: Arguments) => Value): [string, Value] {
  return [name, new PyFunction((args, keywords) => code(new Arguments(name, args, keywords)))];
}

function range(args: Arguments): Value {
  const first = args.number(0, "start", 0);
  const [start, stop] = args.count < 2 ? [0, first] : [first, args.number(1, "stop", 0)];
  const step = args.number(2, "step", 1);
  if (step === 0) throw new TemplateError("range() arg 3 must not be zero");
  if (Math.abs((stop - start) / step) > MAX_RANGE) throw new TemplateError(`Range too big (at most ${MAX_RANGE})`);
  const numbers: number[] = [];
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) numbers.push(i);
  return numbers;
}

/**
 * The global variables and functions.
 *
 * @param now The time of `strftime_now`.
 * @returns Values by name.
 */
export function templateGlobals(now: Date): Map<string, Value> {
  return new Map<string, Value>([
    ["true", true],
    ["True", true],
    ["false", false],
    ["False", false],
    ["none", null],
    ["None", null],
    functionOf("range", range),
    [
      "dict",
      new PyFunction((args, keywords) => new Map([...(args[0] === undefined ? [] : entriesOf(args[0])), ...keywords])),
    ],
    [
      "namespace",
      new PyFunction((args, keywords) => {
        const entries = args[0] === undefined ? [] : entriesOf(args[0]);
        const attributes = new Map(entries.map(([key, value]) => [toText(key), value]));
        for (const [key, value] of keywords) attributes.set(key, value);
        return new PyObject(attributes, true);
      }),
    ],
    [
      "joiner",
      new PyFunction((args) => {
        let used = false;
        return new PyFunction(() => {
          const separator = used ? args[0] ?? ", " : "";
          used = true;
          return separator;
        });
      }),
    ],
    functionOf("strftime_now", (args) => strftime(now, args.text(0, "format"))),
    functionOf("raise_exception", (args) => {
      throw new RaisedByTemplate(toText(args.get(0, "message", "")));
    }),
  ]);
}
