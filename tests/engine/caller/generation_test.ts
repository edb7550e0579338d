import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import type { CancelReason, RequestEvent, RequestEventType } from "../../../engine/events/event_types.ts";
import { checkEventOrder } from "../../../engine/events/event_order.ts";
import type { Generation } from "../../../engine/caller/generation.ts";
import { NO_TRACKING } from "../../../engine/config/tracking.ts";
import {
  ALL,
  chunk,
  context,
  evict,
  failure,
  finish,
  pause,
  play,
  playAll,
  refused,
  resume,
  THERE,
  TIME,
  token,
  UPON,
  USAGE,
} from "../../support/played_generation.ts";
import { allEvents } from "../../support/all_events.ts";
import type { OutputEvent } from "../../support/recorded_outputs.ts";

const TOKEN = "GENERATED_TOKEN";

async function collect<Item>(iterable: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of iterable) items.push(item);
  return items;
}

function typesOf(events: readonly RequestEvent[]): RequestEventType[] {
  return events.map(({ type }) => type);
}

const WITHOUT_DETAILS: RequestEventType[] = [
  "ADD_ENGINE",
  "ERROR_TRANSIENT",
  "ADD_CONTEXT",
  TOKEN,
  "PAUSE",
  TOKEN,
  "PAUSE",
  "EVICT",
  "ADD_CONTEXT",
  TOKEN,
  "FINISH",
];

test("the stream has tokens and pauses, and details only where they are tracked", async () => {
  assertEquals(typesOf(await collect(playAll(NO_TRACKING).generation)), WITHOUT_DETAILS);
  assertEquals(typesOf(await collect(playAll({ ...ALL, details: false }).generation)), WITHOUT_DETAILS);
  assertEquals(typesOf(await collect(playAll({ ...NO_TRACKING, details: true }).generation)), [
    "ADD_ENGINE",
    "ERROR_TRANSIENT",
    "PREFILL_CHUNK",
    "PREFILL_CHUNK",
    "ADD_CONTEXT",
    TOKEN,
    "PAUSE",
    "RESUME",
    TOKEN,
    "PAUSE",
    "EVICT",
    "PREFILL_CHUNK",
    "ADD_CONTEXT",
    TOKEN,
    "FINISH",
  ]);
});

test("the record keeps what is tracked, and is legal with any tracking", () => {
  for (let flags = 0; flags < 8; flags++) {
    const tracking = { generatedTokens: (flags & 1) !== 0, pauses: (flags & 2) !== 0, details: (flags & 4) !== 0 };
    const { record } = playAll(tracking).generation;
    const { events, tokenIds, finishReason, ttftMs } = record.merge();
    const kept = (type: RequestEventType) => events.filter((event) => event.type === type).length;
    assertEquals(kept(TOKEN), tracking.generatedTokens ? 3 : 0);
    assertEquals(kept("PAUSE"), tracking.pauses ? 2 : 0);
    assertEquals(kept("RESUME"), tracking.pauses && tracking.details ? 1 : 0);
    assertEquals(kept("PREFILL_CHUNK"), tracking.details ? 3 : 0);
    assertEquals([kept("ADD_ENGINE"), kept("ADD_CONTEXT"), kept("EVICT"), kept("FINISH")], [1, 2, 1, 1]);
    assertEquals([tokenIds, ttftMs], [[UPON, TIME, THERE], 4]);
    assert(checkEventOrder(events, finishReason).isOver);
  }
});

test("an eviction starts a segment, which neither stream nor result show", async () => {
  const { generation } = playAll(ALL);
  const { record, text, tokenIds } = await generation.result;
  assertEquals(record.segments.map(({ tokenIds }) => tokenIds.length), [2, 1]);
  assertEquals(record.segments.map(({ status }) => status), ["evicted", "finished"]);
  assertEquals(record.segments[1]!.events[0]!.type, "EVICT");
  assertEquals([text, record.merge().text, tokenIds], ["upontimethere", "upontimethere", [UPON, TIME, THERE]]);
  assertEquals((await collect(generation.text())).join(""), text);
});

