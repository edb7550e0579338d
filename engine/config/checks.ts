/**
 * Checks of single values, with errors that name the field.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";

/**
 * Check a number.
 *
 * @param field The field's name.
 * @param value Its value.
 * @param minimum The least value.
 * @param maximum The largest value.
 * @param lowEnd Whether the minimum itself is excluded.
 * @returns The value.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 */
export function number(
  field: string,
  value: unknown,
  minimum: number,
  maximum: number,
  lowEnd: "inclusive" | "exclusive" = "inclusive",
): number {
  const outside = typeof value !== "number" || !Number.isFinite(value) || value < minimum || value > maximum ||
    (lowEnd === "exclusive" && value === minimum);
  if (outside) throw invalid(field, `must be a finite number ${rangeText(minimum, maximum, lowEnd)}`, value);
  return value;
}

/**
 * Check an integer.
 *
 * @param field The field's name.
 * @param value Its value.
 * @param minimum The least value.
 * @param maximum The largest value.
 * @returns The value.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 */
export function integer(field: string, value: unknown, minimum: number, maximum: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < minimum || value > maximum) {
    throw invalid(field, `must be an integer ${rangeText(minimum, maximum, "inclusive")}`, value);
  }
  return value;
}

function rangeText(minimum: number, maximum: number, lowEnd: "inclusive" | "exclusive"): string {
  const low = lowEnd === "exclusive" ? `above ${minimum}` : `of at least ${minimum}`;
  if (maximum === Number.MAX_VALUE) return minimum === -Number.MAX_VALUE ? "" : low;
  return `${low} and at most ${maximum}`;
}

/** The error for a field with a value it cannot have. */
export function invalid(field: string, rule: string, value: unknown): UpbeatError {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new UpbeatError("INVALID_PARAMETER", `${field} ${rule}, got ${shown}`, { field, value: shown });
}
