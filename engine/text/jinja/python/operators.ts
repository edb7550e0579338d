/**
 * Python's operators.
 *
 * @module
 */
import type { Budget } from "../budget.ts";
import { TemplateError } from "../errors.ts";
import { escapeText } from "./markup.ts";
import { arithmetic } from "./numbers.ts";
import { percent } from "./printf.ts";
import {
  int,
  Markup,
  numeric,
  PyFloat,
  PyTuple,
  stringOf,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./values.ts";

/**
 * `left operator right` for arithmetic operators.
 *
 * @param budget What is charged.
 * @param operator The operator.
 * @param left Left operand.
 * @param right Right operand.
 * @returns The result.
 * @throws {TemplateError} When the operator does not support the types.
 */
export function binary(budget: Budget, operator: string, left: Value, right: Value): Value {
  const result = combine(budget, operator, left, right);
  if (result !== undefined) return result;
  for (const side of [left, right]) if (side instanceof Undefined) throw undefinedError(side);
  const a = numeric(left);
  const b = numeric(right);
  if (a === null || b === null) {
    throw new TemplateError(
      `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
    );
  }
  return arithmetic(operator, a, b, left instanceof PyFloat || right instanceof PyFloat);
}

/** Operators on strings and sequences; undefined if none applies. */
function combine(budget: Budget, operator: string, left: Value, right: Value): Value | undefined {
  if (operator === "+") {
    const [a, b] = [stringOf(left), stringOf(right)];
    if (a !== null && b !== null) return addText(budget, left, right);
    if (Array.isArray(left) && Array.isArray(right)) return concatenated(budget, left, right);
    if (left instanceof PyTuple && right instanceof PyTuple) {
      return new PyTuple(concatenated(budget, left.items, right.items));
    }
  } else if (operator === "*") {
    const isCount = (value: Value): boolean => typeof value === "number" || typeof value === "boolean";
    if (isCount(right)) return repeated(budget, left, Number(right));
    if (isCount(left)) return repeated(budget, right, Number(left));
  } else if (operator === "%") {
    if (typeof left === "string") return percent(budget, left, right);
    if (left instanceof Markup) throw new TemplateError("formatting markup is not supported");
  }
  return undefined;
}

function addText(budget: Budget, left: Value, right: Value): Value {
  const isMarkup = left instanceof Markup || right instanceof Markup;
  const part = (value: Value): string =>
    value instanceof Markup ? value.text : isMarkup ? escapeText(budget, value as string) : value as string;
  const text = joinTexts(budget, [part(left), part(right)]);
  return isMarkup ? new Markup(text) : text;
}

/**
 * Join texts.
 *
 * @param budget Charged for all but the longest: engines share it, so that building a text in parts is not quadratic.
 * @param texts The texts.
 * @returns The joined text.
 */
export function joinTexts(budget: Budget, texts: readonly string[]): string {
  let [total, longest] = [0, 0];
  for (const { length } of texts) {
    total += length;
    longest = Math.max(longest, length);
  }
  budget.text(total - longest);
  let joined = "";
  for (const text of texts) joined += text;
  return joined;
}

function concatenated(budget: Budget, left: readonly Value[], right: readonly Value[]): Value[] {
  budget.step(left.length + right.length);
  return [...left, ...right];
}

function repeated(budget: Budget, sequence: Value, times: number): Value | undefined {
  const count = Math.max(0, times);
  const text = stringOf(sequence);
  if (text !== null) {
    budget.text(text.length * count);
    const result = text === "" ? "" : text.repeat(count);
    return sequence instanceof Markup ? new Markup(result) : result;
  }
  const items = sequence instanceof PyTuple ? sequence.items : sequence;
  if (!Array.isArray(items)) return undefined;
  budget.step(items.length * count);
  const result: Value[] = [];
  for (let i = 0; i < count && items.length > 0; i++) for (const item of items as Value[]) result.push(item);
  return sequence instanceof PyTuple ? new PyTuple(result) : result;
}

/**
 * `+value` and `-value`.
 *
 * @param operator The operator.
 * @param value Its operand.
 * @returns The result.
 * @throws {TemplateError} For a value that is not a number.
 */
export function sign(operator: string, value: Value): Value {
  if (value instanceof Undefined) throw undefinedError(value);
  const number = numeric(value);
  if (number === null) throw new TemplateError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const signed = operator === "-" ? -number : number;
  return value instanceof PyFloat ? new PyFloat(signed) : int(signed);
}
