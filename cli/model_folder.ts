/**
 * Which model a command means: the folder it was given, or the one that comes with Upbeat.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UpbeatError } from "../errors.ts";
import { BUNDLED_MODEL } from "../engine/caller/bundled_model.ts";
import { UsageError } from "./usage.ts";

/** A command's model and what it was told besides. */
export interface ModelAndText {
  /** The model folder. */
  readonly model: string;
  /** The argument that is a text; undefined when there is none. */
  readonly text: string | undefined;
  /** The first argument too many; undefined when there is none. */
  readonly extra: string | undefined;
}

/**
 * The folder of the model that comes with Upbeat.
 *
 * @returns Its path.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` when it was not installed.
 */
export function shippedModel(): string {
  if (existsSync(join(BUNDLED_MODEL, "config.json"))) return BUNDLED_MODEL;
  throw new UpbeatError(
    "MODEL_NOT_FOUND",
    `the model that comes with Upbeat is not in ${BUNDLED_MODEL}: name a model folder, or restore that one`,
    { folder: BUNDLED_MODEL },
  );
}

/**
 * Tell the model folder from the text among the arguments: `[MODEL] [TEXT]`.
 *
 * Two arguments are both. A single one is the text, unless the text comes from elsewhere.
 *
 * @param named The folder given by a flag, if any; then every argument is a text.
 * @param positional The arguments that are no flags.
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
  if (first !== undefined && ["config.json", "tokenizer.json"].some((file) => existsSync(join(first, file)))) {
    throw new UsageError(`${JSON.stringify(first)} is a model folder; what it shall work on is missing`);
  }
  return { model: shippedModel(), text: first, extra: undefined };
}
