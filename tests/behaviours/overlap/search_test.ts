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

// Every run checks its own streams, ends, deliveries, blocks and what the device has seen; see scripted_run.ts.

const parameters = (numRuns: number) => ({
  seed: 20261122,
  numRuns: Math.ceil(numRuns * PATIENCE),
  // Making a counterexample smaller takes minutes: that is for who looks for it.
  endOnFailure: PATIENCE <= 1,
});

/** Run a case with more messages, in one way. */
function runCase({ setUp, arrivals }: ScriptedCase, mode: keyof typeof MODES, more: readonly ScriptedArrival[] = []) {
  // What arrives behind a shutdown is refused on the caller's side.
  const last = Math.min(...more.flatMap((arrival) => {
    return arrival.message.type === "shutdown" && "at" in arrival ? [arrival.at] : [];
  }));
  return runScript([...arrivals.filter(({ at }) => at < last), ...more], { ...setUp, ...MODES[mode] });
}

test("chunks are equal in every mode, whatever arrives when in an engine of whatever size", async () => {
  const seen = { evictions: 0, pauses: 0, wastedSteps: 0, prefixHitTokens: 0 };
  await fc.assert(
    fc.asyncProperty(scriptedCases, async (scripted) => {
      const told = await Promise.all(ALL_MODES.map(async (mode) => {
        const run = runCase(scripted, mode);
        for (const counter of Object.keys(seen) as (keyof typeof seen)[]) seen[counter] += run.engine.counters[counter];
        return await Promise.all(scripted.arrivals.map(({ message }) => chunksOf(run, message.id)));
      }));
      for (const other of told) assertEquals(other, told[0]!);
      assert(told[0]!.every((chunks) => chunks.at(-1)!.finishReason !== null));
    }),
    parameters(50),
  );
  // The cases are worth something only if they make the engine do all of this.
  for (const count of Object.values(seen)) assertGreater(count, 0);
});

test("every request has one end and a prefix of its stream, whatever is cancelled and shut down when", () => {
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

test("every live request fails once with the real cause, whatever goes wrong when", () => {
  let failed = 0;
  fc.assert(
    fc.property(
      scriptedCases,
      cancels,
      fc.option(shutdowns, { nil: [] }),
      failures,
      fc.constantFrom(...ALL_MODES),
      ({ setUp, arrivals }, cancelled, shutDown, failure, mode) => {
        const scripted = { setUp: { ...setUp, failures: [failure] }, arrivals };
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