test("the same tokens, text, events and ttft come with and without tracking", async () => {
  const [off, on] = [playAll(NO_TRACKING).generation, playAll({ ...ALL, details: false }).generation];
  const [without, with_] = [await off.result, await on.result];
  assertEquals([without.text, without.tokenIds], [with_.text, with_.tokenIds]);
  assertEquals({ ...without.metrics, itlMs: null }, { ...with_.metrics, itlMs: null });
  assertEquals([without.metrics.ttftMs, without.metrics.itlMs, with_.metrics.itlMs], [4, null, [3, 4]]);
  const bare = (events: RequestEvent[]) => events.map(({ type, timestamp }) => [type, timestamp]);
  assertEquals(bare(await collect(off)), bare(await collect(on)));
});

test("the result has the times and counts of the executor's events", async () => {
  const { metrics } = await playAll(ALL).generation.result;
  assertEquals(metrics, {
    tokenizeMs: 0.5,
    queueMs: 2,
    prefillMs: 2,
    ttftMs: 4,
    decodeMs: 7,
    tpotMs: 3.5,
    itlMs: [3, 4],
    e2eMs: 11,
    cachedTokens: 0,
    preemptions: 1,
    wastedSteps: 1,
    emissionLagMs: 0.25,
  });
});

test("recorded tokens carry the usage of the KV cache and emittedAt, others do not", async () => {
  for (const tracking of [ALL, NO_TRACKING]) {
    const events = await collect(playAll(tracking).generation);
    const payloads = events.flatMap((event) => (event.type === TOKEN ? [event.payload] : []));
    const extras = tracking === ALL ? { ...USAGE, emittedAt: 104.25 } : {};
    assertEquals(payloads[0], { tokenId: UPON, text: "upon", ...extras });
  }
});

test("every iterator starts at the beginning and yields each event once, as it arrives", async () => {
  const played = play(NO_TRACKING);
  const early = collect(played.generation);
  played.play(chunk(101), context(101), token(102, UPON));
  const iterator = played.generation[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value?.type, "ADD_ENGINE");
  played.play(token(103, TIME), finish(103));
  const rest: RequestEvent[] = [];
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) rest.push(next.value);
  const expected: RequestEventType[] = ["ADD_ENGINE", "ADD_CONTEXT", TOKEN, TOKEN, "FINISH"];
  assertEquals(["ADD_ENGINE", ...typesOf(rest)], expected);
  assertEquals([typesOf(await early), typesOf(await collect(played.generation))], [expected, expected]);
  assertEquals(played.cancels(), 0);
});

test("a cancel is stamped when it is requested, and placed by its time", async () => {
  const reasons: CancelReason[] = ["user", "disconnect", "deadline", "shutdown"];
  for (const reason of reasons) {
    const played = play(ALL);
    played.play(chunk(101), context(101));
    played.time = 104.5;
    played.generation.cancel(reason);
    played.generation.cancel("user");
    // Known before the cancel was requested and sent after it; and one that the executor kept later.
    played.play(token(104, 5), token(105, 6), finish(106, "cancelled"));
    const events = await collect(played.generation);
    const shown = events.filter(({ type }) => type !== "PREFILL_CHUNK");
    assertEquals(typesOf(shown), ["ADD_ENGINE", "ADD_CONTEXT", TOKEN, "CANCEL", TOKEN, "FINISH"]);
    assertEquals(shown.map(({ timestamp }) => timestamp), [100, 101, 104, 104.5, 105, 106]);
    assertEquals(shown[3]!.payload, { reason });
    assertEquals([played.cancels(), (await played.generation.result).finishReason], [1, "cancelled"]);
  }
});

test("a request may be cancelled in every state, and ends in FINISH", async () => {
  const states: OutputEvent[][] = [
    [],
    [refused(101)],
    [chunk(102, 2)],
    [chunk(102), context(102)],
    [chunk(102), context(102), token(103, 5)],
    [chunk(102), context(102), token(103, 5), pause(104)],
    [chunk(102), context(102), token(103, 5), pause(104), resume(105)],
    [chunk(102), context(102), token(103, 5), pause(104), evict(105)],
    [chunk(102), context(102), token(103, 5), pause(104), evict(105), chunk(106, 2)],
  ];
  for (const happened of states) {
    const played = play(ALL);
    if (happened.length > 0) played.play(...happened);
    played.time = 110;
    played.generation.cancel();
    played.play(finish(111, "cancelled"));
    const events = await collect(played.generation);
    assertEquals(typesOf(events).slice(-2), ["CANCEL", "FINISH"]);
    assertEquals(events.length, 3 + happened.length);
    assertEquals((await played.generation.result).finishReason, "cancelled");
    assert(checkEventOrder(played.generation.record.merge().events, "cancelled").isOver);
  }
});

