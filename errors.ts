/**
 * Typed errors. Each has a stable code to switch on, and a message that names the thing at fault (file, tensor, field,
 * value) and what to do about it.
 *
 * @module
 */

/** All values of {@linkcode ErrorCode}. */
export const ERROR_CODES = [
  "RUNTIME_UNSUPPORTED",
  "LIBRARY_NOT_FOUND",
  "LIBRARY_VERSION_MISMATCH",
  "LIBRARY_INVALID",
  "DEVICE_UNAVAILABLE",
  "DEVICE_OUT_OF_MEMORY",
  "DEVICE_INVALID_ARGUMENT",
  "DEVICE_FAULT",
  "DEVICE_STALLED",
  "LOGITS_NOT_FINITE",
  "MODEL_NOT_FOUND",
  "MODEL_CONFIG_INVALID",
  "MODEL_UNSUPPORTED",
  "WEIGHTS_INVALID",
  "WEIGHTS_MISSING_TENSOR",
  "WEIGHTS_WRONG_SHAPE",
  "WEIGHTS_UNSUPPORTED_DTYPE",
  "TOKENIZER_INVALID",
  "TOKENIZER_MISSING",
  "TOKENIZER_MISMATCH",
  "CHAT_TEMPLATE_INVALID",
  "INVALID_PARAMETER",
  "PROMPT_INVALID",
  "PROMPT_TOO_LONG",
  "QUEUE_FULL",
  "ABORTED",
  "EVENT_INVALID",
  "EVENT_OUT_OF_ORDER",
  "RECORD_INVALID",
  "BATCH_FULL",
  "KV_BLOCKS_EXHAUSTED",
  "ENGINE_CLOSED",
  "ENGINE_FAILED",
  "INTERNAL",
] as const;

/** The stable, machine-readable code of an {@linkcode UpbeatError}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Facts about an error that survive `postMessage` and JSON: field names to plain values. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/** The cause of an error, as a plain value. */
export interface SerializedCause {
  /** The class: `"UpbeatError"`, `"TypeError"`, … */
  readonly name: string;
  readonly message: string;
  /** Code and {@linkcode details}, if it is an {@linkcode UpbeatError}. */
  readonly code?: ErrorCode;
  readonly details?: ErrorDetails;
  readonly cause?: SerializedCause;
}

/** An {@linkcode UpbeatError} as a plain value, for `postMessage` and JSON. */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  /** The underlying error, if any. */
  readonly cause?: SerializedCause;
}

/** Characters of a message, and of a text in {@linkcode ErrorDetails}; what is longer loses its middle. */
const MAX_MESSAGE = 2000;

/** Characters of one value in a message. */
const MAX_VALUE = 200;

/** Elements of a list, and fields of an object, that a message shows. */
const MAX_ITEMS = 16;

/** Levels of nesting that a message shows. */
const MAX_DEPTH = 4;

/**
 * Shorten a text by its middle, because files and callers decide how long it is.
 *
 * @param text The text.
 * @param maximum Characters that it may have.
 * @returns The text, or its start and its end with an ellipsis between.
 * @example
 * ```ts
 * shorten("a".repeat(1000), 8); // "aaaaa…aa"
 * ```
 */
export function shorten(text: string, maximum: number = MAX_MESSAGE): string {
  if (text.length <= maximum) return text;
  const tail = Math.floor(maximum / 4);
  return `${text.slice(0, maximum - tail - 1)}…${text.slice(-tail)}`.toWellFormed();
}

/**
 * Any value, of a caller or out of a file, for a message: JSON as far as it has any, shortened and escaped, so that a value
 * neither floods nor garbles what a person reads. It never throws.
 *
 * @param value The value.
 * @returns At most 200 characters.
 * @example
 * ```ts
 * showValue([1, NaN, "a\n"]); // '[1,NaN,"a\\n"]'
 * showValue(new Map()); // "a Map"
 * ```
 */
export function showValue(value: unknown): string {
  try {
    return shorten(show(value, 0), MAX_VALUE);
  } catch {
    // A getter or a proxy threw.
    return "an unreadable value";
  }
}

function show(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(shorten(value, MAX_VALUE));
    case "bigint":
      // Large ones take long to write.
      return value > -(2n ** 64n) && value < 2n ** 64n ? `${value}n` : "a large bigint";
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : showObject(value, depth);
    default:
      return String(value);
  }
}

function showObject(value: object, depth: number): string {
  if (ArrayBuffer.isView(value)) return `${nameOf(value)} of ${value.byteLength} bytes`;
  const isList = Array.isArray(value);
  if (!isList && ![Object.prototype, null].includes(Object.getPrototypeOf(value))) return nameOf(value);
  if (depth === MAX_DEPTH) return isList ? "[…]" : "{…}";
  const keys: readonly (string | number)[] = isList
    ? Array.from({ length: Math.min(value.length, MAX_ITEMS) }, (_, at) => at)
    : Object.keys(value);
  const items = keys.slice(0, MAX_ITEMS).map((key) => {
    const item = show((value as Record<string | number, unknown>)[key], depth + 1);
    return isList ? item : `${JSON.stringify(shorten(String(key), MAX_VALUE))}:${item}`;
  });
  const length = isList ? value.length : keys.length;
  if (length > items.length) items.push(`… ${length - items.length} more`);
  return isList ? `[${items.join(",")}]` : `{${items.join(",")}}`;
}

