import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { ModuleCopies, TRACKING_COMPILED_OUT } from "../../bench/events/module_copies.ts";
import { NullRun } from "../../bench/events/null_executor.ts";
import { checkFinished, openGenerations, tell } from "../../bench/events/told_generations.ts";
import { decodeDelivery } from "../../engine/channel/delivery_codec.ts";
import type { Executor } from "../../engine/executor/executor.ts";
import type { Generation } from "../../engine/caller/generation.ts";

const LOAD = { rows: 3, tokensPerRow: 5, trackTokens: true };

/** What copies of the engine record of requests that track everything. */
async function recorded(substitutions: typeof TRACKING_COMPILED_OUT) {
  using copies = new ModuleCopies();
  const files = [["executor.ts", "updates.ts"], ["generation.ts", "timeline.ts", "request_record.ts"]] as const;
  const { Executor: Loop } = await copies.load<{ Executor: typeof Executor }>(files[0], substitutions);
  const { Generation: Kind } = await copies.load<{ Generation: typeof Generation }>(files[1], substitutions);
  const run = new NullRun(Loop, LOAD);
  run.run();
  const messages = run.receive();
  const generations = openGenerations(Kind, LOAD);
  for (const message of messages) tell(generations, message);
  checkFinished(generations);
  const moments = messages.map(decodeDelivery).flatMap(({ updates }) => updates.flatMap((update) => update.moments));
  return {
    tokens: [...generations.values()].map(({ record }) => record.merge().tokenIds),
    events: [...generations.values()].map(({ record }) => record.merge().events.length),
    usages: moments.filter((moment) => moment.type === "token" && moment.usage !== undefined).length,
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
