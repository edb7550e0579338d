/**
 * What a record of a long generation takes on the wire, and to write and read.
 *
 * @module
 */
import { deserializeRecord, type EventMode, type RequestRecord, serializeRecord } from "../../mod.ts";
import { Generation } from "../../engine/caller/generation.ts";
import { interleave, type Rounds, timePerToken, type Variant } from "./rounds.ts";
import { checkFinished, openGenerations, outputsOf, play } from "./played_generations.ts";

const LOAD = { rows: 1, tokensPerRow: 512, trackTokens: true };

/** Writing or reading in one form; with JSON, or plain values alone. */
export type SerializationVariant = `${"write" | "read"} ${EventMode}${"" | " as JSON"}`;

/** What serialization costs. */
export interface SerializationCost {
  /** Tokens of the record, all of them recorded with everything. */
  readonly tokens: number;
  /** Bytes of JSON per token, the record's other fields included. */
  readonly bytesPerToken: Readonly<Record<EventMode, number>>;
  /** Nanoseconds per token. */
  readonly rounds: Rounds<SerializationVariant>;
}

/**
 * Measure it.
 *
 * @param rounds Rounds to run.
 * @returns Bytes and times per token.
 */
export async function serializationCost(rounds: number): Promise<SerializationCost> {
  const tokens = LOAD.tokensPerRow;
  const played = openGenerations(Generation, LOAD);
  for (const output of outputsOf(LOAD)) play(played, output);
  checkFinished(played);
  const { record } = played.generations[0]!;
  const variants = (["full", "compact"] as const).flatMap((mode) => variantsOf(record, mode, tokens));
  const bytes = (mode: EventMode) =>
    new TextEncoder().encode(JSON.stringify(serializeRecord(record, { mode }))).length / tokens;
  return {
    tokens,
    bytesPerToken: { full: bytes("full"), compact: bytes("compact") },
    rounds: await interleave(variants, rounds),
  };
}

function variantsOf(
  record: RequestRecord,
  mode: EventMode,
  tokens: number,
): (Variant & { name: SerializationVariant })[] {
  const plain = serializeRecord(record, { mode });
  const json = JSON.stringify(plain);
  const variant = (name: SerializationVariant, body: () => unknown) => {
    return { name, run: () => timePerToken(tokens, () => void body()) };
  };
  return [
    variant(`write ${mode}`, () => serializeRecord(record, { mode })),
    variant(`write ${mode} as JSON`, () => JSON.stringify(serializeRecord(record, { mode }))),
    variant(`read ${mode}`, () => deserializeRecord(plain)),
    variant(`read ${mode} as JSON`, () => deserializeRecord(JSON.parse(json))),
  ];
}
