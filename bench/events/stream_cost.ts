/**
 * What the engine-wide stream of events costs the caller's thread.
 *
 * @module
 */
import type { EventStream } from "../../engine/caller/event_stream.ts";
import { Generation } from "../../engine/caller/generation.ts";
import type { EncodedOutput } from "../../engine/channel/step_output.ts";
import type { Load } from "./null_executor.ts";
import { interleave, type Rounds, type Variant } from "./rounds.ts";
import { checkFinished, openGenerations, outputsOf, play } from "./played_generations.ts";

const LOAD: Load = { rows: 32, tokensPerRow: 32, trackTokens: false };
const TOKENS = LOAD.rows * LOAD.tokensPerRow;

/** Streams that are read as events arrive, and unread ones, which drop the oldest events. */
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
  const outputs = outputsOf(LOAD);
  const variants: (Variant & { name: StreamVariant })[] = VARIANTS.map(({ name, consumers, read }) => ({
    name,
    run: () => runOnce(outputs, consumers, read),
  }));
  return await interleave(variants, rounds);
}

async function runOnce(outputs: readonly EncodedOutput[], consumers: number, read: boolean): Promise<number> {
  const played = openGenerations(Generation, LOAD);
  const { hub } = played.live;
  const streams = Array.from({ length: consumers }, () => hub.open({ capacity: 1024 }, 0));
  const readers = read ? streams.map(count) : [];
  const start = performance.now();
  for (const output of outputs) {
    play(played, output);
    // The next output comes when all streams have been read.
    while (read && streams.some(({ buffered }) => buffered > 0)) await null;
  }
  const nanoseconds = ((performance.now() - start) * 1e6) / TOKENS;
  checkFinished(played);
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
