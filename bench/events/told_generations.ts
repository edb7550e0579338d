/**
 * Generations without an engine: told at once what an executor said of requests that ran side by side.
 *
 * @module
 */
import { clockOrigin, createClock } from "../../engine/telemetry/clock.ts";
import { Executor } from "../../engine/executor/executor.ts";
import type { EventSink, Generation } from "../../engine/caller/generation.ts";
import { decodeDelivery } from "../../engine/channel/delivery_codec.ts";
import type { Delivery } from "../../engine/channel/messages.ts";
import { UpbeatError } from "../../mod.ts";
import { type Load, NullRun, PROMPT_TOKENS } from "./null_executor.ts";
import { RequestTotals } from "../../engine/telemetry/engine_stats.ts";

/** A message of the executor, encoded. */
export type UpdatesMessage = Float64Array;

/**
 * What an executor says.
 *
 * @param load What it runs.
 * @returns Its messages, as they arrive on the caller's thread.
 */
export function updatesOf(load: Load): UpdatesMessage[] {
  const run = new NullRun(Executor, load);
  run.run();
  return run.receive();
}

/**
 * Generations of the requests that {@linkcode updatesOf} tells of, without text.
 *
 * @param Kind The class, or a copy of it.
 * @param load What the executor ran.
 * @param sink Where all events pass.
 * @returns By request id.
 */
export function openGenerations(
  Kind: typeof Generation,
  { rows, tokensPerRow, trackTokens }: Load,
  sink: EventSink = { listener: null },
): ReadonlyMap<number, Generation> {
  const now = createClock(clockOrigin());
  const totals = new RequestTotals();
  const generations = Array.from({ length: rows }, (_, row) => {
    const request = {
      requestId: row + 1,
      arrival: 0,
      promptTokenIds: null,
      promptLength: PROMPT_TOKENS,
      generatedBefore: 0,
      maxTokens: tokensPerRow,
      sampling: null,
      eosTokenIds: [],
      stopStrings: [],
      tracking: { generatedTokens: trackTokens, pauses: false, details: false },
    };
    const setup = { request, tokenizeMs: null, tokenTable: null, streamInterval: 1, now, sink, totals };
    return new Kind({ ...setup, onCancel: () => {} });
  });
  return new Map(generations.map((generation) => [generation.requestId, generation]));
}

/**
 * Tell generations what one message says, as the engine does.
 *
 * @param generations By request id.
 * @param message What the executor said.
 * @returns The same, decoded.
 */
export function tell(generations: ReadonlyMap<number, Generation>, message: UpdatesMessage): Delivery {
  const delivery = decodeDelivery(message);
  const { updates, emittedAt } = delivery;
  for (const update of updates) generations.get(update.id)!.handleUpdate(update, emittedAt);
  return delivery;
}

/**
 * Check that generations came to their end: what failed early was not measured.
 *
 * @param generations By request id.
 * @throws {UpbeatError} `INTERNAL` where one did not.
 */
export function checkFinished(generations: ReadonlyMap<number, Generation>): void {
  for (const { requestId, record } of generations.values()) {
    if (record.status === "finished") continue;
    throw new UpbeatError("INTERNAL", `request ${requestId} of the benchmark is ${record.status}`, { requestId });
  }
}
