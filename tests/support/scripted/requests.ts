/**
 * Requests for tests of the scheduler and the caches, without an engine around them.
 *
 * @module
 */
import { Request, type RequestSpecification } from "../../../engine/scheduler/request.ts";
import { resolveSampling, type SamplingParameters } from "../../../engine/config/sampling_options.ts";
import { StopCriteria } from "../../../engine/scheduler/stop_criteria.ts";

/** Greedy sampling with a fixed seed. */
export const greedy: SamplingParameters = resolveSampling(
  { seed: 1 },
  { doSample: null, temperature: null, topK: null, topP: null, minP: null, repetitionPenalty: null },
  1000,
);

/**
 * A request that ends by length only.
 *
 * @param id The request's id.
 * @param prompt Token ids, or the length of a prompt that has no token in common with those of other requests.
 * @param maxTokens Tokens to generate.
 * @param changes Whatever else differs.
 */
export function makeRequest(
  id: number,
  prompt: number | readonly number[],
  maxTokens: number,
  changes: Partial<RequestSpecification> = {},
): Request {
  return new Request({
    id,
    promptTokenIds: Int32Array.from(typeof prompt === "number" ? new Array<number>(prompt).fill(1000 + id) : prompt),
    maxTokens,
    sampling: greedy,
    stopCriteria: new StopCriteria({ eosTokenIds: [], stopStrings: [], maxTokens: 1 }, null, []),
    ...changes,
  });
}
