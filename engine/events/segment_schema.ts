/**
 * The schema of stored segments.
 *
 * @module
 */
import type { SamplingParameters } from "../config/sampling_options.ts";
import type { Tracking } from "../config/tracking.ts";
import { candidate, logprob } from "./event_schema.ts";
import { FINISH_REASONS } from "./finish_reason.ts";
import { RECORD_STATUSES, type RequestSegment } from "./request_record.ts";
import type { StepLogprobs } from "./event_types.ts";
import {
  check,
  count,
  either,
  type Fields,
  flag,
  integer,
  invalid,
  listOf,
  matching,
  number,
  objectOf,
  oneOf,
  orNull,
  type Schema,
  text,
} from "./schema.ts";

/** A stored segment without its events. */
export type StoredSegment = Omit<RequestSegment, "events"> & { readonly text?: string | null };

/** The schema of each field of an object type. */
type SchemasOf<Value> = Readonly<Record<keyof Value, Schema>>;

const sampling = objectOf(
  {
    temperature: number,
    topK: integer,
    topP: number,
    minP: number,
    repetitionPenalty: number,
    presencePenalty: number,
    frequencyPenalty: number,
    biasTokens: listOf(count),
    biasValues: listOf(number),
    seed: count,
    logprobs: integer,
  } satisfies SchemasOf<SamplingParameters>,
);

const tracking = objectOf({ generatedTokens: flag, pauses: flag, details: flag } satisfies SchemasOf<Tracking>);

const logprobs = objectOf({ tokenId: count, logprob, top: listOf(candidate) } satisfies SchemasOf<StepLogprobs>);

const ids = listOf(count);

/** A prompt that was given as an `Int32Array` stays one. */
const promptIds = either(matching((value) => value instanceof Int32Array, ""), ids);

const SEGMENT = objectOf(
  {
    requestId: count,
    arrival: number,
    promptTokenIds: orNull(promptIds),
    promptLength: count,
    generatedBefore: count,
    maxTokens: count,
    sampling: orNull(sampling),
    eosTokenIds: ids,
    stopStrings: listOf(text),
    tracking,
    status: oneOf(RECORD_STATUSES),
    finishReason: orNull(oneOf(FINISH_REASONS)),
    stopReason: orNull(either(text, count)),
    ttftMs: orNull(number),
    tokenIds: ids,
    logprobs: orNull(listOf(logprobs)),
  } satisfies SchemasOf<Omit<StoredSegment, "text">>,
  { text: orNull(text) },
);

/**
 * Check a stored segment.
 *
 * @param fields Its fields, without version and events.
 * @param name The segment's name in an error.
 * @returns The segment; `promptTokenIds` is null where they were not stored.
 * @throws {UpbeatError} `RECORD_INVALID`, naming the field that is missing, wrong or not known.
 */
export function checkSegment(fields: Fields, name: string): StoredSegment {
  const complete = { promptTokenIds: null, ...fields };
  check(complete, SEGMENT, name, "RECORD_INVALID");
  const segment = complete as unknown as StoredSegment;
  const { promptTokenIds, promptLength, generatedBefore } = segment;
  if (promptTokenIds !== null && promptTokenIds.length !== promptLength) {
    const rule = `must be ${promptTokenIds.length}, as promptTokenIds has`;
    throw invalid(`${name}.promptLength`, rule, promptLength, "RECORD_INVALID");
  }
  if (generatedBefore > promptLength) {
    const rule = `must be at most promptLength, ${promptLength}`;
    throw invalid(`${name}.generatedBefore`, rule, generatedBefore, "RECORD_INVALID");
  }
  return segment;
}
