import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { test } from "node:test";
import { checkEventOrder } from "../../../engine/events/event_order.ts";
import type { RequestEvent, RequestEventType } from "../../../engine/events/event_types.ts";
import {
  newSegment,
  RequestRecord,
  type RequestSegment,
  type SegmentRequest,
} from "../../../engine/events/request_record.ts";
import type { StepLogprobs } from "../../../engine/events/event_types.ts";
import { TokenColumns } from "../../../engine/events/token_columns.ts";
import type { TokenTable } from "../../../engine/text/tokenizer/token_table.ts";
import { Tokenizer } from "../../../engine/text/tokenizer/tokenizer.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { eventsOf, segmentRequest } from "../../support/events.ts";
import { byteLevelJson, tokenizerOf } from "../../support/tokenizers/small_tokenizers.ts";

/** The record of a request in progress, with its columns. */
interface Live {
  readonly columns: TokenColumns;
  readonly record: RequestRecord;
}

function live(request: SegmentRequest = segmentRequest(), tokenTable: TokenTable | null = null): Live {
  const columns = new TokenColumns(request.requestId, request.tracking);
  return { columns, record: RequestRecord.of(request, columns, tokenTable) };
}

/** Add a token without anything else. */
function addToken({ columns }: Live, tokenId: number, time: number): void {
  columns.addToken(tokenId, time, time, "", null, null);
}

/** Play events into a record, tokens with log-probabilities; ids count from 40. */
function play({ columns, record }: Live, types: readonly RequestEventType[]): void {
  const last = record.merge().events.at(-1);
  for (const event of eventsOf(types, last === undefined ? 100 : last.timestamp + 1)) {
    if (event.type === "GENERATED_TOKEN") {
      const tokenId = 40 + columns.tokenIds.length;
      const logprobs: StepLogprobs = { tokenId, logprob: -tokenId, top: [{ tokenId, logprob: -tokenId }] };
      columns.addToken(tokenId, event.timestamp, event.timestamp, "t", logprobs, null);
    } else {
      record.advance(event.type);
      columns.addEvent(event);
    }
  }
}

function started(types: readonly RequestEventType[]): Live {
  const begun = live();
  play(begun, types);
  return begun;
}

function typesOf({ events }: { readonly events: readonly RequestEvent[] }): RequestEventType[] {
  return events.map(({ type }) => type);
}

const TOKEN = "GENERATED_TOKEN";

test("merge() returns the only segment", () => {
  const { record } = started(["ADD_ENGINE", "ADD_CONTEXT", TOKEN, "PAUSE", TOKEN, "FINISH"]);
  record.finish("stop", 41);
  const { text, ...merged } = record.merge();
  assertEquals(merged, record.segments[0]);
  assertEquals([text, merged.status, merged.finishReason, merged.stopReason], [null, "finished", "stop", 41]);
});

test("merge() joins three segments with two pauses in a row and two evictions in order", () => {
  const begun = started(["ADD_ENGINE", "ERROR_TRANSIENT", "ADD_CONTEXT", TOKEN, TOKEN, "PAUSE", "PAUSE"]);
  play(begun, ["EVICT", "ADD_CONTEXT", TOKEN, "PAUSE"]);
  play(begun, ["EVICT", "ADD_CONTEXT", TOKEN, TOKEN, "FINISH"]);
  const { record } = begun;
  record.finish("length", null);

  assertEquals(record.segments.map(typesOf), [
    ["ADD_ENGINE", "ERROR_TRANSIENT", "ADD_CONTEXT", TOKEN, TOKEN, "PAUSE", "PAUSE"],
    ["EVICT", "ADD_CONTEXT", TOKEN, "PAUSE"],
    ["EVICT", "ADD_CONTEXT", TOKEN, TOKEN, "FINISH"],
  ]);
  assertEquals(record.segments.map(({ tokenIds }) => tokenIds), [[40, 41], [42], [43, 44]]);
  assertEquals(record.segments.map(({ status }) => status), ["evicted", "evicted", "finished"]);
  const merged = record.merge();
  assertEquals(merged.tokenIds, [40, 41, 42, 43, 44]);
  assertEquals(merged.logprobs!.map(({ tokenId, logprob }) => tokenId + logprob), [0, 0, 0, 0, 0]);
  assertEquals(merged.events, record.segments.flatMap(({ events }) => events));
  assertEquals(checkEventOrder(merged.events, merged.finishReason).isOver, true);
  assertEquals(
    merged.events.flatMap((event) => (event.type === TOKEN ? [event.payload.tokenId] : [])),
    merged.tokenIds,
  );
  const { requestId, arrival, promptTokenIds, promptLength, generatedBefore, maxTokens, sampling } = merged;
  assertEquals(
    { requestId, arrival, promptTokenIds, promptLength, generatedBefore, maxTokens, sampling },
    (({ eosTokenIds: _, stopStrings: __, tracking: ___, ...rest }) => rest)(segmentRequest()),
  );
  assertEquals([merged.status, merged.finishReason], ["finished", "length"]);
});

