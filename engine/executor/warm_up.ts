/**
 * Runs a request at load, so that the first real one is not slowed down by first uses: a runtime compiles code and foreign
 * calls (more than 100 ms in Deno), pages of the weights are touched, and a GPU allocates memory for steps of every size.
 *
 * @module
 */
import type { LoopOptions } from "./loop_options.ts";
import { UpbeatError } from "../../errors.ts";
import type { EncodedOutput } from "../channel/step_output.ts";
import type { ModelConfig } from "../models/config/model_config.ts";
import type { Clock } from "../telemetry/clock.ts";
import { Executor } from "./executor.ts";
import { KvBlockPool } from "../scheduler/kv_block_pool.ts";
import type { ModelRunner, RunnerLimits } from "../runner/model_runner.ts";
import type { InboxMessage } from "../channel/messages.ts";
import type { SamplingParameters } from "../config/sampling_options.ts";
import { Scheduler } from "../scheduler/scheduler.ts";

/** Enough for a prefill step and several overlapping decode steps. */
const GENERATED_TOKENS = 6;

/** Uses every part of sampling. */
const SAMPLING: SamplingParameters = {
  temperature: 1,
  topK: 2,
  topP: 0.9,
  minP: 0.1,
  repetitionPenalty: 1.1,
  presencePenalty: 0.1,
  frequencyPenalty: 0.1,
  biasTokens: [0],
  biasValues: [0],
  seed: 0,
  logprobs: 1,
};

/**
 * Generates some tokens and discards them. If the model gives no finite logits, other prompts are tried, as the cause may be
 * the embedding of one token.
 *
 * @param runner The model, loaded.
 * @param config Its configuration.
 * @param limits Bounds of a step and size of the KV cache; nothing is kept in it.
 * @param options Options of the loop.
 * @param now The engine's clock.
 * @throws {UpbeatError} `WEIGHTS_INVALID` if the model gives no finite logits for any prompt; `DEVICE_FAULT`,
 * `DEVICE_STALLED`, `DEVICE_OUT_OF_MEMORY`.
 */
export function warmUp(
  runner: ModelRunner,
  { folder, vocabularySize }: Pick<ModelConfig, "folder" | "vocabularySize">,
  limits: RunnerLimits,
  options: LoopOptions,
  now: Clock,
): void {
  runner.prepare();
  const prompts = [0, 1, vocabularySize >> 1, vocabularySize - 1];
  const isFinite = prompts.some((tokenId) => generates(tokenId, runner, limits, options, now));
  if (isFinite) return;
  throw new UpbeatError(
    "WEIGHTS_INVALID",
    `the model in ${folder} computes no finite logits: its weights contain NaN or Inf, or its activations overflow; ` +
      "download it again, or use another copy",
    { folder },
  );
}

/** Runs one request. Returns whether it generated tokens; false if its logits are not finite. */
function generates(
  promptToken: number,
  runner: ModelRunner,
  limits: RunnerLimits,
  options: LoopOptions,
  now: Clock,
): boolean {
  const blocks = new KvBlockPool(limits.kvBlocks, limits.blockSize);
  const messages: InboxMessage[] = [
    {
      type: "submit",
      id: 0,
      promptTokenIds: Int32Array.of(promptToken),
      maxTokens: Math.min(GENERATED_TOKENS, limits.maxContext - 1),
      sampling: SAMPLING,
      eosTokenIds: [],
      stopStrings: [],
      trackTokens: false,
    },
    { type: "shutdown", drain: true, deadline: null },
  ];
  let isFinite = true;
  const send = (output: EncodedOutput | null) => {
    for (const value of output?.values ?? []) {
      if (typeof value === "object" && value.code === "LOGITS_NOT_FINITE") isFinite = false;
    }
  };
  const port = { receive: () => messages.shift() ?? null, waitForMessage: () => {}, send };
  const scheduler = new Scheduler(blocks, limits);
  new Executor({ port, scheduler, blocks, runner, now, options, reports: null }).run();
  return isFinite;
}
