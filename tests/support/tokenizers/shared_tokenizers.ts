/**
 * Tokenizers of real models, from the folder of shared models, each loaded once.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "../../../engine/text/tokenizer/tokenizer.ts";
import { sharedModels } from "../models/shared_models.ts";

/** The folder of shared models; null where it is not available. */
export const MODELS = sharedModels();

const loaded = new Map<string, Promise<Tokenizer>>();

/** The folder of a tokenizer; names such as `stories260K-hf` denote a model's folder. */
export function tokenizerFolder(name: string): string {
  const own = name.replace(/-hf$/, "").toLowerCase();
  const model = readdirSync(MODELS as string).find((folder) => folder.toLowerCase() === own);
  return model === undefined ? join(MODELS as string, "tokenizers", name) : join(MODELS as string, model);
}

/** A tokenizer by name. */
export function sharedTokenizer(name: string): Promise<Tokenizer> {
  let tokenizer = loaded.get(name);
  if (tokenizer === undefined) {
    tokenizer = Tokenizer.load(tokenizerFolder(name));
    loaded.set(name, tokenizer);
  }
  return tokenizer;
}

/** Reads a JSON file in the folder of shared models. */
export function readShared<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(MODELS as string, ...path), "utf8")) as T;
}

/** Names in a subfolder of the shared models; empty if it is missing. */
export function listShared(...path: string[]): string[] {
  if (MODELS === null) return [];
  const folder = join(MODELS, ...path);
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
