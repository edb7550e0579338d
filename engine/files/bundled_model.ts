/**
 * The model that comes with Upbeat, so that a first run needs no download.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { VIRTUAL_ROOT } from "../../ffi/virtual_file.ts";

/** Its folder, from the root of the project. */
const FOLDER = "assets/story-2m";

/**
 * The folder of a Llama of two million parameters that tells short stories; `assets/README.md` describes it. In a compiled
 * program it is inside the program, if it was put there, or beside it.
 *
 * @example
 * ```ts
 * import { Engine, BUNDLED_MODEL } from "upbeat";
 *
 * await using engine = await Engine.load(BUNDLED_MODEL);
 * console.log((await engine.generate("Once upon a time").result).text);
 * ```
 */
export const BUNDLED_MODEL: string = findBundledModel();

function findBundledModel(): string {
  const module = import.meta.url.startsWith("file:") ? fileURLToPath(import.meta.url) : "";
  const own = join(dirname(module), "../..", FOLDER);
  const others = [join(dirname(module), FOLDER), join(VIRTUAL_ROOT, FOLDER), join(dirname(process.execPath), FOLDER)];
  return [own, ...others].find(hasModel) ?? own;
}

function hasModel(folder: string): boolean {
  try {
    return existsSync(join(folder, "config.json"));
  } catch {
    // Deno without --allow-read: loading the model says so.
    return false;
  }
}
