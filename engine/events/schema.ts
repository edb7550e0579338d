/**
 * Schemas of plain values, for payloads of events and for stored records.
 *
 * @module
 */
import { type ErrorDetails, UpbeatError } from "../../errors.ts";

/** What is wrong with a value. */
export interface Violation {
  /** Where within the value, as in `.topLogprobs[0].logprob`; empty: the value itself. */
  readonly place: string;
  /** As in `must be a string`. */
  readonly rule: string;
  /** The offending value. */
  readonly value: unknown;
}

/** Checks a value; null where it conforms. */
export type Schema = (value: unknown) => Violation | null;

/** An object's fields, by name. */
export type Fields = Readonly<Record<string, unknown>>;

/** Values that pass a test; an error states the rule for others. */
export function matching(isValid: (value: unknown) => boolean, rule: string): Schema {
  return (value) => isValid(value) ? null : { place: "", rule, value };
}

/** Any value. */
export const anything: Schema = () => null;

/** An id or a count. */
export const count = matching(
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  "must be an integer >= 0",
);

/** An integer. */
export const integer = matching(Number.isSafeInteger, "must be an integer");

/** Any number, NaN and infinities included. */
export const number = matching((value) => typeof value === "number", "must be a number");

/** A time on the engine's clock. */
export const time = matching(Number.isFinite, "must be a finite number of milliseconds");

/** A string. */
export const text = matching((value) => typeof value === "string", "must be a string");

/** A boolean. */
export const flag = matching((value) => typeof value === "boolean", "must be true or false");

/** One of a few values. */
export function oneOf(allowed: readonly unknown[], rule: string = `must be one of ${allowed.join(", ")}`): Schema {
  return matching((value) => allowed.includes(value), rule);
}

/** Values that conform to either schema; an error states the rule of the second one. */
export function either(first: Schema, second: Schema): Schema {
  return (value) => first(value) === null ? null : second(value);
}

/** null, or a value that conforms to a schema. */
export function orNull(other: Schema): Schema {
  return (value) => value === null ? null : other(value);
}

/** An array of values that conform to a schema. */
export function listOf(element: Schema): Schema {
  return (value) => {
    if (!Array.isArray(value)) return { place: "", rule: "must be an array", value };
    for (let index = 0; index < value.length; index++) {
      const violation = element(value[index]);
      if (violation !== null) return within(`[${index}]`, violation);
    }
    return null;
  };
}

/** An object with fields of any names. */
export function mapOf(field: Schema): Schema {
  return (value) => {
    if (!isObject(value)) return { place: "", rule: "must be an object", value };
    for (const name of Object.keys(value)) {
      const violation = field(value[name]);
      if (violation !== null) return within(`.${name}`, violation);
    }
    return null;
  };
}

/**
 * An object with these fields and no others.
 *
 * @param required Fields that it must have.
 * @param optional Fields that it may have.
 * @returns The schema.
 */
export function objectOf(
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema {
  const names = Object.keys(required);
  const fields = new Map(Object.entries({ ...required, ...optional }));
  return (value) => {
    if (!isObject(value)) return { place: "", rule: "must be an object", value };
    for (const name of names) {
      if (!Object.hasOwn(value, name)) return { place: `.${name}`, rule: "is missing", value: undefined };
    }
    for (const name of Object.keys(value)) {
      const field = fields.get(name);
      if (field === undefined) return { place: `.${name}`, rule: "is not a known field", value: value[name] };
      const violation = field(value[name]);
      if (violation !== null) return within(`.${name}`, violation);
    }
    return null;
  };
}

function within(place: string, violation: Violation): Violation {
  return { ...violation, place: place + violation.place };
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** The code of an error about an event, or about a stored record. */
export type InvalidCode = "EVENT_INVALID" | "RECORD_INVALID";

/**
 * Check a value.
 *
 * @param value The value.
 * @param rules Its schema.
 * @param name The value's name in an error; empty: fields are named without it.
 * @param code The error's code.
 * @throws {UpbeatError} Naming the place within the value.
 */
export function check(value: unknown, rules: Schema, name: string, code: InvalidCode): void {
  const violation = rules(value);
  if (violation === null) return;
  const field = name + violation.place;
  throw invalid(field.startsWith(".") ? field.slice(1) : field, violation.rule, violation.value, code);
}

/**
 * The error for a value that breaks a rule.
 *
 * @param field Where it is.
 * @param rule As in `must be a string`.
 * @param value The value, of any kind.
 * @param code The error's code.
 * @returns The error.
 */
export function invalid(field: string, rule: string, value: unknown, code: InvalidCode): UpbeatError {
  const shown = showValue(value);
  const details: ErrorDetails = { field, value: shown };
  return new UpbeatError(code, `${field} ${rule}, got ${shown}`, details);
}

function showValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
