/**
 * What can go wrong, as values a program can switch on. Every error names the thing (file, tensor, field, value) and
 * says what to do about it.
 *
 * @module
 */

/** The stable, machine-readable cause of an {@linkcode UpbeatError}. */
export type ErrorCode =
  | "LIBRARY_NOT_FOUND"
  | "LIBRARY_VERSION_MISMATCH"
  | "LIBRARY_INVALID"
  | "DEVICE_UNAVAILABLE"
  | "DEVICE_OUT_OF_MEMORY"
  | "DEVICE_INVALID_ARGUMENT"
  | "DEVICE_FAULT"
  | "DEVICE_STALLED"
  | "MODEL_NOT_FOUND"
  | "MODEL_CONFIG_INVALID"
  | "MODEL_UNSUPPORTED"
  | "WEIGHTS_INVALID"
  | "WEIGHTS_MISSING_TENSOR"
  | "WEIGHTS_WRONG_SHAPE"
  | "WEIGHTS_UNSUPPORTED_DTYPE"
  | "TOKENIZER_INVALID"
  | "TOKENIZER_MISSING"
  | "TOKENIZER_MISMATCH"
  | "CHAT_TEMPLATE_INVALID"
  | "INVALID_PARAMETER"
  | "PROMPT_INVALID"
  | "PROMPT_TOO_LONG"
  | "QUEUE_FULL"
  | "ENGINE_CLOSED"
  | "ENGINE_FAILED"
  | "INTERNAL";

/** Facts about an error that survive `postMessage` and JSON: field names to plain values. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/** An {@linkcode UpbeatError} as a plain value, for `postMessage` and JSON. */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
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
  /** The stable cause. */
  readonly code: ErrorCode;
  /** Facts about it: field, file, tensor, value. */
  readonly details: ErrorDetails;

  /**
   * @param code The stable cause.
   * @param message One sentence that names the thing and says what to do.
   * @param details Facts, as plain values.
   * @param options `cause`: the error underneath, where there is one.
   */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = "UpbeatError";
    this.code = code;
    this.details = details;
  }
}

/**
 * Turn anything thrown into an {@linkcode UpbeatError}; an error that is one already is returned as it is.
 *
 * @param thrown Whatever was caught.
 * @param code The code to use for a foreign error.
 * @returns The typed error, with the foreign one as its `cause`.
 */
export function toUpbeatError(thrown: unknown, code: ErrorCode = "INTERNAL"): UpbeatError {
  if (thrown instanceof UpbeatError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new UpbeatError(code, message, {}, { cause: thrown });
}

/**
 * An error as a plain value that crosses threads and files.
 *
 * @param error The error.
 * @returns Code, message and details.
 */
export function serializeError(error: UpbeatError): SerializedError {
  return { code: error.code, message: error.message, details: error.details };
}

/**
 * The error that {@linkcode serializeError} wrote.
 *
 * @param serialized The plain value.
 * @returns An {@linkcode UpbeatError} with the same code, message and details.
 */
export function deserializeError(serialized: SerializedError): UpbeatError {
  return new UpbeatError(serialized.code, serialized.message, serialized.details);
}
