import { assert, assertEquals, assertGreater } from "@std/assert";
import process from "node:process";
import { test } from "node:test";
import { EventOrder } from "../../../engine/events/event_order.ts";
import type { InboxMessage, SubmitMessage } from "../../../engine/channel/messages.ts";
import { liveHeapBytes } from "../../support/heap.ts";
import {
  type ReceivedOutput,
  ScriptedEngine,
  type ScriptedRequest,
  submission,
} from "../../support/scripted/scripted_engine.ts";
import {
  acceptEvent,
  cancel,
  expectedStream,
  MODES,
  textScript,
  tokenTable,
} from "../../support/scripted/scripted_run.ts";

/** Total requests; tens of thousands for a long run. */
const REQUESTS = Number(process.env["UPBEAT_TEST_SOAK_REQUESTS"] ?? 1500);
/** Number of requests live at a time. */
const CALLERS = 24;
const STREAM_INTERVAL = 3;
/** Bytes by which the heap may grow from the first third of the requests to the last. */
const SLACK = 2_000_000;

/** A seeded pseudorandom generator (the linear congruential one of Numerical Recipes). */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** @returns An integer from 0 to below `limit`. */
  roll(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
}

/** A live request on its caller's side. */
interface LiveRequest {
  readonly message: SubmitMessage;
  readonly order: EventOrder;
  readonly tokens: number[];
}

/** Callers that each submit a request when their last one ends, and sometimes cancel. */
class Callers {
  readonly live = new Map<number, LiveRequest>();
  readonly ends: Record<string, number> = { length: 0, stop: 0, cancelled: 0 };
  readonly heapBytes: number[] = [];
  #submitted = 0;
  #over = 0;
  readonly #dice = new Dice(20261122);

  /** The next request; null after the last one. */
  next(): SubmitMessage | null {
    if (this.#submitted === REQUESTS) return null;
    const message = submission(++this.#submitted, this.#request());
    const order = new EventOrder();
    order.accept("ADD_ENGINE", 0);
    this.live.set(message.id, { message, order, tokens: [] });
    return message;
  }

  #request(): ScriptedRequest {
    const dice = this.#dice;
    const length = 1 + dice.roll(24);
    return {
      prompt: dice.roll(3) === 0 ? Array.from({ length }, (_, index) => 40 + index) : length,
      maxTokens: 1 + dice.roll(20),
      sampling: { seed: this.#submitted, temperature: dice.roll(2), ...(dice.roll(4) === 0 ? { logprobs: 2 } : {}) },
      stopStrings: dice.roll(4) === 0 ? ["timethe"] : [],
      eosTokenIds: dice.roll(3) === 0 ? [9, 99, 199] : [],
    };
  }

  /** The callers' replies to an output. */
  receive({ events }: ReceivedOutput): InboxMessage[] {
    const replies: InboxMessage[] = [];
    for (const event of events) {
      const request = this.live.get(event.requestId);
      assert(request !== undefined, `request ${event.requestId} has an event after its end`);
      acceptEvent(request.order, event);
      if (event.type === "GENERATED_TOKEN") request.tokens.push(event.payload.tokenId);
      if (event.type === "FINISH") replies.push(...this.#end(request, event.payload.reason));
    }
    // A cancel may also be for a request that has ended.
    if (this.#dice.roll(4) === 0) replies.push(cancel(this.#submitted - this.#dice.roll(CALLERS)));
    return replies;
  }

  #end({ message, tokens }: LiveRequest, reason: string): InboxMessage[] {
    const expected = expectedStream(message).stream.map(({ tokenId }) => tokenId);
    assertEquals(tokens, reason === "cancelled" ? expected.slice(0, tokens.length) : expected);
    this.live.delete(message.id);
    this.ends[reason]!++;
    if (++this.#over % Math.floor(REQUESTS / 3) === 0) this.heapBytes.push(liveHeapBytes());
    const next = this.next();
    return next === null ? [] : [next];
  }
}

for (const mode of ["plain", "early"] as const) {
  test(`${REQUESTS} requests with random cancels leak nothing (${mode})`, () => {
    const callers = new Callers();
    const first = Array.from({ length: CALLERS }, () => ({ forwards: 0, message: callers.next()! }));
    using engine = new ScriptedEngine(
      [{ forwards: -1, message: { type: "tokenTable", table: tokenTable.shared } }, ...first],
      {
        ...MODES[mode],
        streamInterval: STREAM_INTERVAL,
        prefixCache: true,
        maxBatchRequests: 12,
        maxBatchTokens: 40,
        blocks: 60,
        device: { script: textScript, durations: { forward: 1000, sampling: 50 }, keepsHistory: false },
        keepsOutputs: false,
        onOutput: (output) => callers.receive(output),
      },
    );
    engine.run();

    assertEquals(engine.violations, []);
    assertEquals([callers.live.size, engine.pool.usedBlocks, engine.scheduler.isIdle], [0, 0, true]);
    const { length, stop, cancelled } = callers.ends;
    assertEquals(length! + stop! + cancelled!, REQUESTS);
    for (const count of [length!, stop!, cancelled!]) assertGreater(count, REQUESTS / 50);
    const [early, , late] = callers.heapBytes;
    assert(late! - early! < SLACK, `the heap grew from ${early} to ${late} bytes`);
    if (REQUESTS > 1500) console.log(mode, callers.ends, callers.heapBytes, engine.counters);
  });
}
