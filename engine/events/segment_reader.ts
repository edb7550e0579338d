/**
 * Segments from stored data: every field checked before anything is made of it.
 *
 * @module
 */
import { invalidRecord } from "./plain_value.ts";
import { RECORD_STATUSES, type RequestSegment, type StepLogprobs } from "./request_record.ts";
import type { SamplingParameters } from "../config/sampling_options.ts";
import type { Tracking } from "../config/tracking.ts";

type Fields = Readonly<Record<string, unknown>>;
type Reader<Value> = (value: unknown, path: string) => Value;

/** What a stored segment holds besides its events. */
export type StoredSegment = Omit<RequestSegment, "events"> & { readonly text?: string | null };

const FINISH_REASONS = ["stop", "length", "cancelled"] as const;

const SAMPLING: { readonly [Field in keyof SamplingParameters]: Reader<SamplingParameters[Field]> } = {
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
};

const TRACKING: { readonly [Field in keyof Tracking]: Reader<boolean> } = {
  generatedTokens: flag,
  pauses: flag,
  details: flag,
};

const LOGPROBS: { readonly [Field in keyof StepLogprobs]: Reader<StepLogprobs[Field]> } = {
  tokenId: count,
  logprob: number,
  top: listOf((value, path) => fieldsOf(value, path, { tokenId: count, logprob: number })),
};

const SEGMENT: { readonly [Field in keyof Required<StoredSegment>]: Reader<Required<StoredSegment>[Field]> } = {
  requestId: count,
  arrival: number,
  promptTokenIds: orNull(tokenIds),
  promptLength: count,
  generatedBefore: count,
  maxTokens: count,
  sampling: orNull((value, path) => fieldsOf(value, path, SAMPLING)),
  eosTokenIds: listOf(count),
  stopStrings: listOf(text),
  tracking: (value, path) => fieldsOf(value, path, TRACKING),
  status: oneOf(RECORD_STATUSES),
  finishReason: orNull(oneOf(FINISH_REASONS)),
  stopReason: orNull((value, path) => (typeof value === "string" ? value : count(value, path))),
  ttftMs: orNull(number),
  tokenIds: listOf(count),
  logprobs: orNull(listOf((value, path) => fieldsOf(value, path, LOGPROBS))),
  text: orNull(text),
};

/**
 * A segment from its stored fields.
 *
 * @param fields The fields, without version and events.
 * @param path What the segment is called in an error.
 * @returns The segment.
 * @throws {UpbeatError} `RECORD_INVALID`, naming the field that is missing, wrong or not known.
 */
export function readSegment(fields: Fields, path: string): StoredSegment {
  const { text: _, ...required } = SEGMENT;
  const complete = { promptTokenIds: null, ...fields };
  const segment = fieldsOf(complete, path, Object.hasOwn(fields, "text") ? SEGMENT : required);
  const { promptTokenIds, promptLength, generatedBefore } = segment;
  if (promptTokenIds !== null && promptTokenIds.length !== promptLength) {
    throw invalidRecord(
      `${path}.promptLength`,
      `must be ${promptTokenIds.length}, as promptTokenIds has`,
      promptLength,
    );
  }
  if (generatedBefore > promptLength) {
    throw invalidRecord(`${path}.generatedBefore`, `must be at most promptLength, ${promptLength}`, generatedBefore);
  }
  return segment;
}

function fieldsOf<Value extends object>(
  value: unknown,
  path: string,
  readers: { readonly [Field in keyof Value]: Reader<Value[Field]> },
): Value {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidRecord(path, "must be an object", value);
  }
  const result: Partial<Value> = {};
  for (const field of Object.keys(readers) as (keyof Value & string)[]) {
    if (!Object.hasOwn(value, field)) throw invalidRecord(`${path}.${field}`, "is missing", undefined);
    result[field] = readers[field]((value as Fields)[field], `${path}.${field}`);
  }
  for (const field of Object.keys(value)) {
    if (!Object.hasOwn(readers, field)) {
      throw invalidRecord(`${path}.${field}`, "is not known", (value as Fields)[field]);
    }
  }
  return result as Value;
}

function orNull<Value>(reader: Reader<Value>): Reader<Value | null> {
  return (value, path) => (value === null ? null : reader(value, path));
}

function listOf<Value>(reader: Reader<Value>): Reader<Value[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw invalidRecord(path, "must be an array", value);
    return value.map((item, index) => reader(item, `${path}[${index}]`));
  };
}

function oneOf<Value>(allowed: readonly Value[]): Reader<Value> {
  return (value, path) => {
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) throw invalidRecord(path, `must be one of ${allowed.join(", ")}`, value);
    return found;
  };
}

/** Ids are numbers in a list, or 32-bit ones where the prompt was given so. */
function tokenIds(value: unknown, path: string): number[] | Int32Array {
  return value instanceof Int32Array ? value : listOf(count)(value, path);
}

function count(value: unknown, path: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw invalidRecord(path, "must be an integer >= 0", value);
  }
  return value as number;
}

function integer(value: unknown, path: string): number {
  if (!Number.isSafeInteger(value)) throw invalidRecord(path, "must be an integer", value);
  return value as number;
}

function number(value: unknown, path: string): number {
  if (typeof value !== "number") throw invalidRecord(path, "must be a number", value);
  return value;
}

function flag(value: unknown, path: string): boolean {
  if (typeof value !== "boolean") throw invalidRecord(path, "must be true or false", value);
  return value;
}

function text(value: unknown, path: string): string {
  if (typeof value !== "string") throw invalidRecord(path, "must be a string", value);
  return value;
}