test("cutSegment() moves generated tokens into the prompt, reduces the budget, and carries over everything else", () => {
  const request = segmentRequest({ stopStrings: ["END"], eosTokenIds: [2], promptTokenIds: Int32Array.of(1, 2, 3) });
  const begun = live(request);
  play(begun, ["ADD_ENGINE", "ADD_CONTEXT", TOKEN, TOKEN, "EVICT", "ADD_CONTEXT", TOKEN, "EVICT"]);
  const [first, second, third] = begun.record.segments;
  const fresh = { finishReason: null, stopReason: null, status: "queued" as const };
  assertEquals(second, {
    ...request,
    promptTokenIds: [1, 2, 3, 40, 41],
    promptLength: 5,
    generatedBefore: 2,
    maxTokens: 18,
    ...fresh,
    status: "evicted",
    tokenIds: [42],
    logprobs: second!.logprobs,
    events: second!.events,
    ttftMs: 6,
  });
  assertEquals(third, {
    ...request,
    promptTokenIds: [1, 2, 3, 40, 41, 42],
    promptLength: 6,
    generatedBefore: 3,
    maxTokens: 17,
    ...fresh,
    tokenIds: [],
    logprobs: null,
    events: third!.events,
    ttftMs: null,
  });
  assertEquals(typesOf(third!), ["EVICT"]);
  assertEquals([first!.tokenIds, first!.promptTokenIds], [[40, 41], Int32Array.of(1, 2, 3)]);
});

test("cutSegment() keeps token ids above 32 bits in the prompt", () => {
  const begun = live(segmentRequest({ promptTokenIds: Int32Array.of(1), promptLength: 1 }));
  addToken(begun, 2 ** 53 - 1, 101);
  assertEquals(Array.from(begun.record.cutSegment().promptTokenIds!), [1, 2 ** 53 - 1]);
});

test("tokenIds and ttftMs do not depend on recorded events", () => {
  const begun = live(segmentRequest({ tracking: { generatedTokens: false, pauses: false, details: false } }));
  const { record } = begun;
  addToken(begun, 5, 103.5);
  addToken(begun, 6, 104);
  assertEquals(record.merge().tokenIds, [5, 6]);
  assertEquals(record.merge().events, []);
  assertEquals([record.ttftMs, record.merge().logprobs], [3.5, null]);
});

test("ttftMs is that of the first segment with a token, from the original arrival", () => {
  const begun = started(["ADD_ENGINE", "ADD_CONTEXT"]);
  const { record } = begun;
  assertEquals(record.ttftMs, null);
  play(begun, ["EVICT", "ADD_CONTEXT"]);
  assertEquals(record.merge().ttftMs, null);
  play(begun, ["EVICT", "ADD_CONTEXT", TOKEN, TOKEN]);
  play(begun, ["EVICT", "ADD_CONTEXT", TOKEN]);
  assertEquals(record.segments.map(({ ttftMs }) => ttftMs), [null, null, 6, 10]);
  assertEquals([record.ttftMs, record.merge().ttftMs], [6, 6]);
});

test("merge() tolerates empty and missing lists in any segment", () => {
  const logprobs: StepLogprobs[] = [{ tokenId: 1, logprob: -1, top: [] }];
  const segment = newSegment(segmentRequest());
  const full: RequestSegment = { ...segment, tokenIds: [1], logprobs, events: eventsOf(["EVICT"]), ttftMs: 4 };
  const empty: RequestSegment = { ...segment, logprobs: [] };
  const orders: RequestSegment[][] = [[segment, empty, full], [full, segment, empty], [empty, full, segment]];
  for (const segments of orders) {
    const merged = new RequestRecord(segments).merge();
    assertEquals([merged.tokenIds, merged.logprobs, merged.events.length, merged.ttftMs], [[1], logprobs, 1, 4]);
  }
  assertEquals(new RequestRecord([segment, segment]).merge().logprobs, null);
});

test("cutSegment() cuts a record of given segments and keeps their lists", () => {
  const stored = new RequestRecord(started(["ADD_ENGINE", "ADD_CONTEXT", TOKEN, TOKEN]).record.segments);
  const [next] = [stored.cutSegment()];
  assertEquals([next.promptTokenIds, next.maxTokens, next.tokenIds, next.events], [[1, 2, 3, 40, 41], 18, [], []]);
  assertEquals(stored.segments.map(({ status, tokenIds }) => [status, tokenIds.length]), [["evicted", 2], [
    "queued",
    0,
  ]]);
});

