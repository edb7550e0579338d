/**
 * Python's `==`, `<` and `in`.
 *
 * @module
 */
import { type Budget, MAX_VALUE_DEPTH } from "../budget.ts";
import { BudgetExceeded, TemplateError } from "../errors.ts";
import { keyIn } from "./dict.ts";
import {
  Markup,
  membersOf,
  numeric,
  PyRange,
  PyTuple,
  PyView,
  stringOf,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./values.ts";

/**
 * Python's `==`.
 *
 * @param budget What is charged.
 * @param left A value.
 * @param right A value.
 * @param depth How many lists and dicts both are in.
 * @returns Whether they are equal.
 * @throws {BudgetExceeded} For values that are nested too deeply.
 */
export function isEqual(budget: Budget, left: Value, right: Value, depth = 0): boolean {
  budget.step();
  const [one, two] = [stringOf(left), stringOf(right)];
  if (one !== null || two !== null) {
    if (one === null || two === null || one.length !== two.length) return false;
    budget.text(one.length);
    return one === two;
  }
  if (left === right) return true;
  const a = numeric(left);
  if (a !== null) return a === numeric(right);
  if (depth > MAX_VALUE_DEPTH) throw new BudgetExceeded("it compares values that are nested too deeply");
  if (left instanceof Undefined) return right instanceof Undefined;
  if (left instanceof PyTuple && right instanceof PyTuple) return allEqual(budget, left.items, right.items, depth);
  if (Array.isArray(left) && Array.isArray(right)) return allEqual(budget, left, right, depth);
  if (left instanceof PyRange && right instanceof PyRange) {
    return allEqual(budget, membersOf(budget, left), membersOf(budget, right), depth);
  }
  if (left instanceof PyView && right instanceof PyView && left.kind !== "values") {
    throw new TemplateError("comparing the views of dicts is not supported");
  }
  if (!(left instanceof Map && right instanceof Map) || left.size !== right.size) return false;
  for (const [key, value] of left) {
    const other = right.get(keyIn(budget, right, key));
    if (other === undefined || !isEqual(budget, value, other, depth + 1)) return false;
  }
  return true;
}

function allEqual(budget: Budget, left: readonly Value[], right: readonly Value[], depth: number): boolean {
  return left.length === right.length &&
    left.every((value, index) => isEqual(budget, value, right[index] as Value, depth + 1));
}

/**
 * Python's ordering.
 *
 * @param budget What is charged.
 * @param left A value.
 * @param right A value of a comparable type.
 * @param operator The operator, for the message.
 * @returns Negative, zero or positive; NaN for a float that is not a number.
 * @throws {TemplateError} When the two cannot be ordered.
 */
export function compare(budget: Budget, left: Value, right: Value, operator = "<", depth = 0): number {
  budget.step();
  const [one, two] = [stringOf(left), stringOf(right)];
  if (one !== null && two !== null) {
    budget.text(Math.min(one.length, two.length));
    return compareText(one, two);
  }
  const a = numeric(left);
  const b = numeric(right);
  if (a !== null && b !== null) return a === b ? 0 : a - b;
  for (const value of [left, right]) if (value instanceof Undefined) throw undefinedError(value);
  const first = Array.isArray(left) ? left : left instanceof PyTuple ? left.items : null;
  const second = Array.isArray(right) ? right : right instanceof PyTuple ? right.items : null;
  if (first === null || second === null || Array.isArray(left) !== Array.isArray(right)) {
    throw new TemplateError(
      `'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`,
    );
  }
  if (depth > MAX_VALUE_DEPTH) throw new BudgetExceeded("it compares values that are nested too deeply");
  for (let i = 0; i < Math.min(first.length, second.length); i++) {
    const [x, y] = [first[i] as Value, second[i] as Value];
    if (!isEqual(budget, x, y, depth)) return compare(budget, x, y, operator, depth + 1);
  }
  return first.length - second.length;
}

/** Compares by code points, as Python does; the order of UTF-16 units differs above the basic plane. */
function compareText(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  let at = 0;
  while (at < length && left.charCodeAt(at) === right.charCodeAt(at)) at++;
  if (at === length) return left.length - right.length;
  const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
  const isSurrogate = (unit: number): boolean => (unit & 0xf800) === 0xd800;
  return isSurrogate(a) === isSurrogate(b) ? a - b : isSurrogate(a) ? 1 : -1;
}

/**
 * Python's `in`.
 *
 * @param budget What is charged.
 * @param item The item.
 * @param container The container.
 * @returns Whether the container has the item.
 * @throws {TemplateError} When it is not a container.
 */
export function contains(budget: Budget, item: Value, container: Value): boolean {
  const text = stringOf(container);
  if (text !== null) {
    const part = stringOf(item);
    if (part === null) {
      throw new TemplateError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    budget.search(text.length, part.length);
    return text.includes(part);
  }
  if (container instanceof Map) return container.has(keyIn(budget, container, item));
  if (container instanceof PyView && container.kind === "keys") {
    return container.map.has(keyIn(budget, container.map, item));
  }
  if (item instanceof Markup) return contains(budget, item.text, container);
  return membersOf(budget, container).some((member) => isEqual(budget, member, item));
}
