/**
 * What the engine-wide stream of events costs the caller's thread.
 *
 * @module
 */
import { EventHub, type EventStream } from "../../engine/caller/event_stream.ts";
import { type EventSink, Generation } from "../../engine/caller/generation.ts";
import type { Load } from "./null_executor.ts";
import { interleave, type Rounds, type Variant } from "./rounds.ts";
import { checkFinished, openGenerations, tell, type UpdatesMessage, updatesOf } from "./told_generations.ts";

const LOAD: Load = { rows: 32, tokensPerRow: 32, trackTokens: false };
const TOKENS = LOAD.rows * LOAD.tokensPerRow;

/** Streams that are read as events come, and streams that nobody reads, which drop the oldest. */
export type StreamVariant = "none" | "1 read" | "4 read" | "1 unread" | "4 unread";

const VARIANTS: readonly { name: StreamVariant; consumers: number; read: boolean }[] = [
  { name: "none", consumers: 0, read: false },
  { name: "1 read", consumers: 1, read: true },
  { name: "4 read", consumers: 4, read: true },
  { name: "1 unread", consumers: 1, read: false },
  { name: "4 unread", consumers: 4, read: false },
];

/**
 * Measure it, the consumers' loops included where there are some.
 *
 * @param rounds Rounds to run.
 * @returns Nanoseconds per generated token, what generations take anyway included.
 */
export async function streamCost(rounds: number): Promise<Rounds<StreamVariant>> {
  const messages = updatesOf(LOAD);
  const variants: (Variant & { name: StreamVariant })[] = VARIANTS.map(({ name, consumers, read }) => ({
    name,
    run: () => runOnce(messages, consumers, read),
  }));
  return await interleave(variants, rounds);
}

async function runOnce(messages: readonly UpdatesMessage[], consumers: number, read: boolean): Promise<number> {
  const sink: EventSink = { listener: null };
  const hub = new EventHub(sink);
  const streams = Array.from({ length: consumers }, () => hub.open({ capacity: 1024 }, 0));
  const readers = read ? streams.map(count) : [];
  const generations = openGenerations(Generation, LOAD, sink);
  const start = performance.now();
  for (const message of messages) {
    const { settledUntil } = tell(generations, message);
    if (hub.consumers > 0) hub.release(settledUntil);
    // The next message is handled when everybody has read this one's events.
    while (read && streams.some(({ buffered }) => buffered > 0)) await null;
  }
  const nanoseconds = ((performance.now() - start) * 1e6) / TOKENS;
  checkFinished(generations);
  hub.close();
  await Promise.all(readers);
  return nanoseconds;
}

/** A consumer that does nothing with what it reads. */
async function count(stream: EventStream): Promise<number> {
  let events = 0;
  for await (const { type } of stream) if (type !== "PREFILL_CHUNK") events++;
  return events;
}
