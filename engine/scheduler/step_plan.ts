/**
 * What one step computes, and how its tokens are divided between prompts.
 *
 * @module
 */
import type { Request } from "./request.ts";

/** A request's share of a step: `count` tokens of its sequence from position `start`. */
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
  /** Each request at most once; sampling requests first. */
  readonly scheduled: readonly ScheduledRequest[];
  /** Total number of tokens. */
  readonly tokens: number;
  /** Number of requests that sample; they come first. */
  readonly samplingRequests: number;
}

/**
 * Share of the remaining tokens that goes to a prompt too long for the step while another prompt waits.
 *
 * A long prompt never takes a whole step while others wait, and a short prompt queued after several long ones starts in the
 * first step with a token left for it; the oldest still gets half of every step.
 */
export const LONG_PROMPT_SHARE = 1 / 2;

/** A request's share of a step under construction. */
interface Share {
  readonly request: Request;
  readonly start: number;
  count: number;
  samples: boolean;
}

/** A step under construction. How its tokens are divided changes times, never streams. */
export class StepPlan {
  readonly #shares: Share[] = [];
  readonly #maxTokens: number;
  #left: number;

  /** @param maxTokens Most tokens in the step. */
  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
    this.#left = maxTokens;
  }

  /**
   * Adds a request with as many tokens as it needs and the step has left. At least one must be left.
   *
   * @param request An admitted request without a share.
   */
  add(request: Request): void {
    this.#give(request, this.#left);
  }

  /**
   * Divides the remaining tokens between prompts, in order; what is left over goes to the oldest.
   *
   * @param begun Requests whose prefill has begun, oldest first.
   * @param admitNext Admits the next waiting request; null if none can be admitted. Called only while tokens are left.
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

  /** The step; null if it is empty. */
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
