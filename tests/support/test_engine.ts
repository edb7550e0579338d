/**
 * Engines for tests: a small random model in a temporary folder, on the real device library.
 *
 * @module
 */
import { Engine, type EngineOptions } from "../../mod.ts";
import { type RandomModelOptions, writeRandomModel } from "./models/random_model.ts";
import { withTemporaryFolder } from "./temporary_folder.ts";

/** Runs with a temporary folder for a model. */
export const withModelFolder: <Result>(use: (folder: string) => Promise<Result>) => Promise<Result> =
  withTemporaryFolder;

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
