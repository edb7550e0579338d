/**
 * Values as plain JSON, exactly: what JSON cannot hold is put in a marked object. Plain values are also safe for
 * `postMessage` and MessagePack.
 *
 * - NaN, the infinities and -0: `{ "$number": "-Infinity" }`
 * - a typed array: `{ "$array": { "dtype": "I32", "shape": [3], "data": [1, 2, 3] } }`
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import { showValue } from "./payload_checks.ts";

/** What JSON can hold without loss. */
export type PlainValue = null | boolean | number | string | readonly PlainValue[] | {
  readonly [name: string]: PlainValue;
};

/** Numbers in a row. */
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

const SPECIAL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["-0", -0],
]);

/** The error for stored data that cannot be read. */
export function invalidRecord(field: string, rule: string, value: unknown): UpbeatError {
  const shown = showValue(value);
  return new UpbeatError("RECORD_INVALID", `${field} ${rule}, got ${shown}`, { field, value: shown });
}

/**
 * A value as plain JSON. Nothing of it is shared with the original.
 *
 * @param value Objects, arrays, typed arrays, strings, numbers, booleans and null; properties that are undefined are left
 * out.
 * @param path What the value is called in an error.
 * @returns The plain value.
 * @throws {UpbeatError} `RECORD_INVALID`, naming the place of anything else.
 */
export function toPlain(value: unknown, path = "value"): PlainValue {
  return write(value, [path]);
}

/** @param path The names from the outermost value to this one; joined only for an error. */
function write(value: unknown, path: (string | number)[]): PlainValue {
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
      throw invalidRecord(nameOf(path), "must be a plain value", value);
  }
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((item, index) => within(index, path, () => write(item, path)));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    const plain: Record<string, PlainValue> = {};
    for (const [name, field] of Object.entries(value)) {
      if (field !== undefined) setField(plain, name, within(name, path, () => write(field, path)));
    }
    return plain;
  }
  const dtype = dtypeOf(value);
  if (dtype === null) throw invalidRecord(nameOf(path), "must be a plain value", value);
  const data = Array.from(value as NumberArray, (item) => write(item, path));
  return { $array: { dtype, shape: [data.length], data } };
}

function dtypeOf(value: object): Dtype | null {
  for (const [dtype, type] of Object.entries(ARRAY_TYPES)) if (value instanceof type) return dtype as Dtype;
  return null;
}

/**
 * The value that {@linkcode toPlain} wrote.
 *
 * @param plain The plain value; it is not changed, and nothing of it is shared.
 * @param path What the value is called in an error.
 * @returns The value.
 * @throws {UpbeatError} `RECORD_INVALID`, naming the place: an unknown number, dtype or shape, or what is not plain.
 */
export function fromPlain(plain: unknown, path = "value"): unknown {
  return read(plain, [path]);
}

function read(plain: unknown, path: (string | number)[]): unknown {
  if (typeof plain !== "object" || plain === null) {
    if (plain === null || ["string", "number", "boolean"].includes(typeof plain)) return plain;
    throw invalidRecord(nameOf(path), "must be a plain value", plain);
  }
  if (Array.isArray(plain)) return plain.map((item, index) => within(index, path, () => read(item, path)));
  const fields = Object.entries(plain);
  if (fields.length === 1) {
    const [[name, only]] = fields as [[string, unknown]];
    if (name === "$number") return within(name, path, () => readNumber(only, path));
    if (name === "$array") return within(name, path, () => readArray(read(only, path), nameOf(path)));
  }
  const value: Record<string, unknown> = {};
  for (const [name, field] of fields) setField(value, name, within(name, path, () => read(field, path)));
  return value;
}

function readNumber(plain: unknown, path: (string | number)[]): number {
  const number = SPECIAL_NUMBERS.get(String(plain));
  if (number === undefined) throw invalidRecord(nameOf(path), "must be NaN, Infinity, -Infinity or -0", plain);
  return number;
}

/** Go one step down. After an error the path stays where it happened, which nobody reads any more. */
function within<Result>(name: string | number, path: (string | number)[], visit: () => Result): Result {
  path.push(name);
  const result = visit();
  path.pop();
  return result;
}

function nameOf([first, ...names]: readonly (string | number)[]): string {
  return names.reduce<string>((path, name) => path + (typeof name === "number" ? `[${name}]` : `.${name}`), `${first}`);
}

/** A field of any name: assigning to `__proto__` would set something else. */
function setField<Value>(object: Record<string, Value>, name: string, value: Value): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Checked element by element: a typed array would silently wrap or round what does not fit. */
function readArray(plain: unknown, path: string): NumberArray {
  const { dtype, shape, data } = (plain ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof dtype !== "string" || !Object.hasOwn(ARRAY_TYPES, dtype)) {
    throw invalidRecord(`${path}.dtype`, `must be one of ${Object.keys(ARRAY_TYPES).join(", ")}`, dtype);
  }
  if (!Array.isArray(data)) throw invalidRecord(`${path}.data`, "must be an array", data);
  if (!Array.isArray(shape) || shape.length !== 1 || shape[0] !== data.length) {
    throw invalidRecord(`${path}.shape`, `must be [${data.length}], as data has elements`, JSON.stringify(shape));
  }
  const array = ARRAY_TYPES[dtype as Dtype].from(data as number[]);
  data.forEach((element: unknown, index) => {
    if (!Object.is(array[index], element)) {
      throw invalidRecord(`${path}.data[${index}]`, `must be a number of dtype ${dtype}`, element);
    }
  });
  return array;
}
