/**
 * Python's arithmetic and decimal notation.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import { int, PyFloat, type Value } from "./values.ts";

/**
 * `a operator b` of two numbers.
 *
 * @param operator `+`, `-`, `*`, `/`, `//`, `%` or `**`.
 * @param a Left operand.
 * @param b Right operand.
 * @param isFloat Whether one of them is a float.
 * @returns An int or a float.
 * @throws {TemplateError} For a division by zero, a result that is too large, or a complex one.
 */
export function arithmetic(operator: string, a: number, b: number, isFloat: boolean): Value {
  const result = (value: number): Value => (isFloat ? new PyFloat(value) : int(value));
  for (const side of isFloat ? [] : [a, b]) int(side);
  if (b === 0 && (operator === "/" || operator === "//" || operator === "%")) {
    throw new TemplateError("division by zero");
  }
  switch (operator) {
    case "+":
      return result(a + b);
    case "-":
      return result(a - b);
    case "*":
      return result(a * b);
    case "/":
      return new PyFloat(a / b);
    case "//":
      return result(isFloat ? floorDivide(a, b) : (a - modulo(a, b)) / b);
    case "%":
      return result(modulo(a, b));
    default:
      return power(a, b, isFloat);
  }
}

/** Python's `%`: the result has the sign of `b`. */
function modulo(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/** Python's `//` of floats. */
function floorDivide(a: number, b: number): number {
  const quotient = (a - modulo(a, b)) / b;
  if (quotient === 0) return a / b < 0 ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

function power(a: number, b: number, isFloat: boolean): Value {
  if (a === 0 && b < 0) throw new TemplateError("0.0 cannot be raised to a negative power");
  const value = a ** b;
  // The last digit of other powers differs between implementations.
  const isExact = Number.isSafeInteger(a) && Number.isInteger(b) && Number.isSafeInteger(a ** Math.abs(b));
  if (!isExact && (isFloat || b < 0) && ![0, 1, 2, -1, 0.5].includes(b)) {
    throw new TemplateError("this power is not supported");
  }
  if (Number.isNaN(value) && !Number.isNaN(a) && !Number.isNaN(b)) {
    throw new TemplateError("complex numbers are not supported");
  }
  if (!isFloat && b >= 0) return int(value);
  if (!Number.isFinite(value) && Number.isFinite(a) && Number.isFinite(b)) throw new TemplateError("result too large");
  return new PyFloat(value);
}

/**
 * A number with a fixed number of decimals; ties go to the even digit, as in Python.
 *
 * @param value A finite number.
 * @param decimals Digits after the point, at most 50.
 * @returns The digits.
 * @throws {TemplateError} For more decimals, or a number from 1e21 on.
 */
export function fixed(value: number, decimals: number): string {
  if (decimals < 0 || decimals > 50 || Math.abs(value) >= 1e21) {
    throw new TemplateError("this precision is not supported");
  }
  const text = value.toFixed(decimals);
  // JavaScript rounds exact ties up. They have one digit more, a five.
  const exact = value.toFixed(decimals + 50);
  const tail = exact.slice(exact.indexOf(".") + 1 + decimals);
  if (!/^50*$/.test(tail)) return text;
  const down = exact.slice(0, exact.indexOf(".") + (decimals === 0 ? 0 : 1 + decimals));
  return "02468".includes(down.at(-1) as string) ? down : text;
}

/**
 * Python's `float()` of a text.
 *
 * @param text The text, without white space around it.
 * @returns The number, or null if it is none.
 */
export function parseFloatText(text: string): number | null {
  const plain = text.length > 400 ? "" : text.replace(/(?<=\d)_(?=\d)/g, "");
  if (/^[+-]?(?:inf|infinity)$/i.test(plain)) return plain.startsWith("-") ? -Infinity : Infinity;
  if (/^[+-]?nan$/i.test(plain)) return NaN;
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(plain) ? Number(plain) : null;
}
