/**
 * Opens files of a model folder. Their names are known, but not what is there: a pipe would block its reader for ever, a
 * device has no end, and opening one can do things.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { type FileHandle, lstat, open, stat } from "node:fs/promises";
import { type ErrorCode, shorten, UpbeatError } from "../../errors.ts";
import { realFile } from "../../ffi/virtual_file.ts";
import type { FileKind } from "./file_kind.ts";

/** Opening a pipe without a writer returns at once instead of waiting for one. Windows has no such flag, nor such pipes. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Bytes per read of {@linkcode readRegularFile}; between two, an abort is noticed. */
const CHUNK_BYTES = 4 * 2 ** 20;

/** A regular file, open for reading. */
export interface RegularFile extends Disposable {
  /** Its length when it was opened. */
  readonly bytes: number;

  /**
   * Read a range.
   *
   * @param position Its first byte.
   * @param length Its length in bytes.
   * @returns The bytes; fewer where the file ends before.
   */
  read(position: number, length: number): Buffer;
}

/**
 * Open a regular file.
 *
 * @param path The file.
 * @param code The code of errors.
 * @param danglingCode The code where it is a link to a file that does not exist.
 * @returns The file, which its user closes; null when nothing of that name exists.
 * @throws {UpbeatError} `code` for a folder, a pipe, a device or a dangling link, and when it cannot be opened.
 */
export function openRegularFile(path: string, code: ErrorCode, danglingCode: ErrorCode = code): RegularFile | null {
  return attempt(path, code, () => {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return requireNoLink(path, danglingCode, lstatSync(path, { throwIfNoEntry: false }));
    // Checked before it is opened, as opening a device can do things, and afterwards, as it may have been replaced.
    requireRegular(path, code, found);
    const descriptor = openSync(realFile(path), OPEN_FLAGS);
    const close = () => closeSync(descriptor);
    try {
      const { size } = requireRegular(path, code, fstatSync(descriptor));
      return {
        bytes: size,
        read: (position, length) => readRange(descriptor, position, length),
        [Symbol.dispose]: close,
      };
    } catch (error) {
      close();
      throw error;
    }
  });
}

function readRange(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = readSync(descriptor, bytes, done, length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/**
 * Read a regular file whole.
 *
 * @param path The file.
 * @param kind How large it may be, and the code of errors.
 * @returns Its bytes; null when nothing of that name exists.
 * @throws {UpbeatError} As {@linkcode openRegularFile}, and when the file is too large.
 */
export function readRegularFileSync(path: string, kind: FileKind): Buffer | null {
  using file = openRegularFile(path, kind.code);
  if (file === null) return null;
  requireSize(path, kind, file.bytes);
  return attempt(path, kind.code, () => file.read(0, file.bytes));
}

/**
 * Read a regular file whole, without blocking the thread.
 *
 * @param path The file.
 * @param kind How large it may be, and the code of errors.
 * @param signal Ends the reading when it aborts.
 * @returns Its bytes; null when nothing of that name exists.
 * @throws {UpbeatError} As {@linkcode readRegularFileSync}; the signal's reason when it aborts.
 */
export async function readRegularFile(path: string, kind: FileKind, signal?: AbortSignal): Promise<Buffer | null> {
  let handle: FileHandle | null = null;
  try {
    const found = await stat(path).catch(absent);
    if (found === null) return requireNoLink(path, kind.code, await lstat(path).catch(absent) ?? undefined);
    requireRegular(path, kind.code, found);
    signal?.throwIfAborted();
    handle = await open(realFile(path), OPEN_FLAGS);
    const { size } = requireRegular(path, kind.code, await handle.stat());
    requireSize(path, kind, size);
    const bytes = Buffer.alloc(size);
    let done = 0;
    while (done < size) {
      signal?.throwIfAborted();
      const { bytesRead } = await handle.read(bytes, done, Math.min(size - done, CHUNK_BYTES), done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } catch (error) {
    signal?.throwIfAborted();
    throw unreadable(path, kind.code, error);
  } finally {
    await handle?.close();
  }
}

/** Null for the error of a file that does not exist. */
function absent(error: unknown): null {
  if (isAbsence(error)) return null;
  throw error;
}

function isAbsence(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "ENOENT" || code === "ENOTDIR";
}

function attempt<Result>(path: string, code: ErrorCode, read: () => Result): Result | null {
  try {
    return read();
  } catch (error) {
    // `throwIfNoEntry` covers neither a file in the place of a folder nor one that is gone when it is opened.
    if (isAbsence(error)) return null;
    throw unreadable(path, code, error);
  }
}

function unreadable(path: string, code: ErrorCode, error: unknown): UpbeatError {
  if (error instanceof UpbeatError) return error;
  const reason = (error as { code?: unknown }).code === "ELOOP"
    ? "it is a link that leads back to itself"
    : shorten(error instanceof Error ? error.message : String(error), 300);
  return new UpbeatError(code, `${path} cannot be read: ${reason}`, { file: path }, { cause: error });
}

/** A dangling link is a broken download, and not the same as no file. */
function requireNoLink(path: string, code: ErrorCode, link: Stats | undefined): null {
  if (link === undefined) return null;
  throw new UpbeatError(
    code,
    `${path} is a dangling link: the file that it leads to does not exist; download it again`,
    { file: path },
  );
}

function requireRegular(path: string, code: ErrorCode, found: Stats): Stats {
  if (found.isFile()) return found;
  throw new UpbeatError(code, `${path} is ${kindOf(found)}; it must be a regular file`, { file: path });
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a folder";
  if (found.isFIFO()) return "a pipe";
  return found.isSocket() ? "a socket" : "a device";
}

function requireSize(path: string, { code, maxBytes }: FileKind, bytes: number): void {
  if (bytes <= maxBytes) return;
  const message = `${path} is ${showBytes(bytes)} long, and such a file has at most ${showBytes(maxBytes)}; ` +
    "replace it with the model's own";
  throw new UpbeatError(code, message, { file: path, bytes, maxBytes });
}

function showBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return power === 0 ? `${bytes} bytes` : `${Number((bytes / 1024 ** power).toFixed(1))} ${units[power]}`;
}
