/**
 * Recognizes what failed downloads and other programs leave in the place of a model's files.
 *
 * @module
 */

/** What a file is instead of what its name says. */
export interface ForeignContent {
  /** The rest of a sentence: what it is, and what to do. */
  readonly text: string;
  /** Whether it only stands for the file, and never is one. */
  readonly isPointer: boolean;
}

const SIGNATURES: readonly (readonly [start: string, text: string])[] = [
  [
    "version https://git-lfs.github.com/",
    "a Git LFS pointer instead of the file itself: run `git lfs pull` in its folder, or download the file",
  ],
  ["<!doctype html", "a web page, probably of a failed download: download the file again"],
  ["<html", "a web page, probably of a failed download: download the file again"],
  ["<?xml", "an XML document, probably of a failed download: download the file again"],
  ["gguf", "in GGUF format: give this file as the model"],
  ["pk\u0003\u0004", "a ZIP archive, such as a PyTorch checkpoint: convert the model to safetensors"],
  ["\u001f\u008b", "compressed with gzip: decompress it"],
];

/**
 * Recognize a file by its first bytes.
 *
 * @param bytes The file, or its beginning.
 * @returns What it is, when it is one of the usual mistakes; else null.
 */
export function foreignContent(bytes: Uint8Array): ForeignContent | null {
  const start = String.fromCharCode(...bytes.subarray(0, 64)).trimStart().toLowerCase();
  const found = SIGNATURES.find(([signature]) => start.startsWith(signature));
  return found === undefined ? null : { text: found[1], isPointer: found === SIGNATURES[0] };
}
