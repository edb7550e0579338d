/**
 * What recording tokens costs on the executor's thread and on the caller's, and what it costs to be able to.
 *
 * @module
 */
import type { Executor } from "../../engine/executor/executor.ts";
import type { Generation } from "../../engine/caller/generation.ts";
import { EXECUTOR_MODULES, GENERATION_MODULES, ModuleCopies, TRACKING_COMPILED_OUT } from "./module_copies.ts";
import { NullRun } from "./null_executor.ts";
import { interleave, type Rounds, timePerToken, type Variant } from "./rounds.ts";
import { checkFinished, openGenerations, outputsOf, play } from "./played_generations.ts";

/** `baseline` cannot record tokens at all, and so cannot its twin: what they differ by is noise. */
export type TrackingVariant = "baseline" | "twin" | "off" | "on";

const VARIANTS: readonly { name: TrackingVariant; compiledOut: boolean; trackTokens: boolean }[] = [
  { name: "baseline", compiledOut: true, trackTokens: false },
  { name: "twin", compiledOut: true, trackTokens: false },
  { name: "off", compiledOut: false, trackTokens: false },
  { name: "on", compiledOut: false, trackTokens: true },
];

/** Tokens that each request generates: samples of about a millisecond, most of which nothing interrupts. */
const tokensPerRowOf = (rows: number): number => (rows === 1 ? 128 : 32);

/**
 * How often everything is done again with new copies of the modules: a compiler makes two copies of the same code
 * differently fast, for good, by several percent.
 */
const REPEATS = 12;

/** Makes one variant from its copy of the modules. */
type VariantMaker = (
  load: <Exports>(files: readonly string[]) => Promise<Exports>,
  trackTokens: boolean,
) => Promise<Variant["run"]>;

/**
 * The executor's loop, messages to the other thread included.
 *
 * @param rows Requests that run at the same time.
 * @param rounds Rounds to run in all.
 * @returns Nanoseconds per generated token, for each repeat.
 */
export function executorCost(rows: number, rounds: number): Promise<Rounds<TrackingVariant>[]> {
  const tokensPerRow = tokensPerRowOf(rows);
  return repeat(rounds, async (load, trackTokens) => {
    const { Executor: Loop } = await load<{ Executor: typeof Executor }>(EXECUTOR_MODULES);
    return () => {
      const run = new NullRun(Loop, { rows, tokensPerRow, trackTokens });
      const nanoseconds = timePerToken(rows * tokensPerRow, () => run.run());
      run.receive();
      return nanoseconds;
    };
  });
}

/**
 * Generations that are played the outputs of an executor, without text.
 *
 * @param rows Requests that run at the same time.
 * @param rounds Rounds to run in all.
 * @returns Nanoseconds per generated token, for each repeat.
 */
export function generationCost(rows: number, rounds: number): Promise<Rounds<TrackingVariant>[]> {
  const tokensPerRow = tokensPerRowOf(rows);
  return repeat(rounds, async (load, trackTokens) => {
    const { Generation: Kind } = await load<{ Generation: typeof Generation }>(GENERATION_MODULES);
    const outputs = outputsOf({ rows, tokensPerRow, trackTokens });
    return () => {
      const played = openGenerations(Kind, { rows, tokensPerRow, trackTokens });
      const nanoseconds = timePerToken(rows * tokensPerRow, () => {
        for (const output of outputs) play(played, output);
      });
      checkFinished(played);
      return nanoseconds;
    };
  });
}

async function repeat(rounds: number, make: VariantMaker): Promise<Rounds<TrackingVariant>[]> {
  using copies = new ModuleCopies();
  const repeats: Rounds<TrackingVariant>[] = [];
  for (let index = 0; index < REPEATS; index++) {
    const variants: (Variant & { name: TrackingVariant })[] = [];
    for (let turn = 0; turn < VARIANTS.length; turn++) {
      const { name, compiledOut, trackTokens } = VARIANTS[(index + turn) % VARIANTS.length]!;
      const substitutions = compiledOut ? TRACKING_COMPILED_OUT : [];
      variants.push({ name, run: await make((files) => copies.load(files, substitutions), trackTokens) });
    }
    repeats.push(await interleave(variants, Math.ceil(rounds / REPEATS)));
  }
  return repeats;
}
