/**
 * What may stand in the place of a file: pipes, devices, folders, links, files without end.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

/** Bytes of a sparse file: more than any file of a model folder may have, and than any machine has memory. */
const SPARSE_BYTES = 2 ** 40;

/** Ways to replace a file, with a part of the message that reading it gives. */
export const SPECIAL_FILES: Readonly<Record<string, readonly [make: (path: string) => void, part: string]>> = {
  pipe: [(path) => void execFileSync("mkfifo", [path]), "is a pipe"],
  "endless device": [(path) => symlinkSync("/dev/zero", path), "is a device"],
  "device of random numbers": [(path) => symlinkSync("/dev/urandom", path), "is a device"],
  folder: [(path) => mkdirSync(path), "is a folder"],
  "dangling link": [(path) => symlinkSync("nothing", path), "dangling link"],
  "link to itself": [(path) => symlinkSync(basename(path), path), "leads back to itself"],
  "sparse file of 1 TiB": [sparse, ""],
  "Git LFS pointer": [
    (path) => writeFileSync(path, `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 1\n`),
    "git lfs pull",
  ],
};

function sparse(path: string): void {
  const descriptor = openSync(path, "w");
  ftruncateSync(descriptor, SPARSE_BYTES);
  closeSync(descriptor);
}

/**
 * Replace a file.
 *
 * @param path The file; it need not exist.
 * @param kind What takes its place.
 * @returns A part of the message that reading it gives.
 */
export function replaceFile(path: string, kind: string): string {
  rmSync(path, { force: true });
  const [make, part] = SPECIAL_FILES[kind]!;
  make(path);
  return part;
}
