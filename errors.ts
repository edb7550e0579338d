/**
 * Typed errors. Each has a stable code to switch on, and a message that names the thing at fault (file, tensor, field,
 * value) and what to do about it.
 *
 * @module
 */

/** All values of {@linkcode ErrorCode}. */
export const ERROR_CODES = [
  "LIBRARY_NOT_FOUND",
  "LIBRARY_VERSION_MISMATCH",
  "LIBRARY_INVALID",
  "DEVICE_UNAVAILABLE",
  "DEVICE_OUT_OF_MEMORY",
  "DEVICE_INVALID_ARGUMENT",
  "DEVICE_FAULT",
  "DEVICE_STALLED",
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

/**
 * The one error class of the project.
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
    super(message, options);
    this.name = "UpbeatError";
    this.code = code;
    this.details = details;
  }
}

/**
 * Turn anything thrown into an {@linkcode UpbeatError}; an {@linkcode UpbeatError} is returned as it is.
 *
 * @param thrown The caught value.
 * @param code The code to use for a foreign error.
 * @returns The typed error, with the foreign one as its `cause`.
 */
export function toUpbeatError(thrown: unknown, code: ErrorCode = "INTERNAL"): UpbeatError {
  if (thrown instanceof UpbeatError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new UpbeatError(code, message, {}, { cause: thrown });
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
  if (!(error instanceof Error) || left === 0) return null;
  const { name, message } = error;
  const cause = serializeCause(error.cause, left - 1);
  const known = error instanceof UpbeatError ? { code: error.code, details: error.details } : {};
  return { name, message, ...known, ...(cause === null ? {} : { cause }) };
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
