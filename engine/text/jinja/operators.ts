/**
 * Python's operators, subscripts and slices.
 *
 * @module
 */
import { Arguments } from "./arguments.ts";
import { methodOf } from "./methods.ts";
import { toText } from "./stringify.ts";
import {
  compare,
  contains,
  isEqual,
  isTrue,
  numeric,
  PyFloat,
  PyObject,
  PyTuple,
  TemplateError,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./values.ts";

/**
 * `left operator right`, for all operators but `and` and `or`.
 *
 * @param operator The operator.
 * @param left Left operand.
 * @param right Right operand.
 * @returns The result.
 * @throws {TemplateError} When the operator does not support the types.
 */
export function binary(operator: string, left: Value, right: Value): Value {
  switch (operator) {
    case "==":
      return isEqual(left, right);
    case "!=":
      return !isEqual(left, right);
    case "in":
      return contains(left, right);
    case "not in":
      return !contains(left, right);
    case "~":
      return toText(left) + toText(right);
    case "<":
      return compare(left, right) < 0;
    case "<=":
      return compare(left, right) <= 0;
    case ">":
      return compare(left, right) > 0;
    case ">=":
      return compare(left, right) >= 0;
  }
  for (const side of [left, right]) if (side instanceof Undefined) throw undefinedError(side);
  const result = combine(operator, left, right);
  if (result !== undefined) return result;
  const a = numeric(left);
  const b = numeric(right);
  if (a === null || b === null) {
    throw new TemplateError(
      `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
    );
  }
  const float = left instanceof PyFloat || right instanceof PyFloat;
  return arithmetic(operator, a, b, float);
}

/** Operators on strings and sequences; undefined if none applies. */
function combine(operator: string, left: Value, right: Value): Value | undefined {
  if (operator === "+") {
    if (typeof left === "string" && typeof right === "string") return left + right;
    if (Array.isArray(left) && Array.isArray(right)) return [...left, ...right];
    if (left instanceof PyTuple && right instanceof PyTuple) return new PyTuple([...left.items, ...right.items]);
  }
  if (operator === "*") {
    const [sequence, times] = typeof right === "number" ? [left, right] : [right, left];
    const count = typeof times === "number" ? Math.max(0, times) : 0;
    if (typeof sequence === "string" && typeof times === "number") return sequence.repeat(count);
    if (Array.isArray(sequence) && typeof times === "number") {
      return Array.from({ length: count }, () => sequence).flat();
    }
  }
  if (operator === "%" && typeof left === "string") return percent(left, right);
  return undefined;
}

function arithmetic(operator: string, a: number, b: number, float: boolean): Value {
  const number = (value: number): Value => (float ? new PyFloat(value) : value);
  if (b === 0 && (operator === "/" || operator === "//" || operator === "%")) {
    throw new TemplateError("division by zero");
  }
  switch (operator) {
    case "+":
      return number(a + b);
    case "-":
      return number(a - b);
    case "*":
      return number(a * b);
    case "/":
      return new PyFloat(a / b);
    case "//":
      return number(Math.floor(a / b));
    case "%":
      return number(a - b * Math.floor(a / b));
    case "**":
      return float || b < 0 ? new PyFloat(a ** b) : a ** b;
    default:
      throw new TemplateError(`unknown operator ${operator}`);
  }
}

/** Python's `text % values`, for `%s`, `%d` and `%%`. */
function percent(format: string, values: Value): string {
  const list = values instanceof PyTuple ? values.items : [values];
  let next = 0;
  return format.replace(/%(.)/g, (_match, kind: string) => {
    if (kind === "%") return "%";
    const value = list[next++];
    if (value === undefined) throw new TemplateError("not enough arguments for format string");
    if (kind === "s") return toText(value);
    const number = numeric(value);
    if (kind !== "d" || number === null) throw new TemplateError(`the format %${kind} is not supported`);
    return String(Math.trunc(number));
  });
}

/**
 * `+value`, `-value`, `not value`.
 *
 * @param operator The operator.
 * @param value Its operand.
 * @returns The result.
 * @throws {TemplateError} For a sign before a value that is not a number.
 */
export function unary(operator: string, value: Value): Value {
  if (operator === "not") return !isTrue(value);
  if (value instanceof Undefined) throw undefinedError(value);
  const number = numeric(value);
  if (number === null) throw new TemplateError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const signed = operator === "-" ? -number : number;
  return value instanceof PyFloat ? new PyFloat(signed) : signed;
}

/** The name of a value's type in Jinja's messages. */
const describe = (value: Value): string => (value === null ? "None" : `${typeName(value)} object`);

/** The member at a key or index, or undefined. */
function subscript(object: Value, key: Value): Value | undefined {
  if (object instanceof Map) return object.get(key);
  const index = typeof key === "boolean" ? Number(key) : key;
  if (typeof index !== "number") return undefined;
  if (Array.isArray(object)) return object.at(index);
  if (object instanceof PyTuple) return object.items.at(index);
  return typeof object === "string" ? Array.from(object).at(index) : undefined;
}

/** An attribute or a method, or undefined. */
function attribute(object: Value, name: string): Value | undefined {
  return object instanceof PyObject ? object.attributes.get(name) : methodOf(object, name);
}

/**
 * `object.name` (attributes take precedence) or `object[key]` (items take precedence).
 *
 * @param object The object.
 * @param key An attribute's name, or a key.
 * @param computed Whether it is written in brackets.
 * @returns The member, or an undefined value if it does not exist.
 * @throws {TemplateError} For a member of an undefined value.
 */
export function member(object: Value, key: Value, computed: boolean): Value {
  if (object instanceof Undefined) throw undefinedError(object);
  const byAttribute = (): Value | undefined => (typeof key === "string" ? attribute(object, key) : undefined);
  // None (null) is a member like any other: only undefined means that it does not exist.
  let found = computed ? subscript(object, key) : byAttribute();
  if (found === undefined) found = computed ? byAttribute() : subscript(object, key);
  if (found !== undefined) return found;
  return new Undefined(
    typeof key === "string"
      ? `'${describe(object)}' has no attribute '${key}'`
      : `${describe(object)} has no element ${toText(key)}`,
  );
}

/**
 * `sequence[start:stop:step]`.
 *
 * @param sequence A string, list or tuple.
 * @param args Start, stop and step; None if omitted.
 * @returns The slice.
 * @throws {TemplateError} For another value, or a step of zero.
 */
export function slice(sequence: Value, args: Arguments): Value {
  if (sequence instanceof Undefined) throw undefinedError(sequence);
  const items = typeof sequence === "string"
    ? Array.from(sequence)
    : sequence instanceof PyTuple
    ? sequence.items
    : sequence;
  if (!Array.isArray(items)) throw new TemplateError(`'${typeName(sequence)}' object is not subscriptable`);
  const picked = pick(items as readonly Value[], args);
  if (typeof sequence === "string") return picked.join("");
  return sequence instanceof PyTuple ? new PyTuple(picked) : picked;
}

function pick(items: readonly Value[], args: Arguments): Value[] {
  const bound = (index: number, name: string): number | null => {
    const value = args.get(index, name, null);
    return value === null || value instanceof Undefined ? null : args.number(index, name, 0);
  };
  const step = bound(2, "step") ?? 1;
  if (step === 0) throw new TemplateError("slice step cannot be zero");
  const clamp = (value: number | null, fallback: number): number => {
    if (value === null) return fallback;
    const index = value < 0 ? value + items.length : value;
    return step > 0 ? Math.min(Math.max(index, 0), items.length) : Math.min(Math.max(index, -1), items.length - 1);
  };
  const start = clamp(bound(0, "start"), step > 0 ? 0 : items.length - 1);
  const stop = clamp(bound(1, "stop"), step > 0 ? items.length : -1);
  const picked: Value[] = [];
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) picked.push(items[i] as Value);
  return picked;
}
