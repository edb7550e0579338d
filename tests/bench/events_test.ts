import { assertEquals } from "@std/assert";
import { test } from "node:test";
import {
  EXECUTOR_MODULES,
  GENERATION_MODULES,
  ModuleCopies,
  TRACKING_COMPILED_OUT,
} from "../../bench/events/module_copies.ts";
import { NullRun } from "../../bench/events/null_executor.ts";
import { checkFinished, openGenerations, play } from "../../bench/events/played_generations.ts";
import { recordOutput } from "../support/recorded_outputs.ts";
import type { Executor } from "../../engine/executor/executor.ts";
import type { Generation } from "../../engine/caller/generation.ts";

const LOAD = { rows: 3, tokensPerRow: 5, trackTokens: true };

/** What copies of the engine record of requests that track everything. */
async function recorded(substitutions: typeof TRACKING_COMPILED_OUT) {
  using copies = new ModuleCopies();
  const { Executor: Loop } = await copies.load<{ Executor: typeof Executor }>(EXECUTOR_MODULES, substitutions);
  const { Generation: Kind } = await copies.load<{ Generation: typeof Generation }>(GENERATION_MODULES, substitutions);
  const run = new NullRun(Loop, LOAD);
  run.run();
  const outputs = run.receive();
  const played = openGenerations(Kind, LOAD);
  for (const output of outputs) play(played, output);
  checkFinished(played);
  const merged = played.generations.map(({ record }) => record.merge());
  return {
    tokens: merged.map(({ tokenIds }) => tokenIds),
    events: merged.map(({ events }) => events.length),
    usages: outputs.map(recordOutput).flatMap(({ events }) => events)
      .filter(({ type, payload }) => type === "GENERATED_TOKEN" && payload.usage !== null).length,
  };
}

test("the events benchmark's baseline differs from the engine only in recording no tokens", async () => {
  const engine = await recorded([]);
  const baseline = await recorded(TRACKING_COMPILED_OUT);
  assertEquals(engine.tokens, new Array<number[]>(3).fill(new Array<number>(5).fill(42)));
  assertEquals(baseline.tokens, engine.tokens);
  assertEquals([engine.events, engine.usages], [[8, 8, 8], 15]);
  assertEquals([baseline.events, baseline.usages], [[3, 3, 3], 0]);
});
