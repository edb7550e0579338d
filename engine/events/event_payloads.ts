/**
 * The rules of event payloads, checked on values of any origin: what the engine makes, and what a file holds.
 *
 * @module
 */
import { integerOf, invalidEvent, timeOf } from "./payload_checks.ts";
import { ERROR_CODES, serializeError, UpbeatError } from "../../errors.ts";
import type { RequestError, RequestEventType } from "./events.ts";

/** Who may end a generation early. */
export const CANCEL_REASONS = ["user", "disconnect", "deadline", "shutdown"] as const;

type Fields = Readonly<Record<string, unknown>>;

/** Checks the field `name` of what is called `path`; the two are joined only for an error. */
type Check = (path: string, name: string, value: unknown) => void;

/** What an object may hold. */
interface Rules {
  readonly required: readonly string[];
  readonly checks: ReadonlyMap<string, Check>;
}

const count: Check = (path, name, value) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) integerOf(fieldPath(path, name), value);
};

const time: Check = (path, name, value) => {
  if (!Number.isFinite(value)) timeOf(fieldPath(path, name), value);
};

const text: Check = (path, name, value) => {
  if (typeof value !== "string") throw invalidEvent(fieldPath(path, name), "must be a string", value);
};

/** -Infinity is that of a token that cannot be, NaN what a model of NaNs gives. */
const logarithm: Check = (path, name, value) => {
  if (typeof value !== "number") throw invalidEvent(fieldPath(path, name), "must be a number", value);
};

const CANDIDATE = rules({ tokenId: count, logprob: logarithm }, {});

const candidates: Check = (path, name, value) => {
  const field = fieldPath(path, name);
  if (!Array.isArray(value)) throw invalidEvent(field, "must be an array", value);
  value.forEach((candidate, index) => checkObject(`${field}[${index}]`, candidate, CANDIDATE));
};

const TOKEN = rules({ tokenId: count, text }, {
  logprob: logarithm,
  topLogprobs: candidates,
  emittedAt: time,
  step: count,
  blocksTotal: count,
  blocksAllocated: count,
  blocksActive: count,
  activeTokens: count,
});

const CHUNK = rules({ tokens: count, computed: count, total: count, cached: count }, {});

const CANCEL = rules({ reason: oneOf(CANCEL_REASONS) }, {});

const errorCode = oneOf(ERROR_CODES);

const details: Check = (path, name, value) => {
  const field = fieldPath(path, name);
  for (const [key, detail] of Object.entries(objectOf(field, value))) {
    if (detail !== null && !["string", "number", "boolean"].includes(typeof detail)) {
      throw invalidEvent(fieldPath(field, key), "must be a string, a number, a boolean or null", detail);
    }
  }
};

const cause: Check = (path, name, value) => checkObject(fieldPath(path, name), value, CAUSE);

const CAUSE = rules({ name: text, message: text }, { code: errorCode, details, cause });

/** A flag that disagrees with the event's type would send a caller the wrong way. */
function errorRules(transient: boolean, requestId: number): Rules {
  const agreesWithType: Check = (path, name, value) => {
    if (value === transient) return;
    throw invalidEvent(fieldPath(path, name), `must be ${transient}, as the event's type says`, value);
  };
  const isOwn: Check = (path, name, value) => {
    if (value !== requestId) throw invalidEvent(fieldPath(path, name), `must be the event's own, ${requestId}`, value);
  };
  return rules({ code: errorCode, message: text, details, requestId: isOwn, transient: agreesWithType }, { cause });
}

/**
 * Check a payload.
 *
 * @param type The event's type.
 * @param requestId The event's request.
 * @param payload The payload.
 * @throws {UpbeatError} `EVENT_INVALID`, naming the field.
 */
export function checkPayload(type: RequestEventType, requestId: number, payload: unknown): void {
  switch (type) {
    case "GENERATED_TOKEN":
      return checkObject("payload", payload, TOKEN);
    case "ERROR_TRANSIENT":
    case "ERROR_NONTRANSIENT":
      return checkObject("payload", payload, errorRules(type === "ERROR_TRANSIENT", requestId));
    case "PREFILL_CHUNK":
      return checkObject("payload", payload, CHUNK);
    case "CANCEL":
      return checkObject("payload", payload, CANCEL);
    default:
      if (payload !== null) throw invalidEvent("payload", `of ${type} must be null`, payload);
  }
}

function rules(required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>>): Rules {
  return { required: Object.keys(required), checks: new Map(Object.entries({ ...required, ...optional })) };
}

function oneOf(allowed: readonly unknown[]): Check {
  return (path, name, value) => {
    if (allowed.includes(value)) return;
    throw invalidEvent(fieldPath(path, name), `must be one of ${allowed.join(", ")}`, value);
  };
}

function fieldPath(path: string, name: string): string {
  return `${path}.${name}`;
}

function objectOf(field: string, value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)) {
    return value as Fields;
  }
  throw invalidEvent(field, "must be an object", value);
}

function checkObject(path: string, value: unknown, { required, checks }: Rules): void {
  const fields = objectOf(path, value);
  for (const name of required) {
    if (!Object.hasOwn(fields, name)) throw invalidEvent(fieldPath(path, name), "is missing", undefined);
  }
  for (const name of Object.keys(fields)) {
    const check = checks.get(name);
    if (check === undefined) throw invalidEvent(fieldPath(path, name), "is not a known field", fields[name]);
    check(path, name, fields[name]);
  }
}

/**
 * An error as a request's own.
 *
 * @param error What went wrong.
 * @param requestId The request.
 * @param transient Whether the same request may succeed later.
 * @returns The payload of an error event.
 */
export function requestError(error: UpbeatError, requestId: number, transient: boolean): RequestError {
  return { ...serializeError(error), requestId, transient };
}
