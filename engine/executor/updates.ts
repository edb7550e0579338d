/**
 * What has become of requests since the caller's side was last told: moments, collected per request, handed over at once.
 *
 * @module
 */
import type { KvBlockPool } from "../scheduler/kv_block_pool.ts";
import type { Moment, RequestUpdate, StepUsage, TokenMoment } from "../events/moment.ts";
import type { Request } from "../scheduler/request.ts";
import { MAX_LOGPROBS } from "../config/sampling_options.ts";
import type { ScheduledRequest, Step } from "../scheduler/step_plan.ts";
import type { StepResults } from "../runner/step_outputs.ts";

/**
 * Moments that wait to be handed over, and tokens that are held back until it is their turn.
 *
 * A request's moments leave in the order in which they happened, each once: a token is either held or told, and whatever
 * else happens to its request has it told first.
 */
export class Updates {
  #updates = new Map<number, RequestUpdate>();
  readonly #holding = new Set<Request>();

  /**
   * Add what happened to a request.
   *
   * @param request The request.
   * @param moment What happened, not before what was added last.
   */
  push(request: Request, moment: Moment): void {
    this.tell(request);
    this.#push(request, moment);
  }

  /**
   * Add a token, to be told later.
   *
   * @param request The request.
   * @param moment The token, which is in the request's `tokenIds` already.
   */
  hold(request: Request, moment: TokenMoment): void {
    if (request.untold.push(moment) === 1) this.#holding.add(request);
  }

  /**
   * Let a request's held tokens be handed over.
   *
   * @param request The request.
   */
  tell(request: Request): void {
    const { untold } = request;
    if (untold.length === 0) return;
    request.untold = [];
    this.#holding.delete(request);
    for (const moment of untold) this.#push(request, moment);
  }

  /**
   * Until when everything has been told.
   *
   * @param time When what comes next can happen at the earliest.
   * @returns That time, or the one of the oldest token that is held.
   */
  settledUntil(time: number): number {
    let settled = time;
    for (const { untold } of this.#holding) settled = Math.min(settled, untold[0]!.time);
    return settled;
  }

  #push(request: Request, moment: Moment): void {
    const update = this.#updates.get(request.id);
    if (update === undefined) this.#updates.set(request.id, { id: request.id, moments: [moment] });
    else update.moments.push(moment);
  }

  /**
   * Everything that is to be handed over since the last call.
   *
   * @returns One update for each request that something happened to, in the order of the first moments.
   */
  take(): RequestUpdate[] {
    if (this.#updates.size === 0) return [];
    const updates = [...this.#updates.values()];
    this.#updates = new Map();
    return updates;
  }
}

/**
 * The moment of a chunk of a sequence, just before the forward pass that computes it.
 *
 * @param scheduled The request's share of the step.
 * @param time Milliseconds.
 * @returns The moment.
 */
export function chunkMoment({ request, start, count }: ScheduledRequest, time: number): Moment {
  return {
    type: "chunk",
    time,
    tokens: count,
    computed: start + count,
    total: request.contextTokens,
    cached: request.cachedTokens,
  };
}

/**
 * How the KV cache stands when a step is launched, once for all of its tokens.
 *
 * @param step The step.
 * @param number Its number, counted from 1.
 * @param blocks The KV blocks.
 * @returns null where no request of the step records its tokens.
 */
export function usageOf(
  { scheduled }: Step,
  number: number,
  { totalBlocks, usedBlocks, cachedBlocks }: Pick<KvBlockPool, "totalBlocks" | "usedBlocks" | "cachedBlocks">,
): StepUsage | null {
  if (!scheduled.some(({ request, samples }) => samples && request.trackTokens)) return null;
  return {
    step: number,
    blocksTotal: totalBlocks,
    blocksAllocated: usedBlocks + cachedBlocks,
    blocksActive: usedBlocks,
    activeTokens: scheduled.reduce((sum, { start, count }) => sum + start + count, 0),
  };
}

/**
 * The moment of a token, with its log-probabilities where the request asks for them.
 *
 * @param request The request.
 * @param results What the step gave.
 * @param row The request's row in it.
 * @param time When the token was known to the host, in milliseconds.
 * @param usage How the KV cache stood; only requests that record their tokens get it.
 * @returns The moment.
 */
export function tokenMoment(
  request: Request,
  results: StepResults,
  row: number,
  time: number,
  usage: StepUsage | null,
): TokenMoment {
  const moment: Writable<TokenMoment> = { type: "token", time, tokenId: results.tokens[row]! };
  const count = request.sampling.logprobs;
  if (count >= 0) {
    const first = row * (1 + MAX_LOGPROBS);
    moment.logprob = results.logprobs[first]!;
    moment.topLogprobs = Array.from({ length: count }, (_, rank) => ({
      tokenId: results.logprobTokens[row * MAX_LOGPROBS + rank]!,
      logprob: results.logprobs[first + 1 + rank]!,
    }));
  }
  if (request.trackTokens && usage !== null) moment.usage = usage;
  return moment;
}

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
