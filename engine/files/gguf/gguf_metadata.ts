/**
 * The metadata of a GGUF file: keys with values of any of the format's types. Arrays, of which some have hundreds of
 * thousands of strings, are read only when they are asked for.
 *
 * @module
 */
import { showValue, UpbeatError } from "../../../errors.ts";
import type { GgufCursor } from "./gguf_cursor.ts";

/** Types of metadata values, by their number in the format (`enum gguf_type`). */
const [BOOL, STRING, ARRAY] = [7, 8, 9];
const NUMBERS: Readonly<Record<number, { bytes: number; read: (view: DataView, at: number) => number | bigint }>> = {
  0: { bytes: 1, read: (view, at) => view.getUint8(at) },
  1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  2: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  3: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  4: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  5: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  6: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  7: { bytes: 1, read: (view, at) => view.getUint8(at) },
  10: { bytes: 8, read: (view, at) => view.getBigUint64(at, true) },
  11: { bytes: 8, read: (view, at) => view.getBigInt64(at, true) },
  12: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};

/** The most elements of an array: several times the largest vocabulary. */
const MAX_ELEMENTS = 4_000_000;
/** The most pairs of key and value; files have some tens. */
const MAX_PAIRS = 65_536;
/** The longest key. */
const MAX_KEY_BYTES = 65_535;

/** An array of the metadata. */
interface LazyArray {
  /** Type of its elements. */
  readonly type: number;
  readonly length: number;
  /** Position of its first element in the file. */
  readonly start: number;
}

/** A value other than an array. */
type Scalar = string | number | boolean;

/** The metadata of a file. */
export class GgufMetadata {
  readonly #path: string;
  readonly #cursor: GgufCursor;
  readonly #values = new Map<string, Scalar | LazyArray>();

  /**
   * Read the pairs that follow in a header.
   *
   * @param path Path of the file, for messages.
   * @param cursor Stands at the first pair; afterwards behind the last.
   * @param pairs How many there are.
   * @throws {UpbeatError} `WEIGHTS_INVALID` when they violate the format.
   */
  constructor(path: string, cursor: GgufCursor, pairs: number) {
    this.#path = path;
    this.#cursor = cursor;
    if (pairs > MAX_PAIRS) throw cursor.invalid(`it claims ${pairs} keys; at most ${MAX_PAIRS} are read`);
    for (let pair = 0; pair < pairs; pair++) {
      const keyBytes = cursor.uint64();
      if (keyBytes > MAX_KEY_BYTES) throw cursor.invalid(`key ${pair} has ${keyBytes} bytes`);
      const key = cursor.textAt(cursor.take(keyBytes), keyBytes);
      if (this.#values.has(key)) throw cursor.invalid(`it has two keys ${showValue(key)}`, { key });
      this.#values.set(key, this.#readValue(key));
    }
  }

  #readValue(key: string): Scalar | LazyArray {
    const cursor = this.#cursor;
    const type = cursor.uint32();
    if (type === ARRAY) return this.#readArray(key);
    if (type === STRING) return cursor.text();
    const format = NUMBERS[type];
    if (format === undefined) throw cursor.invalid(`key ${showValue(key)} has the unknown type ${type}`, { key });
    const value = cursor.number(format.bytes, format.read);
    return type === BOOL ? value !== 0 : value;
  }

