/**
 * What one step computes, and how a step's tokens are shared out between prompts.
 *
 * @module
 */
import type { Request } from "./request.ts";

/** One request's share of a step: `count` tokens of its sequence, from position `start` on. */
export interface ScheduledRequest {
  readonly request: Request;
  /** Position of the first token. */
  readonly start: number;
  /** Number of tokens; 1 when decoding. */
  readonly count: number;
  /** Whether the last of them is the last known token, so that its logits give the next one. */
  readonly samples: boolean;
}

/** What one step computes. */
export interface Step {
  /** Each request at most once; those that sample before those that do not. */
  readonly scheduled: readonly ScheduledRequest[];
  /** Tokens of all of them. */
  readonly tokens: number;
  /** How many of them sample: the first ones. */
  readonly samplingRequests: number;
}

/**
 * The part of what is left of a step that goes to a prompt which does not fit into it, while another one stands behind.
 *
 * So a long prompt never takes a whole step for itself while others wait, and a short one behind any number of long ones
 * starts in the first step that has a token left for it; the oldest still has half of every step.
 */
export const LONG_PROMPT_SHARE = 1 / 2;

/** A request's share of a step in the making. */
interface Share {
  readonly request: Request;
  readonly start: number;
  count: number;
  samples: boolean;
}

/** A step in the making. Streams do not depend on how a step is shared out, only times do. */
export class StepPlan {
  readonly #shares: Share[] = [];
  readonly #maxTokens: number;
  #left: number;

  /** @param maxTokens Tokens in the step, at most. */
  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
    this.#left = maxTokens;
  }

  /**
   * Give a request as much as it wants and the step has left, which must be something.
   *
   * @param request A request that is admitted and has no share yet.
   */
  add(request: Request): void {
    this.#give(request, this.#left);
  }

  /**
   * Share out what is left between prompts: each takes its part in turn, and what nobody else wants goes to the oldest.
   *
   * @param begun Requests whose prefill has begun, oldest first.
   * @param admitNext Admits the next request that waits, or gives null when none can be admitted. Called only when there
   * is a token for it.
   */
  addPrompts(begun: readonly Request[], admitNext: () => Request | null): void {
    const line = [...begun];
    const inLine = (index: number): Request | null => {
      const request = line[index] ?? admitNext();
      if (request !== null) line[index] = request;
      return request;
    };
    const shares: Share[] = [];
    for (let index = 0; this.#left > 0; index++) {
      const request = inLine(index);
      if (request === null) break;
      const isLong = request.remainingTokens > this.#left;
      const isShared = isLong && this.#left > 1 && inLine(index + 1) !== null;
      shares.push(this.#give(request, isShared ? Math.ceil(this.#left * LONG_PROMPT_SHARE) : this.#left));
    }
    for (const share of shares) this.#extend(share, this.#left);
  }

  /** The step, or null when nothing is in it. */
  finish(): Step | null {
    if (this.#shares.length === 0) return null;
    const sampling = this.#shares.filter(({ samples }) => samples);
    const chunks = this.#shares.filter(({ samples }) => !samples);
    return {
      scheduled: [...sampling, ...chunks],
      tokens: this.#maxTokens - this.#left,
      samplingRequests: sampling.length,
    };
  }

  #give(request: Request, limit: number): Share {
    const share: Share = { request, start: request.computedTokens, count: 0, samples: false };
    this.#extend(share, limit);
    this.#shares.push(share);
    return share;
  }

  #extend(share: Share, limit: number): void {
    const count = Math.min(share.request.remainingTokens - share.count, limit);
    share.count += count;
    share.samples = share.count === share.request.remainingTokens;
    this.#left -= count;
  }
}
