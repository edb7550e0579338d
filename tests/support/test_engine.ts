/**
 * Engines for tests: a small random model in a temporary folder, on the real device library.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, type EngineOptions } from "../../mod.ts";
import { type RandomModelOptions, writeRandomModel } from "./models/random_model.ts";

/**
 * Run with a fresh folder, which is always removed afterwards.
 *
 * @param use Receives its path.
 * @returns The result of `use`.
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
 * @param model The model; by default a Llama with a tokenizer.
 * @param options The engine's options.
 * @param use Receives the engine and the model's folder.
 * @returns The result of `use`.
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
