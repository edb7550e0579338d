/**
 * The flags that `generate` and `chat` share, and what they mean to the engine.
 *
 * @module
 */
import { DEFAULT_MAX_TOKENS, type EngineOptions, type GenerateOptions } from "../mod.ts";
import type { FlagValues } from "./flags.ts";

/** How tokens are chosen and when generation ends. */
export const GENERATION_FLAGS = {
  "max-tokens": { kind: "integer", min: 1, help: `generate at most N tokens (${DEFAULT_MAX_TOKENS})` },
  temperature: { kind: "number", min: 0, value: "T", help: "0 takes the likeliest token; higher is more varied" },
  "top-k": { kind: "integer", min: 0, help: "sample from the N likeliest tokens; 0: all" },
  "top-p": { kind: "number", above: 0, max: 1, value: "P", help: "sample from the likeliest tokens that sum to P" },
  "min-p": { kind: "number", min: 0, max: 1, value: "P", help: "drop tokens less likely than P times the likeliest" },
  seed: { kind: "integer", min: 0, help: "make sampling reproducible" },
  stop: { kind: "texts", value: "TEXT", help: "end before this text; may be given several times" },
  "ignore-eos": { kind: "boolean", help: "do not end at end-of-sequence tokens" },
  "repetition-penalty": { kind: "number", above: 0, value: "X", help: "make tokens seen before less likely; 1: off" },
  "presence-penalty": {
    kind: "number",
    min: -2,
    max: 2,
    value: "X",
    help: "subtracted from logits of generated tokens",
  },
  "frequency-penalty": { kind: "number", min: -2, max: 2, value: "X", help: "the same, once per occurrence" },
} as const;

/** How the engine is set up. */
export const ENGINE_FLAGS = {
  model: { kind: "text", value: "FOLDER", help: "the model folder, instead of an argument" },
  device: { kind: "choice", choices: ["auto", "cpu", "cuda"], help: "where to compute" },
  threads: { kind: "integer", min: 1, help: "compute threads; all usable cores when left out" },
  simd: { kind: "choice", choices: ["auto", "portable", "avx2", "avx512", "amx", "neon"], help: "instruction set" },
  library: { kind: "text", value: "FILE", help: "the device library, instead of looking for it" },
  "max-batch-tokens": {
    kind: "integer",
    min: 1,
    help: "tokens computed in one step; longer prompts are cut in chunks",
  },
  "max-batch-requests": { kind: "integer", min: 1, help: "prompts that run at the same time" },
  "max-context": { kind: "integer", min: 2, help: "tokens of the longest sequence, prompt and output" },
  "kv-dtype": { kind: "choice", choices: ["f32", "bf16"], help: "element type of the KV cache" },
  activations: {
    kind: "choice",
    choices: ["float32", "bfloat16"],
    help: "what matrices are multiplied with (float32)",
  },
  "kv-blocks": { kind: "integer", min: 1, help: "blocks of the KV cache" },
  "block-size": { kind: "integer", min: 1, help: "tokens per block" },
  "max-queue": { kind: "integer", min: 1, help: "prompts that may wait to be admitted; others fail" },
  "no-overlap": { kind: "boolean", help: "read each step's tokens before the next step is launched" },
  "no-late-launch": { kind: "boolean", help: "launch each step at once, without waiting for prompts that may arrive" },
  "no-early-first-token": { kind: "boolean", help: "hand over first tokens together with all others" },
  "stream-interval": { kind: "integer", min: 1, help: "hand over N tokens at once, after the first (1)" },
} as const;

/** `T` without the properties that are undefined, which the engine takes for "not said". */
type Said<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function said<T extends object>(options: T): Partial<Said<T>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<Said<T>>;
}

/**
 * Flags to `GenerateOptions`.
 *
 * @param values The flags' values.
 * @returns Only what was said.
 */
export function generateOptions(values: FlagValues<typeof GENERATION_FLAGS>): GenerateOptions {
  return said({
    maxTokens: values["max-tokens"],
    temperature: values.temperature,
    topK: values["top-k"],
    topP: values["top-p"],
    minP: values["min-p"],
    seed: values.seed,
    stop: values.stop.length > 0 ? [...values.stop] : undefined,
    ignoreEos: values["ignore-eos"] ? true : undefined,
    repetitionPenalty: values["repetition-penalty"],
    presencePenalty: values["presence-penalty"],
    frequencyPenalty: values["frequency-penalty"],
  });
}

/**
 * Flags to `EngineOptions`.
 *
 * @param values The flags' values.
 * @param requests How many requests will run at the same time when the flags do not say.
 * @returns Only what was said.
 */
export function engineOptions(values: FlagValues<typeof ENGINE_FLAGS>, requests: number): EngineOptions {
  return said({
    device: values.device,
    threads: values.threads,
    simd: values.simd,
    library: values.library,
    maxBatchTokens: values["max-batch-tokens"],
    maxBatchRequests: values["max-batch-requests"] ?? requests,
    maxContext: values["max-context"],
    kvDtype: values["kv-dtype"],
    activations: values.activations,
    kvBlocks: values["kv-blocks"],
    blockSize: values["block-size"],
    maxQueue: values["max-queue"],
    overlap: values["no-overlap"] ? false : undefined,
    lateLaunch: values["no-late-launch"] ? false : undefined,
    earlyFirstToken: values["no-early-first-token"] ? false : undefined,
    streamInterval: values["stream-interval"],
  });
}
