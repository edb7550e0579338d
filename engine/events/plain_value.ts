/**
 * Values as plain JSON, without loss: numbers and arrays that JSON cannot hold become marked objects. Plain values are
 * also safe for `postMessage` and MessagePack.
 *
 * - NaN, the infinities and -0: `{ "$number": "-Infinity" }`
 * - a typed array: `{ "$array": { "dtype": "I32", "shape": [3], "data": [1, 2, 3] } }`
 *
 * @module
 */
import type { UpbeatError } from "../../errors.ts";
import { invalid } from "./schema.ts";

/** A value that JSON holds without loss. */
export type PlainValue = null | boolean | number | string | readonly PlainValue[] | {
  readonly [name: string]: PlainValue;
};

/** A typed array. */
type NumberArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

const ARRAY_TYPES = {
  I8: Int8Array,
  U8: Uint8Array,
  I16: Int16Array,
  U16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  F32: Float32Array,
  F64: Float64Array,
} as const;

type Dtype = keyof typeof ARRAY_TYPES;

/** The names from the outermost value to the one visited; joined only for an error. */
type Path = (string | number)[];

const SPECIAL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["-0", -0],
]);

/**
 * Convert a value to plain JSON, which shares nothing with it.
 *
 * @param value Objects, arrays, typed arrays, strings, numbers, booleans and null; properties that are undefined are
 * left out.
 * @param path The value's name in an error.
 * @returns The plain value.
 * @throws {UpbeatError} `RECORD_INVALID`, naming the place of any other value.
 */
export function toPlain(value: unknown, path = "value"): PlainValue {
  return write(value, [path]);
}

function write(value: unknown, path: Path): PlainValue {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      return { $number: Object.is(value, -0) ? "-0" : String(value) };
    case "object":
      break;
    default:
      throw invalidValue(path, "must be a plain value", value);
  }
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((item, index) => within(index, item, path, write));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    const plain: Record<string, PlainValue> = {};
    for (const [name, field] of Object.entries(value)) {
      if (field !== undefined) setField(plain, name, within(name, field, path, write));
    }
    return plain;
  }
  const dtype = dtypeOf(value);
  if (dtype === null) throw invalidValue(path, "must be a plain value", value);
  const data = Array.from(value as NumberArray, (item) => write(item, path));
  return { $array: { dtype, shape: [data.length], data } };
}

function dtypeOf(value: object): Dtype | null {
  for (const [dtype, type] of Object.entries(ARRAY_TYPES)) if (value instanceof type) return dtype as Dtype;
  return null;
}

/**
 * Convert plain JSON from {@linkcode toPlain} back to the value.
 *
 * @param plain The plain value; it is not changed, and shares nothing with the result.
 * @param path The value's name in an error.
 * @returns The value.
 * @throws {UpbeatError} `RECORD_INVALID`, naming the place of an unknown number, dtype or shape, or of a value that is
 * not plain.
 */
export function fromPlain(plain: unknown, path = "value"): unknown {
  return read(plain, [path]);
}

function read(plain: unknown, path: Path): unknown {
  if (typeof plain !== "object" || plain === null) {
    if (plain === null || ["string", "number", "boolean"].includes(typeof plain)) return plain;
    throw invalidValue(path, "must be a plain value", plain);
  }
  if (Array.isArray(plain)) return plain.map((item, index) => within(index, item, path, read));
  const fields = Object.entries(plain);
  if (fields.length === 1) {
    const [[name, only]] = fields as [[string, unknown]];
    if (name === "$number") return within(name, only, path, readNumber);
    if (name === "$array") return within(name, only, path, readArray);
  }
  const value: Record<string, unknown> = {};
  for (const [name, field] of fields) setField(value, name, within(name, field, path, read));
  return value;
}

function readNumber(plain: unknown, path: Path): number {
  const number = SPECIAL_NUMBERS.get(String(plain));
  if (number === undefined) throw invalidValue(path, "must be NaN, Infinity, -Infinity or -0", plain);
  return number;
}

/**
 * Visits a child and adds its name to the path; after an error the path is not restored, because it is not used again.
 */
function within<Result>(
  name: string | number,
  child: unknown,
  path: Path,
  visit: (child: unknown, path: Path) => Result,
): Result {
  path.push(name);
  const result = visit(child, path);
  path.pop();
  return result;
}

/** The error for a value that breaks a rule. */
function invalidValue([first, ...names]: Path, rule: string, value: unknown): UpbeatError {
  const field = names.reduce<string>(
    (name, part) => name + (typeof part === "number" ? `[${part}]` : `.${part}`),
    `${first}`,
  );
  return invalid(field, rule, value, "RECORD_INVALID");
}

/** Sets a field of any name: assigning to `__proto__` would set the prototype. */
function setField<Value>(object: Record<string, Value>, name: string, value: Value): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Checked element by element: a typed array would silently wrap or round values that do not fit. */
function readArray(plain: unknown, path: Path): NumberArray {
  const { dtype, shape, data } = (read(plain, path) ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof dtype !== "string" || !Object.hasOwn(ARRAY_TYPES, dtype)) {
    throw invalidValue([...path, "dtype"], `must be one of ${Object.keys(ARRAY_TYPES).join(", ")}`, dtype);
  }
  if (!Array.isArray(data)) throw invalidValue([...path, "data"], "must be an array", data);
  if (!Array.isArray(shape) || shape.length !== 1 || shape[0] !== data.length) {
    throw invalidValue([...path, "shape"], `must be [${data.length}], the length of data`, JSON.stringify(shape));
  }
  const array = ARRAY_TYPES[dtype as Dtype].from(data as number[]);
  data.forEach((element: unknown, index) => {
    if (!Object.is(array[index], element)) {
      throw invalidValue([...path, "data", index], `must be a number of dtype ${dtype}`, element);
    }
  });
  return array;
}