test("segments of a request in progress grow, and create each event once", () => {
  const begun = started(["ADD_ENGINE", "ADD_CONTEXT", TOKEN]);
  const [segment] = begun.record.segments;
  const before = [...segment!.events];
  play(begun, [TOKEN, "EVICT"]);
  assertEquals([segment!.tokenIds, typesOf(segment!)], [[40, 41], ["ADD_ENGINE", "ADD_CONTEXT", TOKEN, TOKEN]]);
  assert(before.every((event, index) => segment!.events[index] === event));
});

test("segments keep what their request tracks, each in its own range", () => {
  for (const generatedTokens of [true, false]) {
    for (const pauses of [true, false]) {
      const begun = live(segmentRequest({ tracking: { generatedTokens, pauses, details: true } }));
      play(begun, [
        "ADD_ENGINE",
        "ADD_CONTEXT",
        TOKEN,
        "PAUSE",
        "RESUME",
        TOKEN,
        "EVICT",
        "ADD_CONTEXT",
        TOKEN,
        "FINISH",
      ]);
      const kept = (type: RequestEventType) =>
        (generatedTokens || type !== TOKEN) && (pauses || (type !== "PAUSE" && type !== "RESUME"));
      const all: RequestEventType[][] = [
        ["ADD_ENGINE", "ADD_CONTEXT", TOKEN, "PAUSE", "RESUME", TOKEN],
        ["EVICT", "ADD_CONTEXT", TOKEN, "FINISH"],
      ];
      assertEquals(begun.record.segments.map(typesOf), all.map((types) => types.filter(kept)));
      assertEquals(begun.record.segments.map(({ tokenIds }) => tokenIds), [[40, 41], [42]]);
    }
  }
});

test("merge() changes nothing and returns lists of its own", () => {
  const { record } = started(["ADD_ENGINE", "ADD_CONTEXT", TOKEN, "EVICT"]);
  const before = structuredClone(record.segments);
  const merged = record.merge();
  (merged.tokenIds as number[]).push(1);
  (merged.events as RequestEvent[]).pop();
  (merged.logprobs as StepLogprobs[]).pop();
  assertEquals(structuredClone(record.segments), before);
});

test("RequestRecord rejects an empty list of segments and segments of different requests", () => {
  assertUpbeatError(() => new RequestRecord([]), "RECORD_INVALID", "at least one segment");
  const segments = [7, 8].map((requestId) => newSegment(segmentRequest({ requestId })));
  assertUpbeatError(() => new RequestRecord(segments), "RECORD_INVALID", "requestId 7 and 8");
});

/** A record whose tokens are cut into segments, one with each number of tokens. */
function recordOf(
  tokenizer: Tokenizer,
  tokenIds: readonly number[],
  cuts: readonly number[],
  stopStrings: string[] = [],
) {
  const promptTokenIds = tokenizer.encode("once");
  const request = segmentRequest({ promptTokenIds, promptLength: promptTokenIds.length, stopStrings, maxTokens: 50 });
  const begun = live(request, tokenizer.tokenTable);
  for (const [index, tokenId] of tokenIds.entries()) {
    if (cuts.includes(index)) begun.record.cutSegment();
    addToken(begun, tokenId, 101);
  }
  return begun.record;
}

test("merge() decodes all tokens at once: characters that an eviction cut are whole again", () => {
  const tokenizer = tokenizerOf(byteLevelJson());
  const text = " été 你好 👩‍💻";
  // Bytes as tokens, so that every cut is inside of some character.
  const tokenIds = [...new TextEncoder().encode(text)].flatMap((byte) => byteToken(tokenizer, byte));
  for (let cut = 1; cut < tokenIds.length; cut++) {
    const record = recordOf(tokenizer, tokenIds, [cut, cut + 3]);
    assertEquals(record.merge().text, text);
    const joined = record.segments.map((segment) => new RequestRecord([segment], tokenizer.tokenTable).merge().text);
    if (cut === 2) assertNotEquals(joined.join(""), text);
  }
});

function byteToken(tokenizer: Tokenizer, byte: number): number {
  for (let id = 0; id < 256; id++) {
    const bytes = tokenizer.tokenTable.bytesOf(id);
    if (bytes.length === 1 && bytes[0] === byte) return id;
  }
  return -1;
}

test("merge() ends the text at a stop string that an eviction cut", () => {
  const tokenizer = tokenizerOf(byteLevelJson());
  const tokenIds = [..." upon a STOP here"].map((character) => byteToken(tokenizer, character.charCodeAt(0)));
  for (let cut = 1; cut < tokenIds.length; cut++) {
    assertEquals(recordOf(tokenizer, tokenIds, [cut], ["STOP"]).merge().text, " upon a ");
  }
});
