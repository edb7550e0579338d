/**
 * Checks of single values, with errors that name the field.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";

/** The largest int32. */
export const MAX_INT32 = 2 ** 31 - 1;

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
  const isRightKind = kind === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (isRightKind && (value as number) >= min && (value as number) > above && (value as number) <= max) {
    return value as number;
  }
  const noun = kind === "integer" ? "an integer" : "a finite number";
  throw invalid(field, `must be ${noun} ${rangeText(range)}`.trimEnd(), value);
}

/**
 * Bounds in words.
 *
 * @param range The bounds.
 * @returns As in `"from 0 to 1"`, `"> 0 and <= 1"` or `">= 1"`; empty without bounds.
 */
export function rangeText({ min, above, max }: Range): string {
  if (min !== undefined && max !== undefined) return `from ${min} to ${max}`;
  const parts = [
    ...(min === undefined ? [] : [`>= ${min}`]),
    ...(above === undefined ? [] : [`> ${above}`]),
    ...(max === undefined ? [] : [`<= ${max}`]),
  ];
  return parts.join(" and ");
}

/**
 * Bounds in words, without an upper bound that is only technical.
 *
 * @param range The bounds.
 * @returns As {@linkcode rangeText}.
 */
export function briefRangeText({ max, ...range }: Range): string {
  return rangeText(max !== undefined && max < MAX_INT32 / 2 ? { ...range, max } : range);
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
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new UpbeatError("INVALID_PARAMETER", `${field} ${rule}, got ${shown}`, { field, value: shown });
}
