/**
 * The cost of events per generated token: recording tokens, serializing records, the engine-wide stream.
 *
 * `bun run bench -- events [--rounds N] [--json FILE]`, or `deno run -A bench/events.ts`. It needs neither a model nor a
 * device: the executor runs steps that take no time, so that only the host's work is measured.
 *
 * Each round runs all variants in turn, and variants are compared within rounds. Figures are medians over rounds, with
 * quartiles in brackets, and the median's 95 % confidence interval for comparisons. Garbage collections fall into few of
 * the short samples, so medians exclude them.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { benchFlags } from "./flags.ts";
import { type Comparison, comparison, paired, type Quartiles, quartiles, type Rounds } from "./events/rounds.ts";
import { serializationCost } from "./events/serialization_cost.ts";
import { streamCost } from "./events/stream_cost.ts";
import { executorCost, generationCost, type TrackingVariant } from "./events/tracking_cost.ts";

/** Maximum cost of recording a token on the executor's thread, in nanoseconds. */
const RECORDING_BAR = 2000;

const flags = benchFlags("bun run bench -- events [--rounds N] [--json FILE]", ["rounds", "json"]);
const rounds = Number(flags.rounds ?? 500);

const difference = (a: number, b: number): number => a - b;
const ratio = (a: number, b: number): number => a / b;

/** The cost of being able to record, and of recording. */
function trackingReport(repeats: readonly Rounds<TrackingVariant>[]) {
  const compare = (a: TrackingVariant, b: TrackingVariant, how: (a: number, b: number) => number) =>
    comparison(repeats.map((taken) => quartiles(paired(taken[a], taken[b], how)).median));
  return {
    offNs: quartiles(repeats.flatMap(({ off }) => off)),
    /** Two identical variants: the distance from 1 is noise. */
    twinToBaseline: compare("twin", "baseline", ratio),
    offToBaseline: compare("off", "baseline", ratio),
    recordingNs: compare("on", "off", difference),
  };
}

type TrackingReport = ReturnType<typeof trackingReport>;

/** Whether the ability to record is indistinguishable from noise. */
function costsNothing({ offToBaseline, twinToBaseline }: TrackingReport): boolean {
  return offToBaseline.low <= Math.max(1, twinToBaseline.high);
}

const ofRounds = (taken: Rounds): Record<string, Quartiles> =>
  Object.fromEntries(Object.entries(taken).map(([name, samples]) => [name, quartiles(samples)]));

const executor = {
  1: trackingReport(await executorCost(1, rounds)),
  32: trackingReport(await executorCost(32, rounds)),
};
const generation = {
  1: trackingReport(await generationCost(1, rounds)),
  32: trackingReport(await generationCost(32, rounds)),
};
const { tokens, bytesPerToken, rounds: serialization } = await serializationCost(rounds);
const stream = await streamCost(rounds);
const added = (name: Exclude<keyof typeof stream, "none">) => comparison(paired(stream[name], stream.none, difference));

const report = {
  date: new Date().toISOString(),
  runtime: "Bun" in globalThis ? `bun ${process.versions["bun"]}` : `deno ${process.versions["deno"]}`,
  processor: cpus()[0]!.model,
  cores: cpus().length,
  rounds,
  executor,
  generation,
  serialization: { tokens, bytesPerToken, nsPerToken: ofRounds(serialization) },
  stream: {
    noneNs: quartiles(stream.none),
    addedNs: {
      "1 read": added("1 read"),
      "4 read": added("4 read"),
      "1 unread": added("1 unread"),
      "4 unread": added("4 unread"),
    },
  },
  bars: {
    offCostsNothing: costsNothing(executor[1]) && costsNothing(executor[32]),
    recordingUnder2us: executor[1].recordingNs.median < RECORDING_BAR &&
      executor[32].recordingNs.median < RECORDING_BAR,
  },
};

// ---- The table -----------------------------------------------------------------------------------------------------

const spread = ({ median, p25, p75 }: Quartiles, show: (value: number) => string): string =>
  `${show(median).padStart(8)}  [${show(p25)} to ${show(p75)}]`;
const ns = (figure: Quartiles): string => spread(figure, (value) => value.toFixed(0)).replace("  [", " ns  [");
const compared = (unit: string, digits: number, figure: Comparison): string => {
  const [median, low, high] = [figure.median, figure.low, figure.high].map((value) => value.toFixed(digits));
  const quarters = `[${figure.p25.toFixed(digits)} to ${figure.p75.toFixed(digits)}]`;
  return `${median!.padStart(8)}${unit}  (${low} to ${high})  ${quarters}`;
};
const times = (figure: Comparison): string => compared("   ", 3, figure);
const more = (figure: Comparison): string => compared(" ns", 0, figure);
const line = (title: string, text: string): void => console.log(`  ${title.padEnd(46)}${text}`);

function printTracking(thread: string, rows: number, result: TrackingReport): void {
  console.log(`\n${thread}, ${rows} request${rows === 1 ? "" : "s"}, per token`);
  line("not recorded", ns(result.offNs));
  line("  relative to an engine that cannot record", times(result.offToBaseline));
  line("  two such engines relative to each other", times(result.twinToBaseline));
  line("recorded, in addition", more(result.recordingNs));
}

console.log(
  `${report.runtime}; ${report.processor}, ${report.cores} cores; medians of ${rounds} rounds (95 %) [quartiles]`,
);
for (const rows of [1, 32] as const) printTracking("executor's thread", rows, executor[rows]);
for (const rows of [1, 32] as const) printTracking("caller's thread", rows, generation[rows]);
console.log(`\nrecord of ${tokens} tokens, per token`);
for (const mode of ["full", "compact"] as const) {
  line(`${mode}, JSON`, `${bytesPerToken[mode].toFixed(1).padStart(8)} bytes`);
  line("  write", ns(quartiles(serialization[`write ${mode}`])));
  line("  write as JSON", ns(quartiles(serialization[`write ${mode} as JSON`])));
  line("  read", ns(quartiles(serialization[`read ${mode}`])));
  line("  read as JSON", ns(quartiles(serialization[`read ${mode} as JSON`])));
}
console.log("\nengine-wide stream, caller's thread, 32 requests, per token");
line("no consumer: the cost of generations", ns(report.stream.noneNs));
for (const [name, figure] of Object.entries(report.stream.addedNs)) {
  const [consumers, kind] = name.split(" ");
  line(`${consumers} consumer${consumers === "1" ? "" : "s"}, ${kind}, in addition`, more(figure));
}
console.log(`
not recording costs nothing measurable on the executor's thread: ${report.bars.offCostsNothing ? "met" : "NOT MET"}
recording costs less than 2 us per token on the executor's thread: ${
  report.bars.recordingUnder2us ? "met" : "NOT MET"
}`);

if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(report, null, 2) + "\n");
