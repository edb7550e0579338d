/**
 * Typed access to the fields of a model's JSON files. Every error names file, field and value.
 *
 * @module
 */
import { showValue, UpbeatError } from "../../../errors.ts";
import { FILE_KINDS, parseJsonObject, readTextFileSync } from "../../files/text_file.ts";

/** The largest integer the C ABI takes as a dimension. */
const INT32_MAX = 2 ** 31 - 1;

/** Bounds and default of a number. */
export interface NumberRule {
  /** Smallest allowed value; 1 for integers and 0 for numbers unless given. */
  readonly minimum?: number;
  /** Largest allowed value; 2^31 - 1 for integers and none for numbers unless given. */
  readonly maximum?: number;
  /** Refuse the minimum itself. */
  readonly exclusive?: boolean;
  /** The value of an absent or null field; without it the field is required. */
  readonly fallback?: number;
}

/**
 * One JSON object of a model folder, read field by field. A null field counts as absent unless documented otherwise.
 */
export class ConfigFields {
  /** Path of the file. */
  readonly file: string;
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #prefix: string;

  /**
   * @param file Path of the file, for messages.
   * @param object The parsed object.
   * @param prefix Precedes field names in messages, such as `"rope_scaling."`.
   */
  constructor(file: string, object: Readonly<Record<string, unknown>>, prefix = "") {
    this.file = file;
    this.#object = object;
    this.#prefix = prefix;
  }

  /**
   * A field's raw value.
   *
   * @param name The field.
   * @returns Its value; undefined when it is absent or null.
   */
  value(name: string): unknown {
    return this.isAbsent(name) ? undefined : this.#object[name] ?? undefined;
  }

  /**
   * Whether the field is absent. Some defaults of transformers apply to an absent field but not to a null one.
   *
   * @param name The field.
   * @returns True when the object has no such member; false when it is null.
   */
  isAbsent(name: string): boolean {
    return !Object.hasOwn(this.#object, name);
  }

  /**
   * An integer.
   *
   * @param name The field.
   * @param rule Bounds (1 to 2^31 - 1 unless given) and default.
   * @returns The value.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is missing without a default, not an integer, or out of
   * bounds.
   */
  integer(name: string, rule: NumberRule = {}): number {
    const { minimum = 1, maximum = INT32_MAX, fallback } = rule;
    const value = this.value(name) ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < minimum || (value as number) > maximum) {
      throw this.invalid(name, `an integer from ${minimum} to ${maximum}`);
    }
    return value as number;
  }

  /**
   * A finite number.
   *
   * @param name The field.
   * @param rule Bounds (0 and up unless given) and default.
   * @returns The value.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is missing without a default, not a number, or out of bounds.
   */
  number(name: string, rule: NumberRule = {}): number {
    const { minimum = 0, maximum = Infinity, exclusive = false, fallback } = rule;
    const value = this.value(name) ?? fallback;
    const inBounds = typeof value === "number" && Number.isFinite(value) && value <= maximum &&
      (exclusive ? value > minimum : value >= minimum);
    if (!inBounds) {
      const upper = maximum === Infinity ? "" : ` and at most ${maximum}`;
      throw this.invalid(name, `a number ${exclusive ? "greater than" : "of at least"} ${minimum}${upper}`);
    }
    return value;
  }

  /**
   * True or false.
   *
   * @param name The field.
   * @param fallback The value of an absent or null field.
   * @returns The value.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is something else.
   */
  boolean(name: string, fallback: boolean): boolean {
    const value = this.value(name) ?? fallback;
    if (typeof value !== "boolean") throw this.invalid(name, "true or false");
    return value;
  }

  /**
   * A string.
   *
   * @param name The field.
   * @returns The value, or null when the field is absent or null.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is something else.
   */
  text(name: string): string | null {
    const value = this.value(name) ?? null;
    if (value !== null && typeof value !== "string") throw this.invalid(name, "a string");
    return value;
  }

  /**
   * A list of strings.
   *
   * @param name The field.
   * @returns The value, or null when the field is absent or null.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is something else.
   */
  texts(name: string): readonly string[] | null {
    const value = this.value(name) ?? null;
    if (value === null) return null;
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
      throw this.invalid(name, "a list of strings");
    }
    return value;
  }

  /**
   * Token ids, given as one number or a list.
   *
   * @param name The field.
   * @param vocabularySize The ids must be below it.
   * @returns The ids without duplicates, in order; null when the field is absent or null.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is something else.
   */
  tokenIds(name: string, vocabularySize: number): readonly number[] | null {
    const value = this.value(name) ?? null;
    if (value === null) return null;
    const ids: unknown[] = Array.isArray(value) ? value : [value];
    if (!ids.every((id) => Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < vocabularySize)) {
      throw this.invalid(name, `a token id or a list of token ids, from 0 to ${vocabularySize - 1}`);
    }
    return [...new Set(ids as number[])];
  }

  /**
   * An object within this one.
   *
   * @param name The field.
   * @returns Its fields, or null when the field is absent, null or an empty object.
   * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it is something else.
   */
  object(name: string): ConfigFields | null {
    const value = this.value(name) ?? null;
    if (value === null) return null;
    if (typeof value !== "object" || Array.isArray(value)) throw this.invalid(name, "an object");
    if (Object.keys(value).length === 0) return null;
    return new ConfigFields(this.file, value as Record<string, unknown>, `${this.#prefix}${name}.`);
  }

  /**
   * The error for a field with an invalid value.
   *
   * @param name The field.
   * @param requirement What it must be, such as `"an integer from 1 to 10"`.
   * @returns A `MODEL_CONFIG_INVALID` error that names file, field and value.
   */
  invalid(name: string, requirement: string): UpbeatError {
    const { field, shown } = this.#describe(name);
    const problem = this.isAbsent(name) ? "is missing; it must be" : `is ${shown}; it must be`;
    return new UpbeatError("MODEL_CONFIG_INVALID", `${this.file}: ${field} ${problem} ${requirement}`, {
      file: this.file,
      field,
      value: shown,
    });
  }

  /**
   * The error for a field with a value that this engine does not support.
   *
   * @param name The field.
   * @param supported What is supported instead.
   * @returns A `MODEL_UNSUPPORTED` error that names file, field and value.
   */
  unsupported(name: string, supported: string): UpbeatError {
    const { field, shown } = this.#describe(name);
    return new UpbeatError(
      "MODEL_UNSUPPORTED",
      `${this.file}: ${field} is ${shown}, which is not supported; ${supported}`,
      { file: this.file, field, value: shown },
    );
  }

  #describe(name: string): { field: string; shown: string } {
    return { field: this.#prefix + name, shown: showValue(this.#object[name]) };
  }
}

/**
 * Read a JSON object from a file.
 *
 * @param file Path of the file.
 * @returns Its fields, or null when the file does not exist.
 * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when it cannot be read or is not a JSON object.
 */
export function readFields(file: string): ConfigFields | null {
  const text = readTextFileSync(file, FILE_KINDS.config);
  return text === null ? null : new ConfigFields(file, parseJsonObject(file, text, FILE_KINDS.config));
}
