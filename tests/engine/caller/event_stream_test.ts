import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { EventHub, type EventStream } from "../../../engine/caller/event_stream.ts";
import { createEvent } from "../../../engine/events/events.ts";
import type { Generation } from "../../../engine/caller/generation.ts";
import { NO_TRACKING } from "../../../engine/config/tracking.ts";
import { checkEventOrder, Engine, formatEvent, type RequestEvent, UpbeatError } from "../../../mod.ts";
import { playAll } from "../../support/played_generation.ts";
import { allEvents } from "../../support/all_events.ts";
import { withRandomEngine } from "../../support/test_engine.ts";

const DETAILS = { trackDetailEvents: true };

/** A hub and where events come from. */
function openHub(): { hub: EventHub; push: (requestId: number, ...times: number[]) => void } {
  const hub = new EventHub();
  const push = (requestId: number, ...times: number[]) => {
    for (const time of times) {
      hub.listener?.(createEvent(requestId, "GENERATED_TOKEN", time, { tokenId: time, text: "" }) as RequestEvent);
    }
  };
  return { hub, push };
}

/** Everything that a stream has until it ends. */
async function collect(stream: AsyncIterable<RequestEvent>): Promise<RequestEvent[]> {
  const events: RequestEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** What lies in a stream now, as `request:time`. */
async function drain(stream: EventStream): Promise<string[]> {
  const seen: string[] = [];
  while (stream.buffered > 0) {
    const { value } = await stream.next();
    seen.push(`${value!.requestId}:${value!.timestamp}`);
  }
  return seen;
}

function assertInTimeOrder(events: readonly RequestEvent[]): void {
  for (const [index, event] of events.entries()) {
    const before = events[index - 1] ?? event;
    const message = `${event.requestId} ${formatEvent(event)} after ${before.requestId} ${formatEvent(before)}`;
    assert(before.timestamp <= event.timestamp, message);
  }
}

test("streams have the events of several requests in time order, and equal times in order of arrival", async () => {
  const { hub, push } = openHub();
  const stream = hub.open({}, 0);
  push(1, 3, 5, 5, 9);
  push(2, 1, 5, 8);
  hub.release(9);
  assertEquals(await drain(stream), ["2:1", "1:3", "1:5", "1:5", "2:5", "2:8", "1:9"]);
});

test("release() releases events once no earlier event can still arrive", async () => {
  const { hub, push } = openHub();
  const stream = hub.open({}, 0);
  push(2, 7);
  hub.release(5);
  assertEquals(await drain(stream), []);
  push(1, 6, 7, 8);
  hub.release(7);
  assertEquals(await drain(stream), ["1:6", "2:7", "1:7"]);
  hub.release(Infinity);
  assertEquals(await drain(stream), ["1:8"]);
});

test("streams are in time order, whichever events arrive early, late, or together", async () => {
  const event = fc.record({
    requestId: fc.integer({ min: 1, max: 4 }),
    round: fc.nat({ max: 5 }),
    time: fc.nat({ max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { maxLength: 60 }),
      fc.array(fc.nat({ max: 5 }), { minLength: 6, maxLength: 6 }),
      async (events, early) => {
        const { hub, push } = openHub();
        const streams = [hub.open({}, 0), hub.open({}, 0)];
        // Round r has times 10 r to 10 r + 3. A request's own events arrive in order; request 4 may be rounds ahead.
        const pushed = new Set<(typeof events)[number]>();
        for (let round = 0; round < 6; round++) {
          for (let requestId = 1; requestId <= 4; requestId++) {
            const horizon = requestId === 4 ? round + early[round]! : round;
            const mine = events
              .filter((event) => event.requestId === requestId && event.round <= horizon && !pushed.has(event))
              .sort((a, b) => a.round - b.round || a.time - b.time);
            for (const event of mine) {
              pushed.add(event);
              push(requestId, 10 * event.round + event.time);
            }
          }
          hub.release(10 * round + 3);
          for (const stream of streams) assert(stream.buffered <= events.length);
        }
        const expected = events.map(({ round, time }) => 10 * round + time).sort((a, b) => a - b);
        const [one, other] = await Promise.all(streams.map(drain));
        assertEquals(one!.map((line) => Number(line.split(":")[1])), expected);
        assertEquals(other, one);
      },
    ),
    { seed: 21, numRuns: 300 },
  );
});

test("a slow stream drops the oldest events, counts them, and affects no other stream", async () => {
  const { hub, push } = openHub();
  const [slow, quick] = [hub.open({ capacity: 5 }, 0), hub.open({ capacity: 12 }, 0)];
  push(1, 0, 1, 2, 3);
  hub.release(3);
  assertEquals(await drain(slow), ["1:0", "1:1", "1:2", "1:3"]);
  for (let time = 4; time < 16; time++) {
    push(1, time);
    hub.release(time);
    if (time === 10) assertEquals((await quick.next()).value!.timestamp, 0);
    else if (time > 10) await quick.next();
  }
  assertEquals([slow.dropped, slow.buffered, quick.dropped, hub.dropped], [7, 5, 0, 7]);
  assertEquals(await drain(slow), ["1:11", "1:12", "1:13", "1:14", "1:15"]);
  assertEquals((await drain(quick)).length, 10);
  await slow.return();
  assertEquals([hub.dropped, hub.consumers, slow.dropped], [7, 1, 7]);
});

test("next() may be called again while it waits, and return() ends the wait", async () => {
  const { hub, push } = openHub();
  const stream = hub.open({}, 0);
  const waiting = [stream.next(), stream.next(), stream.next()];
  push(1, 1, 2);
  hub.release(2);
  assertEquals((await Promise.all(waiting.slice(0, 2))).map(({ value }) => value!.timestamp), [1, 2]);
  push(1, 3, 4);
  hub.release(4);
  assertEquals((await waiting[2]!).value!.timestamp, 3);
  await stream.next();
  const last = stream.next();
  await stream.return();
  assertEquals([await last, await stream.next()], Array.from({ length: 2 }, () => ({ done: true, value: undefined })));
});

test("a stream begins when it is opened, also among waiting events", async () => {
  const { hub, push } = openHub();
  const first = hub.open({}, 0);
  push(1, 1, 2);
  const second = hub.open({}, 2);
  push(2, 3);
  hub.release(Infinity);
  assertEquals([await drain(first), await drain(second)], [["1:1", "1:2", "2:3"], ["1:2", "2:3"]]);
});

test("EventHub has a listener only while a stream is open", async () => {
  const { hub } = openHub();
  const hasListener = () => hub.listener !== null;
  assertEquals(hasListener(), false);
  using first = hub.open({}, 0);
  const second = hub.open({}, 0);
  assertEquals([hasListener(), hub.consumers], [true, 2]);
  playAll(NO_TRACKING, hub);
  await second.return();
  await second.return();
  assertEquals([hasListener(), hub.consumers], [true, 1]);
  first[Symbol.dispose]();
  assertEquals([hasListener(), hub.consumers], [false, 0]);
  // What waited for the last stream does not wait for the next.
  const third = hub.open({}, 0);
  hub.release(Infinity);
  assertEquals(third.buffered, 0);
});

test("close() ends every stream after its unread events", async () => {
  const { hub, push } = openHub();
  const [reading, waiting] = [hub.open({}, 0), hub.open({}, 5)];
  const end = waiting.next();
  push(1, 1, 2);
  hub.close();
  assertEquals((await collect(reading)).map(({ timestamp }) => timestamp), [1, 2]);
  assertEquals([await end, hub.consumers], [{ done: true, value: undefined }, 0]);
  assertEquals(await collect(hub.open({}, 6)), []);
});

test("events() rejects a capacity that is not an integer >= 1", () => {
  const { hub } = openHub();
  for (const capacity of [0, -1, 1.5, NaN, "9" as unknown as number]) {
    assertThrows(() => hub.open({ capacity }, 0), UpbeatError, "capacity");
  }
  assertEquals([hub.consumers, hub.listener], [0, null]);
});

/** Requests that need several times the blocks of the pool. */
const REQUESTS = Array.from({ length: 12 }, (_, index) => ({
  prompt: Array.from({ length: 3 + ((index * 7) % 20) }, (_, position) => (position * 11 + index * 29) % 300),
  options: { maxTokens: 10 + ((index * 5) % 25), ignoreEos: true, seed: index, temperature: index % 2 },
}));
const SMALL_POOL = { threads: 1, kvBlocks: 14, blockSize: 4, ...DETAILS };

test("events() has the events of all requests in time order, with pauses, evictions and cancels", async () => {
  await withRandomEngine({}, SMALL_POOL, async (engine) => {
    const streams = [engine.events(), engine.events(), engine.events()];
    const slow = engine.events({ capacity: 10 });
    assertEquals(engine.stats().events, { consumers: 4, dropped: 0 });
    const collected = Promise.all(streams.map(collect));
    const generations: Generation[] = [];
    const start = () => {
      const { prompt, options } = REQUESTS[generations.length]!;
      generations.push(engine.generate(prompt, options));
    };
    const conductor = engine.events();
    for (let index = 0; index < 5; index++) start();
    let tokens = 0;
    // More requests at every fourth token, so that they arrive while steps run; now and then a cancel, and once a failure.
    for await (const event of conductor) {
      const isToken = event.type === "GENERATED_TOKEN";
      if (isToken && ++tokens % 4 === 0 && generations.length < REQUESTS.length) start();
      if (isToken && tokens % 20 === 0) generations.findLast(({ isOver }) => !isOver)?.cancel();
      if (tokens >= 60 && generations.length === REQUESTS.length) generations.push(engine.generate([-1]));
      if (generations.length > REQUESTS.length && generations.every(({ isOver }) => isOver)) break;
    }
    const { preemptions } = engine.stats();
    await engine.dispose();
    const [events, ...others] = await collected;
    for (const other of others) assertEquals(other, events);
    assertInTimeOrder(events!);
    for (const generation of generations) {
      const own = await allEvents(generation);
      assertEquals(events!.filter(({ requestId }) => requestId === generation.requestId), own);
      const finishReason = own.at(-1)!.type === "FINISH" ? (await generation.result).finishReason : null;
      assert(checkEventOrder(own, finishReason).isOver);
    }
    const types = new Set(events!.map(({ type }) => type));
    for (const type of ["PAUSE", "EVICT", "CANCEL", "FAIL"] as const) assert(types.has(type), `no ${type}`);
    assertGreater(preemptions.pauses, 0);
    assertEquals(slow.dropped, events!.length - 10);
    assertEquals(await collect(slow), events!.slice(-10));
    assertEquals(engine.stats().events, { consumers: 0, dropped: events!.length - 10 });
  });
});

test("events() changes no request when it is not read", async () => {
  await withRandomEngine({}, SMALL_POOL, async (alone, folder) => {
    await using watched = await Engine.load(folder, SMALL_POOL);
    using slow = watched.events({ capacity: 1 });
    const [expected, results] = await Promise.all([alone, watched].map((engine) => {
      return Promise.all(REQUESTS.map(({ prompt, options }) => engine.generate(prompt, options).result));
    }));
    assertEquals(
      results!.map(({ tokenIds, text }) => [tokenIds, text]),
      expected!.map(({ tokenIds, text }) => [tokenIds, text]),
    );
    assertEquals(slow.buffered, 1);
    assertGreater(slow.dropped, results!.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0));
  });
});

test("events() has an arrival at once when the engine is idle, and all events of a request when it is over", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    using stream = engine.events();
    const generation = engine.generate([1, 2, 3], { maxTokens: 3, ignoreEos: true });
    assertEquals(stream.buffered, 1);
    await generation.result;
    assertEquals(stream.buffered, 6);
    await engine.generate([-1]).result.catch(() => {});
    assertEquals(stream.buffered, 9);
  });
});