test("a request that the executor cancels by itself has the reason shutdown", async () => {
  const played = play(ALL);
  played.play(chunk(101), context(101), token(104, 5), finish(106, "cancelled"));
  const [cancel, end] = (await collect(played.generation)).slice(-2);
  assertEquals([cancel!.type, cancel!.timestamp, cancel!.payload], ["CANCEL", 106, { reason: "shutdown" }]);
  assertEquals([end!.type, end!.timestamp, played.cancels()], ["FINISH", 106, 0]);
});

test("a cancel that arrives too late leaves no event", async () => {
  const played = play(ALL);
  played.play(chunk(101), context(101));
  played.time = 110;
  played.generation.cancel();
  played.play(token(104, 5), finish(105));
  assertEquals(typesOf(await collect(played.generation)).at(-2), TOKEN);
  assertEquals((await played.generation.result).finishReason, "length");
  played.generation.cancel();
  assertEquals(played.cancels(), 1);
});

test("leaving a loop by break, throw or return, and the end of a using scope, cancel", async () => {
  const leave: ((generation: Generation) => Promise<void>)[] = [
    async (generation) => {
      for await (const _ of generation) break;
    },
    async (generation) => {
      const error = new RangeError("left");
      const loop = async () => {
        for await (const _ of generation) throw error;
      };
      await assertRejects(loop, RangeError);
    },
    async (generation) => {
      const iterator = generation[Symbol.asyncIterator]();
      await iterator.next();
      await iterator.return();
    },
    async (generation) => {
      const texts = generation.text();
      await texts.next();
      await texts.return();
    },
    (generation) => {
      using _ = generation;
      return Promise.resolve();
    },
  ];
  for (const how of leave) {
    const played = play(NO_TRACKING);
    played.play(chunk(101), context(101), token(102, UPON));
    await how(played.generation);
    assertEquals(played.cancels(), 1);
  }
});

test("a failure while running emits its error, then FAIL, and rejects with the cause", async () => {
  const played = play(NO_TRACKING);
  played.play(chunk(101), context(101), token(102, 5), failure(103));
  const error = await assertRejects(() => played.generation.result, UpbeatError);
  assertEquals([error.code, error.message, (error.cause as Error).name], [
    "DEVICE_FAULT",
    "it went wrong",
    "RangeError",
  ]);
  assertEquals(typesOf(await allEvents(played.generation)), [
    "ADD_ENGINE",
    "ADD_CONTEXT",
    TOKEN,
    "ERROR_NONTRANSIENT",
    "FAIL",
  ]);
  assertEquals(played.generation.record.status, "failed");
  assertEquals([played.generation.metrics.ttftMs, played.generation.metrics.e2eMs], [2, 3]);
  await assertRejects(() => collect(played.generation), UpbeatError, "it went wrong");
  await assertRejects(() => collect(played.generation.text()), UpbeatError, "it went wrong");
});

test("a pending cancel is placed before the error of a failure", async () => {
  const played = play(ALL);
  played.play(chunk(101), context(101), token(102, 5));
  played.time = 110;
  played.generation.cancel();
  played.play(failure(103));
  const events = await allEvents(played.generation);
  assertEquals(typesOf(events).slice(-3), ["CANCEL", "ERROR_NONTRANSIENT", "FAIL"]);
  assertEquals(events.slice(-3).map(({ timestamp }) => timestamp), [110, 110, 110]);
});

