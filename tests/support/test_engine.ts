/**
 * Engines for tests: a small random model in a folder of its own, on the real device library.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, type EngineOptions } from "../../mod.ts";
import { type RandomModelOptions, writeRandomModel } from "./models/random_model.ts";

/**
 * Run with a fresh folder, which is removed afterwards whatever happens.
 *
 * @param use What to do with its path.
 * @returns What `use` resolved to.
 */
export async function withModelFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "upbeat-test-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Run with an engine on a small random model.
 *
 * @param model What model; a Llama with a tokenizer unless said otherwise.
 * @param options The engine's options.
 * @param use What to do with the engine and the model's folder.
 * @returns What `use` resolved to.
 */
export function withRandomEngine<Result>(
  model: RandomModelOptions,
  options: EngineOptions,
  use: (engine: Engine, folder: string) => Promise<Result>,
): Promise<Result> {
  return withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true, ...model });
    await using engine = await Engine.load(folder, options);
    return await use(engine, folder);
  });
}
