/**
 * What distinguishes the files of a model for their reader.
 *
 * @module
 */
import type { ErrorCode } from "../../errors.ts";

/** What a file is for, which decides how large it may be, and the code of its errors. */
export interface FileKind {
  readonly code: ErrorCode;
  readonly maxBytes: number;
}
