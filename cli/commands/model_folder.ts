/**
 * The model of a command: the folder given, or the model that comes with Upbeat.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UpbeatError } from "../../errors.ts";
import { BUNDLED_MODEL } from "../../engine/files/bundled_model.ts";
import { findGguf } from "../../engine/files/gguf/gguf_model.ts";
import { UsageError } from "../errors.ts";

/** A command's model and its other arguments. */
export interface ModelAndText {
  /** The model folder. */
  readonly model: string;
  /** The argument that is text; undefined when there is none. */
  readonly text: string | undefined;
  /** The first superfluous argument; undefined when there is none. */
  readonly extra: string | undefined;
}

/**
 * The folder of the model that comes with Upbeat.
 *
 * @returns Its path.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` when it is not installed.
 */
export function bundledModel(): string {
  if (existsSync(join(BUNDLED_MODEL, "config.json"))) return BUNDLED_MODEL;
  throw new UpbeatError(
    "MODEL_NOT_FOUND",
    `the model that comes with Upbeat is not in ${BUNDLED_MODEL}: name a model folder, or restore this one`,
    { folder: BUNDLED_MODEL },
  );
}

function isModel(path: string): boolean {
  return findGguf(path) !== null || ["config.json", "tokenizer.json"].some((file) => existsSync(join(path, file)));
}

/**
 * Split arguments `[MODEL] [TEXT]` into model folder and text. A single argument is the text, unless a flag gives the text.
 *
 * @param named The folder given by a flag, if any; then every argument is text.
 * @param positional The arguments that are not flags.
 * @param hasText Whether a flag gives the text.
 * @returns Model and text.
 * @throws {UsageError} When the only argument is a model folder and there is no text for it.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` when no folder is given and the model that comes with Upbeat is missing.
 */
export function modelAndText(
  named: string | undefined,
  positional: readonly string[],
  hasText: boolean,
): ModelAndText {
  const [first, second, third] = positional;
  if (named !== undefined) return { model: named, text: first, extra: second };
  if (second !== undefined || (first !== undefined && hasText)) return { model: first!, text: second, extra: third };
  if (first !== undefined && isModel(first)) {
    throw new UsageError(`${JSON.stringify(first)} is a model, and its prompt or text is missing`);
  }
  return { model: bundledModel(), text: first, extra: undefined };
}