/** The kind of an object, as in `"a Map"`. */
function nameOf(value: object): string {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" ? `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name}` : "an object";
}

/**
 * The one error class of the project. Messages and details are bounded in length, whatever they are made of.
 *
 * @example
 * ```ts
 * import { UpbeatError } from "upbeat";
 * try {
 *   throw new UpbeatError("INVALID_PARAMETER", "temperature must be a finite number >= 0, got NaN", { field: "temperature" });
 * } catch (error) {
 *   if (error instanceof UpbeatError && error.code === "INVALID_PARAMETER") console.error(error.details.field);
 * }
 * ```
 */
export class UpbeatError extends Error {
  /** The stable code. */
  readonly code: ErrorCode;
  /** Facts: field, file, tensor, value. */
  readonly details: ErrorDetails;

  /**
   * @param code The stable code.
   * @param message One sentence that names the thing at fault and what to do.
   * @param details Facts, as plain values.
   * @param options `cause`: the underlying error, if any.
   */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(shorten(message), options);
    this.name = "UpbeatError";
    this.code = code;
    this.details = shortenTexts(details);
  }
}

function shortenTexts(details: ErrorDetails): ErrorDetails {
  const isShort = (value: unknown) => typeof value !== "string" || value.length <= MAX_MESSAGE;
  if (Object.values(details).every(isShort)) return details;
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, typeof value === "string" ? shorten(value) : value]),
  );
}

/**
 * Turn anything thrown into an {@linkcode UpbeatError}; an {@linkcode UpbeatError} is returned as it is.
 *
 * @param thrown The caught value.
 * @param code The code to use for a foreign error.
 * @returns The typed error, with the foreign one as its `cause`.
 */
export function toUpbeatError(thrown: unknown, code: ErrorCode = "INTERNAL"): UpbeatError {
  if (isUpbeatError(thrown)) return thrown;
  return new UpbeatError(code, messageOf(thrown), {}, { cause: thrown });
}

/**
 * The message of anything thrown, of a caller's code too, where it may be a proxy or have getters. It never throws.
 *
 * @param thrown The caught value.
 * @returns Its message, or the value as {@linkcode showValue} shows it.
 */
export function messageOf(thrown: unknown): string {
  try {
    const message: unknown = thrown instanceof Error ? thrown.message : thrown;
    return typeof message === "string" ? shorten(message) : showValue(message);
  } catch {
    return "an unreadable error";
  }
}

/** Whether an error is one of ours, whose code and details a caller's code has not spoilt. */
function isUpbeatError(thrown: unknown): thrown is UpbeatError {
  try {
    if (!(thrown instanceof UpbeatError)) return false;
    const facts: readonly unknown[] = Object.values(thrown.details);
    const isFact = (fact: unknown) => fact === null || ["string", "number", "boolean"].includes(typeof fact);
    return ERROR_CODES.includes(thrown.code) && typeof thrown.message === "string" && facts.every(isFact);
  } catch {
    return false;
  }
}

/** Limit of causes followed, as a chain may be a circle. */
const MAX_CAUSES = 8;

/** The classes that {@linkcode deserializeError} can restore. */
const FOREIGN_CLASSES: ReadonlyMap<string, ErrorConstructor> = new Map(
  [Error, TypeError, RangeError, SyntaxError, ReferenceError, URIError, EvalError].map((type) => [type.name, type]),
);

/**
 * Serialize an error to a plain value that crosses threads and files.
 *
 * @param error The error.
 * @returns Code, message, details, and underlying errors.
 */
export function serializeError(error: UpbeatError): SerializedError {
  const { code, message, details } = error;
  const cause = serializeCause(error.cause, MAX_CAUSES);
  return { code, message, details, ...(cause === null ? {} : { cause }) };
}

function serializeCause(error: unknown, left: number): SerializedCause | null {
  try {
    if (!(error instanceof Error) || left === 0) return null;
    const name = shorten(String(error.name));
    const message = shorten(String(error.message));
    const cause = serializeCause(error.cause, left - 1);
    const known = isUpbeatError(error) ? { code: error.code, details: error.details } : {};
    return { name, message, ...known, ...(cause === null ? {} : { cause }) };
  } catch {
    // A caller's error may be a proxy, or have getters, that throw.
    return null;
  }
}

/**
 * Restore the error that {@linkcode serializeError} serialized.
 *
 * @param serialized The plain value.
 * @returns An {@linkcode UpbeatError} with the same code, message, details, and underlying errors.
 */
export function deserializeError(serialized: SerializedError): UpbeatError {
  const { code, message, details, cause } = serialized;
  return new UpbeatError(code, message, details, causeOption(cause));
}

function deserializeCause({ name, message, code, details, cause }: SerializedCause): Error {
  if (code !== undefined) return new UpbeatError(code, message, details, causeOption(cause));
  const error = new (FOREIGN_CLASSES.get(name) ?? Error)(message, causeOption(cause));
  if (error.name !== name) error.name = name;
  return error;
}

function causeOption(cause: SerializedCause | undefined): ErrorOptions | undefined {
  return cause === undefined ? undefined : { cause: deserializeCause(cause) };
}
