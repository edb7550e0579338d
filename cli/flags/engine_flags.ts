/**
 * The flags of the commands that run an engine, and the options that they set.
 *
 * @module
 */
import { ENGINE_OPTIONS } from "../../engine/config/engine_options.ts";
import { GENERATE_OPTIONS } from "../../engine/config/generate_options.ts";
import { type Given, pickOptions, text } from "../../engine/config/option.ts";
import type { EngineOptions, GenerateOptions } from "../../mod.ts";

/** Flags of the engine. */
export const ENGINE_FLAGS = {
  model: text({ placeholder: "MODEL", help: "the model, instead of an argument" }),
  ...ENGINE_OPTIONS,
  maxBatchRequests: { ...ENGINE_OPTIONS.maxBatchRequests, defaultText: "the number of prompts" },
} as const;

const { addSpecialTokens: _prompts, logprobs: _results, ...shared } = GENERATE_OPTIONS;

/** Flags of a generation, without those that only some commands take. */
export const GENERATION_FLAGS = shared;

/**
 * Flags to `GenerateOptions`.
 *
 * @param values The flags' values.
 * @returns The options that were given.
 */
export function generateOptions(values: Given<typeof GENERATION_FLAGS>): GenerateOptions {
  return pickOptions(GENERATE_OPTIONS, values);
}

/**
 * Flags to `EngineOptions`.
 *
 * @param values The flags' values.
 * @param requests The default of `maxBatchRequests`.
 * @returns The options that were given.
 */
export function engineOptions(values: Given<typeof ENGINE_FLAGS>, requests: number): EngineOptions {
  return { maxBatchRequests: requests, ...pickOptions(ENGINE_OPTIONS, values) };
}
