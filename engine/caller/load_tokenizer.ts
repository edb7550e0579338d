/**
 * Loads an engine's tokenizer and checks it against the model.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import { warmUpCaller } from "./warm_up.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { EngineInfo } from "../config/engine_info.ts";
import { Tokenizer } from "../text/tokenizer/tokenizer.ts";

/**
 * Load a model's tokenizer and warm it up.
 *
 * @param model The model folder.
 * @param now The engine's clock.
 * @returns The tokenizer; null where the folder has none.
 * @throws {UpbeatError} `TOKENIZER_…` where it cannot be read.
 */
export async function loadTokenizer(model: string, now: Clock): Promise<Tokenizer | null> {
  try {
    const tokenizer = await Tokenizer.load(model);
    await warmUpCaller(tokenizer, now);
    return tokenizer;
  } catch (error) {
    if (error instanceof UpbeatError && error.code === "TOKENIZER_MISSING") return null;
    throw error;
  }
}

/**
 * Check that every token id is within the model's vocabulary.
 *
 * @param tokenizer The tokenizer; null: nothing to check.
 * @param info The loaded model.
 * @throws {UpbeatError} `TOKENIZER_MISMATCH`.
 */
export function checkTokenizer(tokenizer: Tokenizer | null, info: EngineInfo): void {
  const { vocabularySize } = info.model;
  if (tokenizer !== null && tokenizer.vocabularySize > vocabularySize) {
    throw new UpbeatError(
      "TOKENIZER_MISMATCH",
      `the tokenizer of ${info.modelFolder} has ids up to ${
        tokenizer.vocabularySize - 1
      }, its vocab_size in config.json ` +
        `is ${vocabularySize}: they do not belong together`,
      { tokenizerSize: tokenizer.vocabularySize, vocabularySize },
    );
  }
}
