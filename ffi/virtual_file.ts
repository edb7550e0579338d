/**
 * Files inside a program that Bun has compiled (`bun build --compile`): JavaScript can read them whole, but the system does
 * not know them, so that no library can be loaded from them and no range be mapped.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { foreign } from "#ffi";
import { UpbeatError } from "../errors.ts";
import { environmentVariable } from "./environment.ts";

/** Where Bun puts them, on Linux and macOS and on Windows. */
const VIRTUAL_FOLDERS = /^(?:\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/;

/** The folder that has the files of a compiled program, by their places in its project. */
export const VIRTUAL_ROOT: string = process.platform === "win32" ? "B:/~BUN/root" : "/$bunfs/root";

/** The open files of this process. */
const DESCRIPTORS = "/proc/self/fd";

/** Hexadecimal digits of the content's hash in names. */
const HASH_CHARACTERS = 32;

const known = new Map<string, string>();

/**
 * A path that the system can open, with the content of a file that may be virtual.
 *
 * A virtual file is copied into memory, under a path of this process, where the system can do that (Linux); elsewhere, or
 * without `/proc`, into a folder of this user's, where the next process finds it by its content.
 *
 * @param path Any path.
 * @returns The path itself, unless it is that of a virtual file.
 * @throws {UpbeatError} `LIBRARY_INVALID` when there is no place for the copy.
 */
export function realFile(path: string): string {
  if (!VIRTUAL_FOLDERS.test(path) || !existsSync(path)) return path;
  let real = known.get(path);
  if (real === undefined) {
    const content = readFileSync(path);
    const hash = createHash("sha256").update(content).digest("hex").slice(0, HASH_CHARACTERS);
    real = inMemory(hash, content) ?? inCache(hash, basename(path), content);
    known.set(path, real);
  }
  return real;
}

/** A file in memory; another thread of this process may have made it already. Null where that is not possible. */
function inMemory(hash: string, content: Uint8Array): string | null {
  if (foreign.createMemoryFile === undefined || !existsSync(DESCRIPTORS)) return null;
  const name = `upbeat-${hash}`;
  for (const descriptor of readdirSync(DESCRIPTORS)) {
    const path = join(DESCRIPTORS, descriptor);
    // Too short while another thread is still writing it.
    if (linkOf(path)?.startsWith(`/memfd:${name}`) && statSync(path).size === content.length) return path;
  }
  const descriptor = foreign.createMemoryFile(name);
  if (descriptor < 0) return null;
  for (let done = 0; done < content.length;) done += writeSync(descriptor, content, done);
  return join(DESCRIPTORS, String(descriptor));
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    // Closed meanwhile.
    return null;
  }
}

/** A file in the user's cache folder, or else in one of this user's for temporary files. */
function inCache(hash: string, name: string, content: Uint8Array): string {
  const [cache, home, local] = ["XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"].map(environmentVariable);
  const user = process.getuid?.() ?? "user";
  const places = [cache, local, home && join(home, ".cache")].filter((place) => place !== undefined);
  let cause: unknown;
  for (const folder of [...places.map((place) => join(place!, "upbeat")), join(tmpdir(), `upbeat-${user}`)]) {
    const path = join(folder, hash, name);
    try {
      mkdirSync(join(folder, hash), { recursive: true, mode: 0o700 });
      if (isMine(folder) && !hasContent(path, content)) {
        const unfinished = `${path}.${process.pid}`;
        writeFileSync(unfinished, content, { mode: 0o700 });
        renameSync(unfinished, path);
      }
      if (isMine(folder)) return path;
    } catch (error) {
      cause = error;
    }
  }
  throw new UpbeatError(
    "LIBRARY_INVALID",
    `There is no place for ${name}, a part of this program: without /proc it needs a folder that it may write to, ` +
      "XDG_CACHE_HOME, HOME or TMPDIR.",
    { path: name },
    { cause },
  );
}

/** Whether a folder is this user's own: nobody else may replace what is loaded from it. */
function isMine(folder: string): boolean {
  const { uid, mode } = statSync(folder);
  return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
}

function hasContent(path: string, content: Uint8Array): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === content.length && readFileSync(path).equals(content);
}
