/**
 * Generations whose executor is the test: moments are told by hand.
 *
 * @module
 */
import { type EventSink, Generation } from "../../engine/caller/generation.ts";
import type { Moment } from "../../engine/events/moment.ts";
import type { SegmentRequest } from "../../engine/events/request_record.ts";
import { RequestTotals } from "../../engine/telemetry/engine_stats.ts";
import type { Tracking } from "../../engine/config/tracking.ts";
import { byteLevelJson, tokenizerOf } from "./tokenizers/small_tokenizers.ts";
import { requestError, segmentRequest } from "./events.ts";

const tokenizer = tokenizerOf(byteLevelJson());

/** Everything is kept. */
export const ALL: Tracking = { generatedTokens: true, pauses: true, details: true };
/** How the KV cache stands at every token. */
export const USAGE = { step: 3, blocksTotal: 8, blocksAllocated: 5, blocksActive: 4, activeTokens: 20 };

/** A generation in the hands of a test. */
export interface Played {
  readonly generation: Generation;
  /** How often the executor was told to end it. */
  readonly cancels: () => number;
  /** Tell moments, all in one update. */
  readonly tell: (...moments: Moment[]) => void;
  /** What time it is on this side. */
  time: number;
}

/** A generation that arrived at 100, and moments told by hand. */
export function play(
  tracking: Tracking,
  changes: Partial<SegmentRequest> = {},
  sink: EventSink = { listener: null },
  totals = new RequestTotals(),
  streamInterval = 1,
): Played {
  let cancels = 0;
  const promptTokenIds = tokenizer.encode("once");
  const played: Played = {
    generation: new Generation({
      request: segmentRequest({ promptTokenIds, promptLength: promptTokenIds.length, tracking, ...changes }),
      tokenizeMs: 0.5,
      tokenTable: tokenizer.tokenTable,
      streamInterval,
      now: () => played.time,
      sink,
      totals,
      onCancel: () => cancels++,
    }),
    cancels: () => cancels,
    tell: (...moments) => {
      const last = moments.at(-1)!.time;
      played.generation.handleUpdate({ id: 7, moments }, last + 0.25);
    },
    time: 1000,
  };
  return played;
}

/** Moments, each with what only it has. */
export const chunk = (time: number, tokens = 4, cached = 0): Moment => {
  return { type: "chunk", time, tokens, computed: cached + tokens, total: 4, cached };
};
export const context = (time: number): Moment => ({ type: "context", time });
export const token = (time: number, tokenId: number): Moment => ({ type: "token", time, tokenId, usage: USAGE });
export const pause = (time: number): Moment => ({ type: "pause", time });
export const resume = (time: number): Moment => ({ type: "resume", time });
export const evict = (time: number): Moment => ({ type: "evict", time });
export const finish = (time: number, reason: "length" | "stop" | "cancelled" = "length"): Moment => {
  return { type: "finish", time, reason, stopReason: null, wastedSteps: 1 };
};

/** The token that is this word. */
function idOf(word: string): number {
  const { tokenTable } = tokenizer;
  const bytes = new TextEncoder().encode(word).join();
  for (let id = 0; id < tokenTable.size; id++) if (tokenTable.bytesOf(id).join() === bytes) return id;
  return -1;
}

/** Tokens that are words. */
export const [UPON, TIME, THERE] = [idOf("upon"), idOf("time"), idOf("there")];

/** A whole life with chunks, a pause, an eviction. */
export function playAll(tracking: Tracking, sink?: EventSink): Played {
  const played = play(tracking, {}, sink);
  played.tell({ type: "refused", time: 101, error: requestError(true) });
  played.tell(chunk(102, 2), chunk(103, 2), context(103), token(104, UPON));
  played.tell(pause(105));
  played.tell(resume(106), token(107, TIME), pause(108), evict(109));
  played.tell(chunk(110, 6, 2), context(110), token(111, THERE), finish(111));
  return played;
}
