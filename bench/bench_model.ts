/**
 * The benchmarks' model: the shape of Qwen2.5-0.5B with random BF16 weights, written once to the user's cache.
 *
 * @module
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { writeRandomModel } from "../tests/support/models/random_model.ts";

/** Must change whenever the model's content does. */
const FOLDER_NAME = "qwen2.5-0.5b-random-bf16-1";

/**
 * The benchmarks' model folder, which is written on first use (about 1 GB).
 *
 * @returns Its path: `upbeat/` in `XDG_CACHE_HOME`, or in `~/.cache`.
 */
export function benchModel(): string {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "upbeat");
  const folder = join(cache, FOLDER_NAME);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  console.error(`writing ${folder} (about 1 GB, once) ...`);
  writeRandomModel(partial, {
    family: "qwen2",
    hiddenSize: 896,
    layers: 24,
    heads: 14,
    kvHeads: 2,
    headDim: 64,
    ffnSize: 4864,
    vocabularySize: 151936,
    maxPositions: 32768,
    ropeTheta: 1000000,
    tieWordEmbeddings: true,
    dtype: "BF16",
  });
  renameSync(partial, folder);
  return folder;
}
