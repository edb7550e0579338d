/**
 * Generations without an engine, played the outputs of an executor that ran their requests side by side.
 *
 * @module
 */
import { clockOrigin, createClock } from "../../engine/telemetry/clock.ts";
import { Executor } from "../../engine/executor/executor.ts";
import type { Generation } from "../../engine/caller/generation.ts";
import type { EventTap } from "../../engine/caller/generation_setup.ts";
import { LiveGenerations } from "../../engine/caller/live_generations.ts";
import { type EncodedOutput, readOutput } from "../../engine/channel/step_output.ts";
import { UpbeatError } from "../../mod.ts";
import { type Load, NullRun, PROMPT_TOKENS } from "./null_executor.ts";
import { RequestTotals } from "../../engine/telemetry/engine_stats.ts";

/**
 * The outputs of an executor.
 *
 * @param load What it runs.
 * @returns Its outputs, as they arrive on the caller's thread.
 */
export function outputsOf(load: Load): EncodedOutput[] {
  const run = new NullRun(Executor, load);
  run.run();
  return run.receive();
}

/** Generations that outputs are played to. */
export interface PlayedGenerations {
  readonly live: LiveGenerations;
  readonly generations: readonly Generation[];
}

/**
 * Generations of the requests of {@linkcode outputsOf}, without text.
 *
 * @param Kind The class, or a copy of it.
 * @param load What the executor ran.
 * @returns The generations.
 */
export function openGenerations(Kind: typeof Generation, { rows, tokensPerRow, trackTokens }: Load): PlayedGenerations {
  const now = createClock(clockOrigin());
  const totals = new RequestTotals();
  const live = new LiveGenerations(() => {}, undefined);
  const tap: EventTap = live.hub;
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
    const setup = { request, tokenizeMs: null, tokenTable: null, streamInterval: 1, now, tap, totals };
    return new Kind({ ...setup, onCancel: () => {} });
  });
  for (const generation of generations) live.add(generation);
  return { live, generations };
}

/**
 * Play an output, as the engine does.
 *
 * @param played The generations.
 * @param output The output.
 */
export function play({ live }: PlayedGenerations, output: EncodedOutput): void {
  readOutput(output, live);
}

/**
 * Check that generations came to their end: what failed early was not measured.
 *
 * @param played The generations.
 * @throws {UpbeatError} `INTERNAL` where one did not.
 */
export function checkFinished({ generations }: PlayedGenerations): void {
  for (const { requestId, record } of generations) {
    if (record.status === "finished") continue;
    throw new UpbeatError("INTERNAL", `request ${requestId} of the benchmark is ${record.status}`, { requestId });
  }
}
