/**
 * Run once what the first request would otherwise wait for: the runtime compiles its foreign calls at their first use (in
 * Deno that takes more than 100 ms in all), and pages of the weights are touched for the first time.
 *
 * @module
 */
import type { KvBlockPool } from "./kv_cache.ts";
import type { ModelRunner } from "./model_runner.ts";
import { Request } from "./request.ts";
import type { SamplingParameters } from "./sampling.ts";
import { Scheduler, type SchedulerLimits } from "./scheduler.ts";
import { StopCriteria } from "./stop_criteria.ts";

/** One prefill step and one decode step. */
const GENERATED_TOKENS = 2;

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
 * Generate two tokens and forget them.
 *
 * @param runner The model.
 * @param blocks The KV pool, unused so far; it is unused again afterwards.
 * @param limits The bounds of a step.
 * @throws {UpbeatError} `DEVICE_FAULT` or `DEVICE_STALLED`.
 */
export function warmUp(runner: ModelRunner, blocks: KvBlockPool, limits: SchedulerLimits): void {
  const scheduler = new Scheduler(blocks, limits);
  const request = new Request({
    id: 0,
    promptTokenIds: new Int32Array(1),
    maxTokens: Math.min(GENERATED_TOKENS, blocks.totalBlocks * blocks.blockSize - 1),
    sampling: SAMPLING,
    stopCriteria: new StopCriteria({ eosTokenIds: [], stopStrings: [] }, null, []),
  });
  scheduler.enqueue(request);
  while (request.tokenIds.length < request.maxTokens) {
    const step = scheduler.schedule({ admitted: (admitted) => runner.admit(admitted) });
    if (step === null) break;
    runner.launchForward(step);
    const results = runner.launchSampling(step);
    runner.waitForResults(results);
    request.computedTokens += step.tokens;
    request.tokenIds.push(results.tokens[0]!);
  }
  scheduler.remove(request);
}