test("streams are in time order when this thread's clock is behind the executor's", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const now = performance.now;
    performance.now = () => now.call(performance) - 20;
    const collected = collect(engine.events());
    try {
      for (let round = 0; round < 5; round++) await engine.generate([1, 2], { maxTokens: 2, ignoreEos: true }).result;
    } finally {
      performance.now = now;
    }
    await engine.dispose();
    const events = await collected;
    assertInTimeOrder(events);
    assertEquals(events.length, 5 * 5);
  });
});

test("leaving the loop over events() ends that stream alone, and cancels nothing", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    using other = engine.events();
    const generation = engine.generate([1], { maxTokens: 20, ignoreEos: true });
    for await (const { type } of engine.events()) if (type === "GENERATED_TOKEN") break;
    assertEquals(engine.stats().events.consumers, 1);
    assertEquals((await generation.result).tokenIds.length, 20);
    assertEquals(other.buffered, 23);
  });
});

test("dispose() ends every stream of events, after the ends of what was running", async () => {
  await withRandomEngine({}, DETAILS, async (engine) => {
    const [idle, loop] = [engine.events(), collect(engine.events())];
    const generations = [1, 2, 3].map((token) => engine.generate([token], { maxTokens: 1500, ignoreEos: true }));
    await idle.next();
    await engine.dispose();
    const events = await loop;
    assertInTimeOrder(events);
    for (const { requestId } of generations) {
      const types = events.filter((event) => event.requestId === requestId).map(({ type }) => type);
      assertEquals([types[0], types.at(-1), types.includes("CANCEL")], ["ADD_ENGINE", "FINISH", true]);
    }
    assertEquals((await collect(idle)).length, events.length - 1);
    assertEquals(await collect(engine.events()), []);
  });
});
