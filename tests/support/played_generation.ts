/**
 * Generations that a test drives in place of the executor.
 *
 * @module
 */
import { Generation } from "../../engine/caller/generation.ts";
import type { EventTap } from "../../engine/caller/generation_setup.ts";
import type { RequestError } from "../../engine/events/event_types.ts";
import type { FinishReason } from "../../engine/events/finish_reason.ts";
import type { SegmentRequest } from "../../engine/events/request_record.ts";
import { RequestTotals } from "../../engine/telemetry/engine_stats.ts";
import type { Tracking } from "../../engine/config/tracking.ts";
import { byteLevelJson, tokenizerOf } from "./tokenizers/small_tokenizers.ts";
import { requestError, segmentRequest } from "./events.ts";
import { type OutputEvent, playOutput } from "./recorded_outputs.ts";

const tokenizer = tokenizerOf(byteLevelJson());

/** Records all events. */
export const ALL: Tracking = { generatedTokens: true, pauses: true, details: true };
/** The state of the KV cache at every token. */
export const USAGE = { step: 3, blocksTotal: 8, blocksAllocated: 5, blocksActive: 4, activeTokens: 20 };

/** A generation driven by a test. */
export interface Played {
  readonly generation: Generation;
  /** Number of cancel messages sent to the executor. */
  readonly cancels: () => number;
  /** Deliver events in one output. */
  readonly play: (...events: OutputEvent[]) => void;
  /** The caller's clock. */
  time: number;
}

/** A generation of a request that arrived at 100. */
export function play(
  tracking: Tracking,
  changes: Partial<SegmentRequest> = {},
  tap: EventTap = { listener: null },
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
      tap,
      totals,
      onCancel: () => cancels++,
    }),
    cancels: () => cancels,
    play: (...events) => {
      const emittedAt = events.at(-1)!.timestamp + 0.25;
      const output = { events, emittedAt, watermark: emittedAt, counters: null, steps: [] };
      playOutput(new Map([[7, played.generation]]), output);
    },
    time: 1000,
  };
  return played;
}

const requestId = 7;

// Events, with the properties specific to each.

export const chunk = (timestamp: number, tokens = 4, cached = 0): OutputEvent => {
  return {
    requestId,
    type: "PREFILL_CHUNK",
    timestamp,
    payload: { tokens, computed: cached + tokens, total: 4, cached },
  };
};
export const token = (timestamp: number, tokenId: number): OutputEvent => {
  return { requestId, type: "GENERATED_TOKEN", timestamp, payload: { tokenId, logprobs: null, usage: USAGE } };
};
const event = (type: "ADD_CONTEXT" | "PAUSE" | "RESUME" | "EVICT") => (timestamp: number): OutputEvent => {
  return { requestId, type, timestamp, payload: null };
};
export const [context, pause, resume, evict] = [
  event("ADD_CONTEXT"),
  event("PAUSE"),
  event("RESUME"),
  event("EVICT"),
] as const;
export const refused = (timestamp: number, changes: Partial<RequestError> = {}): OutputEvent => {
  return { requestId, type: "ERROR_TRANSIENT", timestamp, payload: requestError(true, changes) };
};
export const failure = (timestamp: number): OutputEvent => {
  return { requestId, type: "ERROR_NONTRANSIENT", timestamp, payload: requestError(false) };
};
export const finish = (
  timestamp: number,
  reason: FinishReason = "length",
  stopReason: number | null = null,
): OutputEvent => {
  return { requestId, type: "FINISH", timestamp, payload: { reason, stopReason, wastedSteps: 1 } };
};

/** The token of a word. */
function idOf(word: string): number {
  const { tokenTable } = tokenizer;
  const bytes = new TextEncoder().encode(word).join();
  for (let id = 0; id < tokenTable.size; id++) if (tokenTable.bytesOf(id).join() === bytes) return id;
  return -1;
}

/** Tokens of single words. */
export const [UPON, TIME, THERE] = [idOf("upon"), idOf("time"), idOf("there")];

/** Plays a whole life with prefill chunks, pauses and an eviction. */
export function playAll(tracking: Tracking, tap?: EventTap): Played {
  const played = play(tracking, {}, tap);
  played.play(refused(101));
  played.play(chunk(102, 2), chunk(103, 2), context(103), token(104, UPON));
  played.play(pause(105));
  played.play(resume(106), token(107, TIME), pause(108), evict(109));
  played.play(chunk(110, 6, 2), context(110), token(111, THERE), finish(111));
  return played;
}
