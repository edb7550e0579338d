/**
 * The real tokenizers for checking, each loaded once.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "../../../../engine/text/tokenizer/tokenizer.ts";
import { sharedModels } from "../../../support/models/shared_models.ts";

/** The folder of real models, or null. */
export const MODELS = sharedModels();

const loaded = new Map<string, Promise<Tokenizer>>();

/** The folder of a tokenizer: a model's own for names such as `stories260K-hf`. */
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

/** A JSON file under the folder of real models. */
export function readShared<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(MODELS as string, ...path), "utf8")) as T;
}

/** Names of files in a folder of real models; none where the folder is missing. */
export function listShared(...path: string[]): string[] {
  if (MODELS === null) return [];
  const folder = join(MODELS, ...path);
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
