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

/** Requests in all; a long run has some ten thousand. */
const REQUESTS = Number(process.env["UPBEAT_TEST_SOAK_REQUESTS"] ?? 1500);
/** Requests that are live at the same time. */
const CALLERS = 24;
const STREAM_INTERVAL = 3;
/** Bytes by which the heap may grow between two looks at it, in which thousands of requests came and went. */
const SLACK = 2_000_000;

/** A sequence of numbers that is the same each time. (Numerical Recipes' linear congruential generator.) */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** @returns A number below `limit`. */
  roll(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
}

/** A request that is not over, as its caller knows it. */
interface LiveRequest {
  readonly message: SubmitMessage;
  readonly log: EventOrder;
  readonly tokens: number[];
}

/** Callers who each submit a request when their last one is over, and lose patience now and then. */
class Crowd {
  readonly live = new Map<number, LiveRequest>();
  readonly ends: Record<string, number> = { length: 0, stop: 0, cancelled: 0 };
  readonly heapBytes: number[] = [];
  #submitted = 0;
  #over = 0;
  readonly #dice = new Dice(20261122);

  /** A new request, while there are any left. */
  next(): SubmitMessage | null {
    if (this.#submitted === REQUESTS) return null;
    const message = submission(++this.#submitted, this.#request());
    const log = new EventOrder();
    log.accept("ADD_ENGINE", 0);
    this.live.set(message.id, { message, log, tokens: [] });
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

  /** The callers' answers to an output. */
  receive({ events }: ReceivedOutput): InboxMessage[] {
    const answers: InboxMessage[] = [];
    for (const event of events) {
      const request = this.live.get(event.requestId);
      assert(request !== undefined, `request ${event.requestId} has an event after its end`);
      acceptEvent(request.log, event);
      if (event.type === "GENERATED_TOKEN") request.tokens.push(event.payload.tokenId);
      if (event.type === "FINISH") answers.push(...this.#end(request, event.payload.reason));
    }
    // Cancels strike whoever it is, also those whose end is on its way.
    if (this.#dice.roll(4) === 0) answers.push(cancel(this.#submitted - this.#dice.roll(CALLERS)));
    return answers;
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
  test(`${REQUESTS} requests with random cancels leave nothing behind (${mode})`, () => {
    const crowd = new Crowd();
    const first = Array.from({ length: CALLERS }, () => ({ forwards: 0, message: crowd.next()! }));
    using engine = new ScriptedEngine(
      [{ forwards: -1, message: { type: "tokenTable", table: tokenTable.shared } }, ...first],
      {
        ...MODES[mode],
        streamInterval: STREAM_INTERVAL,
        prefixCache: true,
        maxBatchRequests: 12,
        maxBatchTokens: 40,
        blocks: 60,
        device: { script: textScript, durations: { forward: 1000, sampling: 50 }, keepsLists: false },
        keepsOutputs: false,
        onOutput: (output) => crowd.receive(output),
      },
    );
    engine.run();

    assertEquals(engine.violations, []);
    assertEquals([crowd.live.size, engine.pool.usedBlocks, engine.scheduler.isIdle], [0, 0, true]);
    const { length, stop, cancelled } = crowd.ends;
    assertEquals(length! + stop! + cancelled!, REQUESTS);
    for (const count of [length!, stop!, cancelled!]) assertGreater(count, REQUESTS / 50);
    const [early, , late] = crowd.heapBytes;
    assert(late! - early! < SLACK, `the heap grew from ${early} to ${late} bytes`);
    if (REQUESTS > 1500) console.log(mode, crowd.ends, crowd.heapBytes, engine.counters);
  });
}
