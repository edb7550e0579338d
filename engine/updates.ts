/**
 * What has become of requests since the caller's side was last told: moments, collected per request, handed over at once.
 *
 * @module
 */
import type { Moment, RequestUpdate, StepUsage } from "./protocol.ts";
import type { Request } from "./request.ts";
import { MAX_LOGPROBS } from "./sampling.ts";
import type { ScheduledRequest } from "./step_plan.ts";
import type { StepOutputs } from "./step_buffers.ts";

/** Moments that wait to be handed over. */
export class Updates {
  #updates = new Map<number, RequestUpdate>();

  /**
   * Add what happened to a request.
   *
   * @param request The request.
   * @param moment What happened, not before what was added last.
   */
  push(request: Request, moment: Moment): void {
    const update = this.#updates.get(request.id);
    if (update === undefined) this.#updates.set(request.id, { id: request.id, moments: [moment] });
    else update.moments.push(moment);
  }

  /**
   * Everything that was added since the last call.
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
 * The moment of a token, with its log-probabilities where the request asks for them.
 *
 * @param request The request.
 * @param outputs What the step gave.
 * @param row The request's row in it.
 * @param time When the token was known to the host, in milliseconds.
 * @param usage How the KV cache stood then; only requests that record their tokens get it.
 * @returns The moment.
 */
export function tokenMoment(
  request: Request,
  outputs: Pick<StepOutputs, "tokens" | "logprobs" | "logprobTokens">,
  row: number,
  time: number,
  usage: StepUsage | null,
): Moment {
  const moment: Writable<Extract<Moment, { type: "token" }>> = { type: "token", time, tokenId: outputs.tokens[row]! };
  const count = request.sampling.logprobs;
  if (count >= 0) {
    const first = row * (1 + MAX_LOGPROBS);
    moment.logprob = outputs.logprobs[first]!;
    moment.topLogprobs = Array.from({ length: count }, (_, rank) => ({
      tokenId: outputs.logprobTokens[row * MAX_LOGPROBS + rank]!,
      logprob: outputs.logprobs[first + 1 + rank]!,
    }));
  }
  if (request.trackTokens && usage !== null) moment.usage = usage;
  return moment;
}

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
