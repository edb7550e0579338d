/**
 * Checks of single values, with errors that name the field.
 *
 * @module
 */
import { showValue, UpbeatError } from "../../errors.ts";

/** The largest int32. */
export const MAX_INT32 = 2 ** 31 - 1;

/** The largest finite float32. */
export const MAX_FLOAT32 = 2 ** 128 - 2 ** 104;

/** Upper bounds from here on are limits of types; help and documentation leave them out. */
export const TECHNICAL_BOUND = 2 ** 30;

/** Bounds of a number; each may be left out. */
export interface Range {
  readonly min?: number | undefined;
  /** Excludes the value itself, unlike `min`. */
  readonly above?: number | undefined;
  readonly max?: number | undefined;
}

/**
 * Check a number.
 *
 * @param field The field's name.
 * @param value Its value.
 * @param range The bounds.
 * @param kind Whether fractions are allowed.
 * @returns The value.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 */
export function checkNumber(field: string, value: unknown, range: Range, kind: "integer" | "number"): number {
  const { min = -Infinity, above = -Infinity, max = Infinity } = range;
  const isOfKind = kind === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
  const number = value as number;
  if (isOfKind && number >= min && number > above && number <= max) return number;
  const noun = kind === "integer" ? "an integer" : "a finite number";
  throw invalid(field, `must be ${noun} ${rangeText(range)}`.trimEnd(), value);
}

/**
 * Bounds in words.
 *
 * @param range The bounds.
 * @param largest Upper bounds from here on are left out.
 * @returns As in `"from 0 to 1"`, `"> 0 and <= 1"` or `">= 1"`; empty without bounds.
 */
export function rangeText({ min, above, max }: Range, largest = Infinity): string {
  const hasMax = max !== undefined && max < largest;
  if (min !== undefined && hasMax) return `from ${min} to ${max}`;
  const low = min !== undefined ? `>= ${min}` : above !== undefined ? `> ${above}` : "";
  return hasMax ? `${low} and <= ${max}` : low;
}

/**
 * The error for a field with a value it cannot have.
 *
 * @param field The field's name.
 * @param rule What its value must be, as in `"must be true or false"`.
 * @param value Its value.
 * @returns An `INVALID_PARAMETER` error that names field and value.
 */
export function invalid(field: string, rule: string, value: unknown): UpbeatError {
  const shown = showValue(value);
  return new UpbeatError("INVALID_PARAMETER", `${field} ${rule}, got ${shown}`, { field, value: shown });
}
