/**
 * Loads an engine's tokenizer and checks it against the model.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { UpbeatError } from "../../errors.ts";
import { findGguf } from "../files/gguf/gguf_model.ts";
import { warmUpCaller } from "./warm_up.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { EngineInfo } from "../config/engine_info.ts";
import { loadOnThread } from "./text_thread.ts";
import { mostIdsOfModel } from "../text/tokenizer/limits.ts";
import { Tokenizer } from "../text/tokenizer/tokenizer.ts";

/** Bytes of a `tokenizer.json` that is compiled at once: some 20 ms. Larger ones are compiled on another thread. */
const SMALL_FILE = 262_144;

/**
 * Load a model's tokenizer and warm it up.
 *
 * @param model The model folder or the GGUF file.
 * @param now The engine's clock.
 * @param signal Ends the work on other threads when it aborts.
 * @returns The tokenizer; null where the folder has none.
 * @throws {UpbeatError} `TOKENIZER_…` where it cannot be read.
 */
export async function loadTokenizer(
  model: string,
  now: Clock,
  signal: AbortSignal | undefined,
): Promise<Tokenizer | null> {
  try {
    const file = await stat(findGguf(model) ?? join(model, "tokenizer.json")).catch(() => null);
    if (signal?.aborted === true) return null;
    const isSmall = file === null || file.size <= SMALL_FILE;
    const tokenizer = isSmall ? await Tokenizer.load(model) : new Tokenizer(await loadOnThread(model, signal));
    await warmUpCaller(tokenizer, now);
    return tokenizer;
  } catch (error) {
    if (error instanceof UpbeatError && error.code === "TOKENIZER_MISSING") return null;
    throw error;
  }
}

/**
 * Check that a tokenizer belongs to the model. It may have some more ids, of tokens that were added and never trained; a
 * prompt with one of them is refused.
 *
 * @param tokenizer The tokenizer; null: nothing to check.
 * @param info The loaded model.
 * @throws {UpbeatError} `TOKENIZER_MISMATCH`.
 */
export function checkTokenizer(tokenizer: Tokenizer | null, info: EngineInfo): void {
  const { vocabularySize } = info.model;
  if (tokenizer === null || tokenizer.vocabularySize <= mostIdsOfModel(vocabularySize)) return;
  throw new UpbeatError(
    "TOKENIZER_MISMATCH",
    `the tokenizer of ${info.modelFolder} has ids up to ${
      tokenizer.vocabularySize - 1
    }, its vocab_size in config.json ` +
      `is ${vocabularySize}: they do not belong together`,
    { tokenizerSize: tokenizer.vocabularySize, vocabularySize },
  );
}

/**
 * The model's information, with the end-of-sequence token that the tokenizer declares.
 *
 * @param tokenizer The tokenizer; null: there is none.
 * @param info The loaded model.
 * @returns The information.
 */
export function withDeclaredEos(tokenizer: Tokenizer | null, info: EngineInfo): EngineInfo {
  const id = tokenizer?.specialTokens.eos?.id ?? null;
  const { eosTokenIds, vocabularySize } = info.model;
  if (id === null || id >= vocabularySize || eosTokenIds.includes(id)) return info;
  return { ...info, model: { ...info.model, eosTokenIds: [...eosTokenIds, id] } };
}
