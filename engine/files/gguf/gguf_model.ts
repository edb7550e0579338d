/**
 * The GGUF files of a model: one, or several parts named `NAME-00001-of-00003.gguf`, of which the first has the metadata.
 *
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UpbeatError } from "../../../errors.ts";
import { type GgufFile, type GgufTensor, isGgufFile, readGgufFile } from "./gguf_file.ts";
import type { GgufMetadata } from "./gguf_metadata.ts";

/** The files of a model. */
export interface GgufModel {
  /** Path of the first file. */
  readonly path: string;
  /** Paths of all files. */
  readonly files: readonly string[];
  /** The metadata, of the first file. */
  readonly metadata: GgufMetadata;
  /** Every tensor of all files by name. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** The name of a part: its number and the number of parts. */
const PART = /^(.*)-(\d{5})-of-(\d{5})(\.gguf)$/i;

/** Parts of one model. The largest have some dozens. */
const MAX_PARTS = 1000;

/** Entries of a folder that are looked at. */
const MAX_ENTRIES = 1000;

/**
 * Find the GGUF file that a path names: the file itself, or the only one in a folder without a `config.json`.
 *
 * @param path Path of a file or a folder.
 * @returns Path of the file; the first part's, where a folder has the parts of one model. Null where it is something else.
 */
export function findGguf(path: string): string | null {
  if (isGgufFile(path)) return path;
  let names: string[];
  try {
    if (existsSync(join(path, "config.json"))) return null;
    names = readdirSync(path).slice(0, MAX_ENTRIES).filter((name) => /\.gguf$/i.test(name));
  } catch {
    return null;
  }
  // A projector of images belongs to another file, and is no model.
  const models = names.filter((name) => !/^mmproj/i.test(name) && (PART.exec(name)?.[2] ?? "00001") === "00001");
  const [only] = models;
  return only !== undefined && models.length === 1 && isGgufFile(join(path, only)) ? join(path, only) : null;
}

/**
 * Read the headers of the GGUF model that a path names, once for all that is read from them.
 *
 * @param path Path of a file or a folder.
 * @returns Metadata and tensors; null where it is something else.
 * @throws {UpbeatError} As {@linkcode readGgufModel}.
 */
export function openGguf(path: string): GgufModel | null {
  const file = findGguf(path);
  return file === null ? null : readGgufModel(file);
}

/**
 * Read the headers of a model's files.
 *
 * @param path Path of its file, or of any of its parts.
 * @returns Metadata and tensors.
 * @throws {UpbeatError} As `readGgufFile`; `MODEL_NOT_FOUND` naming a part that is missing; `WEIGHTS_INVALID` when the parts
 * do not belong together.
 */
export function readGgufModel(path: string): GgufModel {
  const named = partsOf(path);
  if (named === null) {
    const file = readGgufFile(path);
    const parts = file.metadata.number("split.count") ?? 1;
    if (parts > 1) {
      throw new UpbeatError(
        "MODEL_NOT_FOUND",
        `${path} is one of ${parts} parts of a model, and its name does not say which: name the parts as in ` +
          "MODEL-00001-of-00003.gguf, beside each other",
        { file: path, parts },
      );
    }
    return { path, files: [path], metadata: file.metadata, tensors: file.tensors };
  }
  const files: GgufFile[] = [];
  const tensors = new Map<string, GgufTensor>();
  for (const part of named) {
    if (!existsSync(part)) {
      throw new UpbeatError("MODEL_NOT_FOUND", `${part}, a part of the model ${path}, is missing: download it`, {
        file: part,
      });
    }
    const file = readGgufFile(part);
    checkPart(file, files.length, named.length);
    files.push(file);
    for (const [name, tensor] of file.tensors) {
      const other = tensors.get(name);
      if (other !== undefined) throw mixed(part, `tensor ${name} is in ${basename(other.file)} too`);
      tensors.set(name, tensor);
    }
  }
  const { metadata } = files[0]!;
  const wanted = metadata.number("split.tensors.count");
  if (wanted !== null && wanted !== tensors.size) {
    throw mixed(named[0]!, `it promises ${wanted} tensors in all parts, and they have ${tensors.size}`);
  }
  return { path: named[0]!, files: named, metadata, tensors };
}

/** Paths of all parts of the model that a file is a part of by its name; null where it is whole. */
function partsOf(path: string): string[] | null {
  const match = PART.exec(basename(path));
  if (match === null) return null;
  const [, name, , count, extension] = match;
  const parts = Number(count);
  if (parts < 1 || parts > MAX_PARTS) {
    throw new UpbeatError(
      "WEIGHTS_INVALID",
      `${path} is named as one of ${parts} parts; a model has 1 to ${MAX_PARTS}`,
      {
        file: path,
        parts,
      },
    );
  }
  return Array.from(
    { length: parts },
    (_, index) => join(dirname(path), `${name}-${String(index + 1).padStart(5, "0")}-of-${count}${extension}`),
  );
}

function checkPart({ file, metadata }: GgufFile, index: number, count: number): void {
  const [number, parts] = [metadata.number("split.no") ?? 0, metadata.number("split.count") ?? 1];
  if (number !== index || parts !== count) {
    throw mixed(file, `by its name it is part ${index + 1} of ${count}, by its content ${number + 1} of ${parts}`);
  }
}

function mixed(file: string, problem: string): UpbeatError {
  return new UpbeatError(
    "WEIGHTS_INVALID",
    `${file} does not belong to the parts beside it: ${problem}; download all of them again`,
    { file },
  );
}
