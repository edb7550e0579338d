/**
 * Checks of single payload values, with errors that name the field.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";

/** The error for an event that cannot be. */
export function invalidEvent(field: string, rule: string, value: unknown): UpbeatError {
  const shown = showValue(value);
  return new UpbeatError("EVENT_INVALID", `${field} ${rule}, got ${shown}`, { field, value: shown });
}

/** A value of any kind in an error message. */
export function showValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}

/** Check a count or id. */
export function integerOf(field: string, value: unknown): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw invalidEvent(field, "must be an integer >= 0", value);
  }
}

/** Check a time. */
export function timeOf(field: string, value: unknown): asserts value is number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw invalidEvent(field, "must be a finite number of milliseconds", value);
  }
}
