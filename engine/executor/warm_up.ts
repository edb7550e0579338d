/**
 * Run once what the first request would otherwise wait for on the executor's thread: a runtime compiles code and foreign
 * calls at their first use (in Deno that takes more than 100 ms in all), pages of the weights are touched for the first
 * time, and a GPU allocates for steps of every size.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import { Executor, type ExecutorOptions } from "./executor.ts";
import { KvBlockPool } from "../scheduler/kv_block_pool.ts";
import type { ModelRunner, RunnerLimits } from "../runner/model_runner.ts";
import type { InboxMessage } from "../channel/messages.ts";
import type { SamplingParameters } from "../config/sampling_options.ts";
import { Scheduler } from "../scheduler/scheduler.ts";

/** One prefill step and some decode steps, each beside the one before. */
const GENERATED_TOKENS = 6;

/** Every part of sampling is used once. */
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
 * Let an executor generate some tokens and forget them.
 *
 * @param runner The model.
 * @param limits The bounds of a step, and the size of the KV cache, in which nothing is kept.
 * @param options How the loop will run.
 * @param now The engine's clock.
 * @throws {UpbeatError} `DEVICE_FAULT`, `DEVICE_STALLED`, `DEVICE_OUT_OF_MEMORY`.
 */
export function warmUp(
  runner: ModelRunner,
  limits: RunnerLimits,
  options: ExecutorOptions,
  now: Clock,
): void {
  runner.prepare();
  const blocks = new KvBlockPool(limits.kvBlocks, limits.blockSize);
  const messages: InboxMessage[] = [
    {
      type: "submit",
      id: 0,
      promptTokenIds: new Int32Array(1),
      maxTokens: Math.min(GENERATED_TOKENS, limits.maxContext - 1),
      sampling: SAMPLING,
      eosTokenIds: [],
      stopStrings: [],
      trackTokens: false,
    },
    { type: "shutdown", drain: true, deadline: null },
  ];
  const port = { receive: () => messages.shift() ?? null, waitForMessage: () => {}, send: () => {} };
  const scheduler = new Scheduler(blocks, limits);
  new Executor({ port, scheduler, blocks, runner, now, options, reports: null }).run();
}
