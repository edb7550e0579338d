/**
 * The model that comes with Upbeat, so that a first run needs no download.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/**
 * The folder of a Llama of two million parameters that tells short stories; `assets/README.md` describes it.
 *
 * @example
 * ```ts
 * import { Engine, BUNDLED_MODEL } from "upbeat";
 *
 * await using engine = await Engine.load(BUNDLED_MODEL);
 * console.log((await engine.generate("Once upon a time").result).text);
 * ```
 */
export const BUNDLED_MODEL: string = import.meta.url.startsWith("file:")
  ? fileURLToPath(new URL("../../assets/story-2m", import.meta.url))
  : "assets/story-2m";
