import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import {
  cancels,
  failures,
  PATIENCE,
  type ScriptedCase,
  scriptedCases,
  shutdowns,
} from "../../support/scripted/scripted_cases.ts";
import type { ScriptedArrival } from "../../support/scripted/scripted_engine.ts";
import { ALL_MODES, chunksOf, MODES, runScript } from "../../support/scripted/scripted_run.ts";

// Every run checks its streams, ends, outputs, blocks and the device's violations; see scripted_run.ts.

const parameters = (numRuns: number) => ({
  seed: 20261122,
  numRuns: Math.ceil(numRuns * PATIENCE),
  // Shrinking a counterexample takes minutes, so it is left to longer searches.
  endOnFailure: PATIENCE <= 1,
});

/** Runs a case in one mode, with further messages. */
function runCase(
  { setup, arrivals }: ScriptedCase,
  mode: keyof typeof MODES,
  further: readonly ScriptedArrival[] = [],
) {
  // The caller's side rejects requests after a shutdown.
  const last = Math.min(...further.flatMap((arrival) => {
    return arrival.message.type === "shutdown" && "at" in arrival ? [arrival.at] : [];
  }));
  return runScript([...arrivals.filter(({ at }) => at < last), ...further], { ...setup, ...MODES[mode] });
}

test("chunks are equal in every mode for random arrivals and engines", async () => {
  const seen = { evictions: 0, pauses: 0, wastedSteps: 0, prefixHitTokens: 0 };
  await fc.assert(
    fc.asyncProperty(scriptedCases, async (scripted) => {
      const byMode = await Promise.all(ALL_MODES.map(async (mode) => {
        const run = runCase(scripted, mode);
        for (const counter of Object.keys(seen) as (keyof typeof seen)[]) seen[counter] += run.engine.counters[counter];
        return await Promise.all(scripted.arrivals.map(({ message }) => chunksOf(run, message.id)));
      }));
      for (const other of byMode) assertEquals(other, byMode[0]!);
      assert(byMode[0]!.every((chunks) => chunks.at(-1)!.finishReason !== null));
    }),
    parameters(50),
  );
  // The cases must cover all of these.
  for (const count of Object.values(seen)) assertGreater(count, 0);
});

test("every request has one end and a prefix of its stream for random cancels and shutdowns", () => {
  fc.assert(
    fc.property(
      scriptedCases,
      cancels,
      fc.option(shutdowns, { nil: [] }),
      fc.constantFrom(...ALL_MODES),
      (scripted, cancelled, shutDown, mode) => {
        assertEquals(runCase(scripted, mode, [...cancelled, ...shutDown]).error, null);
      },
    ),
    parameters(120),
  );
});

test("every live request fails once with the real cause for random failures", () => {
  let failed = 0;
  fc.assert(
    fc.property(
      scriptedCases,
      cancels,
      fc.option(shutdowns, { nil: [] }),
      failures,
      fc.constantFrom(...ALL_MODES),
      ({ setup, arrivals }, cancelled, shutDown, failure, mode) => {
        const scripted = { setup: { ...setup, failures: [failure] }, arrivals };
        const { error } = runCase(scripted, mode, [...cancelled, ...shutDown]);
        if (error === null) return;
        failed++;
        assertEquals(error.code, failure.kind === "stall" ? "DEVICE_STALLED" : "DEVICE_FAULT");
      },
    ),
    parameters(120),
  );
  assertGreater(failed, 0);
});
