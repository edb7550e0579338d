/**
 * Variants measured in turn, so that what disturbs the machine disturbs all of them: rounds in which each runs once, in
 * another order every time, compared within the round.
 *
 * @module
 */
import { measure } from "mitata";

/** One way to do something. */
export interface Variant {
  readonly name: string;
  /** Does it once. Returns nanoseconds per token. */
  readonly run: () => number | Promise<number>;
}

/** A figure measured several times: its median and quartiles. */
export interface Quartiles {
  readonly median: number;
  readonly p25: number;
  readonly p75: number;
}

/** What two variants differ by: median and quartiles, and where the true median is with a probability of 95 %. */
export interface Comparison extends Quartiles {
  readonly low: number;
  readonly high: number;
}

/** Nanoseconds per token of each variant, round by round. */
export type Rounds<Name extends string = string> = Readonly<Record<Name, readonly number[]>>;

/** Rounds that are run and forgotten, so that everything is compiled. */
const WARM_UP = 60;

/**
 * Run all variants in rounds.
 *
 * @param variants What to compare.
 * @param count Rounds that count.
 * @returns What each took in each round.
 */
export async function interleave<Name extends string>(
  variants: readonly (Variant & { readonly name: Name })[],
  count: number,
): Promise<Rounds<Name>> {
  const taken = Object.fromEntries(variants.map(({ name }) => [name, [] as number[]])) as Record<Name, number[]>;
  let rounds = 0;
  const runRound = async () => {
    rounds++;
    let total = 0;
    for (let turn = 0; turn < variants.length; turn++) {
      const { name, run } = variants[(rounds + turn) % variants.length]!;
      const nanoseconds = await run();
      taken[name].push(nanoseconds);
      total += nanoseconds;
    }
    return total;
  };
  const all = WARM_UP + count;
  await measure(function* () {
    yield { manual: runRound, budget: "manual" } as unknown as () => Promise<number>;
  }, { min_samples: all, max_samples: all, min_cpu_time: 0, warmup_samples: 0, gc: false });
  for (const samples of Object.values<number[]>(taken)) samples.splice(0, samples.length - count);
  return taken;
}

/**
 * The middle of samples and of their halves.
 *
 * @param samples One at least.
 * @returns Their quartiles.
 */
export function quartiles(samples: readonly number[]): Quartiles {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
  return { median: at(0.5), p25: at(0.25), p75: at(0.75) };
}

/**
 * What two variants differ by, round by round.
 *
 * @param a Samples of one.
 * @param b Samples of the other, of the same rounds.
 * @param compare What to say of a pair.
 * @returns One value for each round.
 */
export function paired(
  a: readonly number[],
  b: readonly number[],
  compare: (a: number, b: number) => number,
): number[] {
  return a.map((value, round) => compare(value, b[round]!));
}

/**
 * Quartiles with the confidence interval of the median that a sign test gives.
 *
 * @param samples One at least.
 * @returns The comparison that they come to.
 */
export function comparison(samples: readonly number[]): Comparison {
  const sorted = [...samples].sort((a, b) => a - b);
  // The normal approximation of the binomial distribution.
  const [middle, reach] = [(sorted.length - 1) / 2, 0.98 * Math.sqrt(sorted.length)];
  const at = (rank: number) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(rank)))]!;
  return { ...quartiles(samples), low: at(middle - reach), high: at(middle + reach) };
}

/**
 * Time what a function does.
 *
 * @param tokens Tokens it handles.
 * @param body The function.
 * @returns Nanoseconds per token.
 */
export function timePerToken(tokens: number, body: () => void): number {
  const start = performance.now();
  body();
  return ((performance.now() - start) * 1e6) / tokens;
}