test("refused admissions, errors and FAIL come in order", async () => {
  const played = play(NO_TRACKING);
  played.play(refused(101, { code: "BATCH_FULL" }), refused(102, { code: "KV_BLOCKS_EXHAUSTED" }));
  played.time = 103;
  played.generation.fail([new UpbeatError("PROMPT_TOO_LONG", "first"), new UpbeatError("PROMPT_INVALID", "second")]);
  const events = await allEvents(played.generation);
  const seen = events.map((event) => [event.type, event.timestamp, (event.payload as { code?: string } | null)?.code]);
  assertEquals(seen, [
    ["ADD_ENGINE", 100, undefined],
    ["ERROR_TRANSIENT", 101, "BATCH_FULL"],
    ["ERROR_TRANSIENT", 102, "KV_BLOCKS_EXHAUSTED"],
    ["ERROR_NONTRANSIENT", 103, "PROMPT_TOO_LONG"],
    ["ERROR_NONTRANSIENT", 103, "PROMPT_INVALID"],
    ["FAIL", 103, undefined],
  ]);
  await assertRejects(() => played.generation.result, UpbeatError, "first");
});

test("an illegal event fails the request with the reason, and cancels it on the executor's side", async () => {
  const illegal: [OutputEvent[], string][] = [
    [[token(101, 5)], "GENERATED_TOKEN cannot follow ADD_ENGINE"],
    [[chunk(101), context(101), token(102, 5), evict(103), token(104, 6)], "GENERATED_TOKEN cannot follow EVICT"],
    [[chunk(101), context(101), pause(102), finish(103)], "FINISH cannot follow PAUSE"],
    [[finish(101)], "FINISH cannot follow ADD_ENGINE"],
    [[chunk(101), context(101), token(102, 1.5)], "payload.tokenId must be an integer"],
    [[refused(101, { requestId: 8 })], "payload.requestId"],
  ];
  for (const [happened, message] of illegal) {
    const played = play(ALL);
    played.play(...happened);
    await assertRejects(() => played.generation.result, UpbeatError, message);
    assertEquals(typesOf(await allEvents(played.generation)).slice(-2), ["ERROR_NONTRANSIENT", "FAIL"]);
    assertEquals([played.cancels(), played.generation.isOver], [1, true]);
    const events = played.generation.record.merge().events;
    assert(checkEventOrder(events).isOver);
    played.play(finish(200));
    assertEquals(played.generation.record.merge().events, events);
  }
});

test("times never decrease when the threads' clocks differ", async () => {
  const played = play(ALL);
  played.play(chunk(99.999), context(99.999), token(102, 5));
  played.time = 101.999;
  played.generation.cancel();
  played.play(finish(101.998, "cancelled"));
  const times = (await collect(played.generation)).map(({ timestamp }) => timestamp);
  assertEquals(times, [100, 100, 100, 102, 102, 102]);
  const { queueMs, ttftMs, e2eMs } = (await played.generation.result).metrics;
  assertEquals([queueMs, ttftMs, e2eMs], [0, 2, 2]);
});

test("text that could begin a stop string is complete when the request ends otherwise", async () => {
  for (const reason of ["length", "cancelled"] as const) {
    const played = play(NO_TRACKING, { stopStrings: ["pony"], maxTokens: reason === "length" ? 1 : 20 });
    played.play(chunk(101), context(101), token(102, UPON), finish(103, reason));
    const { text, record } = await played.generation.result;
    assertEquals([text, record.merge().text], ["upon", "upon"]);
    assertEquals((await collect(played.generation.text())).join(""), "upon");
  }
});

test("the text excludes the end-of-sequence token, whenever FINISH arrives", async () => {
  const played = play(NO_TRACKING, { eosTokenIds: [TIME] });
  played.play(chunk(101), context(101), token(102, UPON), token(103, TIME));
  played.play(finish(103, "stop", TIME));
  const { text, tokenIds, record } = await played.generation.result;
  assertEquals([text, tokenIds, record.merge().text], ["upon", [UPON, TIME], "upon"]);
});

test("a listener gets every event of the stream", async () => {
  const received: RequestEvent[] = [];
  const { generation } = playAll(NO_TRACKING, { listener: (event) => received.push(event) });
  assertEquals(received, await collect(generation));
});

test("wasAdmitted is true from the first chunk on", () => {
  const played = play(NO_TRACKING);
  played.play(refused(101));
  assert(!played.generation.wasAdmitted);
  played.play(chunk(102, 2));
  assert(played.generation.wasAdmitted);
});
