/**
 * A file that a command writes at its end.
 *
 * @module
 */
import { accessSync, constants, existsSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { InputError } from "../errors.ts";

/**
 * Check that a file can be written, before the work whose result it takes. It is not touched.
 *
 * @param path The path.
 * @param what Which flag named it, for the message.
 * @throws {InputError} When it cannot.
 */
export function checkWritable(path: string, what: string): void {
  const folder = dirname(path);
  if (!isFolder(folder)) throw cannotWrite(path, what, `there is no folder ${folder}`);
  if (isFolder(path)) throw cannotWrite(path, what, "it is a folder");
  try {
    accessSync(existsSync(path) ? path : folder, constants.W_OK);
  } catch (error) {
    throw cannotWrite(path, what, reasonOf(error));
  }
}

/**
 * Write or overwrite a file.
 *
 * @param path The path.
 * @param what Which flag named it, for the message.
 * @param text What to write.
 * @throws {InputError} When it cannot be written.
 */
export function writeOutput(path: string, what: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw cannotWrite(path, what, reasonOf(error));
  }
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function cannotWrite(path: string, what: string, reason: string): InputError {
  return new InputError(`${what}: cannot write ${path}: ${reason}`);
}

function reasonOf(error: unknown): string {
  const { code, message } = error as Error & { code?: string };
  return code === "EACCES" || code === "EROFS" ? "permission denied" : message;
}
