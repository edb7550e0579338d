/**
 * Runs a request at load, so that the first real one is not slowed down by first uses: a runtime compiles code and foreign
 * calls (more than 100 ms in Deno), pages of the weights are touched, and a GPU allocates memory for steps of every size.
 *
 * @module
 */
import type { LoopOptions } from "./loop_options.ts";
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
 * Generates some tokens and discards them.
 *
 * @param runner The model.
 * @param limits Bounds of a step and size of the KV cache; nothing is kept in it.
 * @param options Options of the loop.
 * @param now The engine's clock.
 * @throws {UpbeatError} `DEVICE_FAULT`, `DEVICE_STALLED`, `DEVICE_OUT_OF_MEMORY`.
 */
export function warmUp(
  runner: ModelRunner,
  limits: RunnerLimits,
  options: LoopOptions,
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
