/**
 * Generators of request lives: event sequences that the grammar allows, and payloads for them.
 *
 * @module
 */
import fc from "fast-check";
import { ERROR_CODES } from "../../errors.ts";
import type { EventPayloads, RequestError, RequestEvent, RequestEventType } from "../../engine/events/event_types.ts";
import { createEvent } from "../../engine/events/events.ts";
import type { FinishReason } from "../../engine/events/finish_reason.ts";
import type { SegmentRequest } from "../../engine/events/request_record.ts";
import type { SamplingParameters } from "../../engine/config/sampling_options.ts";

/** Sampling parameters, with a seed that needs more than 32 bits and a bias that JSON cannot hold. */
export const SAMPLING: SamplingParameters = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repetitionPenalty: 1.1,
  presencePenalty: -0.5,
  frequencyPenalty: 0.25,
  biasTokens: [3, 5],
  biasValues: [-Infinity, 2.5],
  seed: 2 ** 52 + 1,
  logprobs: 2,
};

/** A request that records all events. */
export function segmentRequest(changes: Partial<SegmentRequest> = {}): SegmentRequest {
  return {
    requestId: 7,
    arrival: 100,
    promptTokenIds: [1, 2, 3],
    promptLength: 3,
    generatedBefore: 0,
    maxTokens: 20,
    sampling: SAMPLING,
    eosTokenIds: [],
    stopStrings: [],
    tracking: { generatedTokens: true, pauses: true, details: true },
    ...changes,
  };
}

/** An error payload with all optional fields. */
export function requestError(transient: boolean, changes: Partial<RequestError> = {}): RequestError {
  return {
    code: transient ? "KV_BLOCKS_EXHAUSTED" : "DEVICE_FAULT",
    message: "it went wrong",
    details: { field: "x", value: 1.5, flag: true, nothing: null },
    cause: { name: "RangeError", message: "below", cause: { name: "Error", message: "deepest" } },
    requestId: 7,
    transient,
    ...changes,
  };
}

/** Events of given types, one millisecond apart. */
export function eventsOf(types: readonly RequestEventType[], start = 100, requestId = 7): RequestEvent[] {
  let tokens = 0;
  return types.map((type, index) => {
    const payloads: EventPayloads = {
      ADD_ENGINE: null,
      ADD_CONTEXT: null,
      GENERATED_TOKEN: { tokenId: 40 + tokens, text: "t" },
      PAUSE: null,
      EVICT: null,
      FINISH: null,
      FAIL: null,
      ERROR_TRANSIENT: requestError(true, { requestId }),
      ERROR_NONTRANSIENT: requestError(false, { requestId }),
      PREFILL_CHUNK: { tokens: 2, computed: 3, total: 4, cached: 1 },
      RESUME: null,
      CANCEL: { reason: "user" },
    };
    if (type === "GENERATED_TOKEN") tokens++;
    return createEvent(requestId, type, start + index, payloads[type]) as RequestEvent;
  });
}

/** A complete life of a request. */
export interface Life {
  readonly types: readonly RequestEventType[];
  readonly finishReason: FinishReason | null;
}

const pauses = fc.array(fc.constant<RequestEventType>("PAUSE"), { maxLength: 3 });

const token = pauses.map((before): RequestEventType[] => [...before, "GENERATED_TOKEN"]);

const run = fc.array(token, { maxLength: 5 }).map((tokens): RequestEventType[] => ["ADD_CONTEXT", ...tokens.flat()]);

/** A run that is cut by EVICT at any point. */
const cutRun = fc.tuple(run, pauses).map(([types, cut]): RequestEventType[] => [...types, ...cut, "EVICT"]);

const waiting = fc.array(fc.constant<RequestEventType>("ERROR_TRANSIENT"), { maxLength: 3 });

const evictions = fc.array(cutRun, { maxLength: 3 }).map((runs) => runs.flat());

const finished = fc.tuple(waiting, evictions, run, fc.constantFrom<FinishReason>("stop", "length")).map(
  ([refused, evicted, last, finishReason]): Life => ({
    types: ["ADD_ENGINE", ...refused, ...evicted, ...last, "FINISH"],
    finishReason,
  }),
);

/** The events of a request up to the point where it is cancelled or fails. */
const begun = fc.tuple(waiting, evictions, fc.option(fc.tuple(run, pauses), { nil: null })).map(
  ([refused, evicted, last]): RequestEventType[] => ["ADD_ENGINE", ...refused, ...evicted, ...(last ?? []).flat()],
);

const cancelled = begun.map((types): Life => ({ types: [...types, "FINISH"], finishReason: "cancelled" }));

const errors = fc.array(fc.constantFrom<RequestEventType>("ERROR_TRANSIENT", "ERROR_NONTRANSIENT"), {
  minLength: 1,
  maxLength: 3,
});

const failed = fc.tuple(begun, errors).map(
  ([types, causes]): Life => ({ types: [...types, ...causes, "FAIL"], finishReason: null }),
);

/** All lives that the grammar allows. */
export const lives: fc.Arbitrary<Life> = fc.oneof(finished, cancelled, failed);

const details = fc.dictionary(
  fc.string(),
  fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null)),
  { maxKeys: 3 },
);

/** Arbitrary valid payloads. */
export function payloadOf(type: RequestEventType, requestId: number): fc.Arbitrary<unknown> {
  switch (type) {
    case "GENERATED_TOKEN":
      return fc.record({
        tokenId: fc.maxSafeNat(),
        text: fc.string({ unit: "binary" }),
        logprob: fc.double({ noNaN: true, max: 0 }),
        topLogprobs: fc.array(fc.record({ tokenId: fc.nat(), logprob: fc.double({ noNaN: true }) }), { maxLength: 2 }),
        emittedAt: fc.double({ noNaN: true, noDefaultInfinity: true }),
        step: fc.nat(),
        blocksActive: fc.nat(),
      }, { requiredKeys: ["tokenId", "text"] });
    case "ERROR_TRANSIENT":
    case "ERROR_NONTRANSIENT":
      return fc.record({
        code: fc.constantFrom(...ERROR_CODES),
        message: fc.string({ unit: "binary" }),
        details,
        requestId: fc.constant(requestId),
        transient: fc.constant(type === "ERROR_TRANSIENT"),
        cause: fc.record({
          name: fc.string(),
          message: fc.string(),
          details,
          cause: fc.record({ name: fc.string(), message: fc.string() }),
        }, { requiredKeys: ["name", "message"] }),
      }, { requiredKeys: ["code", "message", "details", "requestId", "transient"] });
    case "PREFILL_CHUNK":
      return fc.record({ tokens: fc.nat(), computed: fc.nat(), total: fc.nat(), cached: fc.nat() });
    case "CANCEL":
      return fc.record({ reason: fc.constantFrom("user", "disconnect", "deadline", "shutdown") });
    default:
      return fc.constant(null);
  }
}