  #readArray(key: string): LazyArray {
    const cursor = this.#cursor;
    const type = cursor.uint32();
    const length = cursor.uint64();
    if (length > MAX_ELEMENTS) {
      throw cursor.invalid(`key ${showValue(key)} has ${length} elements; at most ${MAX_ELEMENTS} are read`, { key });
    }
    const start = cursor.position;
    if (type === STRING) {
      for (let index = 0; index < length; index++) cursor.take(cursor.uint64());
    } else {
      const format = NUMBERS[type];
      if (format === undefined) {
        const what = type === ARRAY ? "arrays" : `elements of the unknown type ${type}`;
        throw cursor.invalid(`key ${showValue(key)} is an array of ${what}`, { key });
      }
      cursor.take(length * format.bytes);
    }
    return { type, length, start };
  }

  /** The keys, in the order of the file. */
  get keys(): Iterable<string> {
    return this.#values.keys();
  }

  /**
   * Whether a key exists.
   *
   * @param key The key.
   */
  has(key: string): boolean {
    return this.#values.has(key);
  }

  /**
   * A number.
   *
   * @param key The key.
   * @returns Its value; null without such a key.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is no number.
   */
  number(key: string): number | null {
    return this.#scalar(key, (value) => typeof value === "number", "a number");
  }

  /**
   * True or false.
   *
   * @param key The key.
   * @returns Its value; null without such a key.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is neither.
   */
  boolean(key: string): boolean | null {
    return this.#scalar(key, (value) => typeof value === "boolean", "true or false");
  }

  /**
   * Text.
   *
   * @param key The key.
   * @returns Its value; null without such a key.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is something else.
   */
  text(key: string): string | null {
    return this.#scalar(key, (value) => typeof value === "string", "text");
  }

  /**
   * An array of numbers or truth values, as numbers.
   *
   * @param key The key.
   * @returns Its elements; null without such a key.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is something else.
   */
  numbers(key: string): number[] | null {
    const array = this.#array(key, (type) => type !== STRING, "an array of numbers");
    if (array === null) return null;
    const { bytes, read } = NUMBERS[array.type]!;
    return Array.from({ length: array.length }, (_, index) => this.#cursor.numberAt(array.start + index * bytes, read));
  }

  /**
   * An array of texts.
   *
   * @param key The key.
   * @returns Its elements; null without such a key.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is something else.
   */
  texts(key: string): string[] | null {
    const texts: string[] = [];
    return this.forEachText(key, (_, read) => texts.push(read())) ? texts : null;
  }

  /**
   * Visit an array of texts, most of which need not be read.
   *
   * @param key The key.
   * @param visit Takes the index of each, and what reads it.
   * @returns Whether there is such a key.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is something else.
   */
  forEachText(key: string, visit: (index: number, read: () => string) => void): boolean {
    const array = this.#array(key, (type) => type === STRING, "an array of texts");
    if (array === null) return false;
    let [start, length] = [array.start, 0];
    const read = () => this.#cursor.textAt(start, length);
    for (let index = 0; index < array.length; index++) {
      length = this.#cursor.numberAt(start, NUMBERS[10]!.read);
      start += 8;
      visit(index, read);
      start += length;
    }
    return true;
  }

  /**
   * Number of elements of an array.
   *
   * @param key The key.
   * @returns Its length; null where there is no such key, or it is no array.
   */
  lengthOf(key: string): number | null {
    const value = this.#values.get(key);
    return typeof value === "object" ? value.length : null;
  }

  #scalar<Value extends Scalar>(
    key: string,
    isWanted: (value: Scalar | LazyArray) => value is Value,
    wanted: string,
  ): Value | null {
    const value = this.#values.get(key);
    if (value === undefined) return null;
    if (!isWanted(value)) throw this.invalid(key, wanted);
    return value;
  }

  #array(key: string, isWanted: (type: number) => boolean, wanted: string): LazyArray | null {
    const value = this.#values.get(key) ?? null;
    if (value === null) return null;
    if (typeof value !== "object" || !isWanted(value.type)) throw this.invalid(key, wanted);
    return value;
  }

  /**
   * A value for messages and listings.
   *
   * @param key The key.
   * @returns As in `4096`, `"llama"` or `[32000 elements]`.
   */
  show(key: string): string {
    const value = this.#values.get(key);
    return typeof value === "object" ? `[${value.length} elements]` : showValue(value);
  }

  /**
   * The error for a key with an invalid value.
   *
   * @param key The key.
   * @param requirement What it must be, such as `"a number"`.
   * @returns A `MODEL_CONFIG_INVALID` error that names file, key and value.
   */
  invalid(key: string, requirement: string): UpbeatError {
    const problem = this.has(key) ? `is ${this.show(key)}; it must be` : "is missing; it must be";
    return new UpbeatError("MODEL_CONFIG_INVALID", `${this.#path}: ${key} ${problem} ${requirement}`, {
      file: this.#path,
      field: key,
      value: this.show(key),
    });
  }

  /**
   * The error for a key with a value that this engine does not support.
   *
   * @param key The key.
   * @param supported What is supported instead.
   * @returns A `MODEL_UNSUPPORTED` error that names file, key and value.
   */
  unsupported(key: string, supported: string): UpbeatError {
    return new UpbeatError(
      "MODEL_UNSUPPORTED",
      `${this.#path}: ${key} is ${this.show(key)}, which is not supported; ${supported}`,
      { file: this.#path, field: key, value: this.show(key) },
    );
  }
}
