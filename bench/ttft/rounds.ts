/**
 * All modes in rounds: in each, every mode runs a scenario once, in rotating order, so that disturbances of the machine affect
 * all modes alike.
 *
 * @module
 */
import { measure } from "mitata";
import type { StepReport } from "../../mod.ts";
import { type BenchDevice, type ModeEngine, type ModeName, MODES } from "./devices.ts";
import type { Scenario, ScenarioRun } from "./scenarios.ts";
import { type StepFigures, stepFigures } from "./steps.ts";

/** One value for each mode. */
export type PerMode<Value> = Readonly<Record<ModeName, Value>>;

/** Creates one value for each mode. */
export function perMode<Value>(make: (mode: ModeName) => Value): PerMode<Value> {
  return Object.fromEntries(MODES.map(({ name }) => [name, make(name)])) as PerMode<Value>;
}

/** The idle time of a scripted device in the steady part of a run. */
export interface SteadyIdle {
  /** Number of times its stream was empty. */
  readonly gaps: number;
  /** Total time for which it was empty, in microseconds. */
  readonly idle: number;
  /** Forward passes. */
  readonly steps: number;
}

/** One run of a scenario in one mode. */
export interface MeasuredRun extends ScenarioRun {
  /** null: the scenario has no steady part, or the device has no log. */
  readonly steadyIdle: SteadyIdle | null;
}

/** The rounds of one scenario. */
export interface MeasuredRounds {
  readonly runs: PerMode<readonly MeasuredRun[]>;
  /** Milliseconds to the first token in its caller's loop, of each request, as sampled by mitata; sorted. */
  readonly ttft: PerMode<readonly number[]>;
}

/**
 * Runs a scenario in all modes.
 *
 * The time to the first token is sampled by mitata: each request is a manual sample of its mode.
 *
 * @param engines One for each mode, without step reports.
 * @param device Their device.
 * @param scenario The scenario.
 * @param count Number of measured rounds.
 * @param warmUps Number of unmeasured rounds before them.
 * @returns The runs of each mode.
 */
export async function measureRounds(
  engines: readonly ModeEngine[],
  device: BenchDevice,
  scenario: Scenario,
  count: number,
  warmUps: number,
): Promise<MeasuredRounds> {
  const runs = perMode<MeasuredRun[]>(() => []);
  const queues = perMode(() => new SampleQueue());
  const requests = requestsOf(scenario, device);
  const samples = perMode((mode) => queues[mode].measure(count * requests));

  for (let round = -warmUps; round < count; round++) {
    for (let turn = 0; turn < engines.length; turn++) {
      const modeEngine = engines[(round + warmUps + turn) % engines.length]!;
      const { name } = modeEngine.mode;
      const run = await runOnce(modeEngine, device, scenario, round);
      const ttfts = run.served.map(({ start, tokenTimes }) => (tokenTimes[0]! - start) * 1e6);
      // mitata calls the function once before it takes samples.
      if (round < 0) queues[name].offer(ttfts.slice(0, round === -1 ? 1 : 0));
      else {
        runs[name].push(run);
        queues[name].offer(ttfts);
      }
    }
  }
  const { plain, atOnce, overlap, early } = samples;
  return { runs, ttft: { plain: await plain, atOnce: await atOnce, overlap: await overlap, early: await early } };
}

/** A queue of samples for mitata. */
class SampleQueue {
  readonly #samples: number[] = [];
  #arrived = Promise.withResolvers<void>();

  offer(samples: readonly number[]): void {
    this.#samples.push(...samples);
    this.#arrived.resolve();
  }

  /** @returns Milliseconds, sorted. */
  async measure(count: number): Promise<number[]> {
    const next = async (): Promise<number> => {
      while (this.#samples.length === 0) {
        this.#arrived = Promise.withResolvers<void>();
        await this.#arrived.promise;
      }
      return this.#samples.shift()!;
    };
    const { samples } = await measure(function* () {
      yield { manual: next, budget: "manual" } as unknown as () => Promise<number>;
    }, {
      ...{ min_samples: count, max_samples: count, min_cpu_time: 0, warmup_samples: 0, warmup_threshold: -1 },
      // No sample is dropped, least of all the slowest ones.
      ...{ samples_threshold: Infinity, gc: false },
    });
    return samples.map((nanoseconds) => nanoseconds / 1e6);
  }
}

/** Number of requests measured by one run of a scenario. */
function requestsOf({ name, steadyRows }: Scenario, { sizes }: BenchDevice): number {
  if (steadyRows !== null) return steadyRows;
  return {
    single: sizes.singles,
    burst: sizes.burst,
    arrivals: sizes.arrivals,
    prefills: sizes.prefills,
  }[name as string]!;
}

async function runOnce(
  { engine, log }: ModeEngine,
  { sizes }: BenchDevice,
  scenario: Scenario,
  round: number,
): Promise<MeasuredRun> {
  let before = log?.totals;
  let after = before;
  const events = {
    onSteady: () => before = log?.totals,
    onUnsteady: () => after = log?.totals,
  };
  const run = await scenario.run(engine, sizes, round, events);
  const isSteady = scenario.steadyRows !== null && before !== undefined && after !== undefined;
  const steadyIdle = !isSteady ? null : {
    gaps: after!.gaps - before!.gaps,
    idle: (after!.idle - before!.idle) * 1000,
    steps: after!.forwards - before!.forwards,
  };
  return { ...run, steadyIdle };
}

/** An engine whose steps are reported. */
export interface ObservedEngine extends ModeEngine {
  /** Reports of the current run. */
  readonly reports: StepReport[];
}

/** Figures of one mode's steps. */
export interface ObservedSteps extends StepFigures {
  /** Microseconds to process each step with first tokens. */
  readonly firstTokenProcessing: readonly number[];
}

/**
 * Runs a scenario in all modes with step reports.
 *
 * @param engines One for each mode, with step reports.
 * @param device Their device.
 * @param scenario The scenario.
 * @param count Number of measured rounds.
 * @param warmUps Number of unmeasured rounds before them.
 * @returns Figures of all steps of each mode.
 */
export async function observeRounds(
  engines: readonly ObservedEngine[],
  device: BenchDevice,
  scenario: Scenario,
  count: number,
  warmUps: number,
): Promise<PerMode<ObservedSteps>> {
  const sizes = { ...device.sizes, decode: device.sizes.observedDecode };
  const observed = perMode(() => ({
    idle: [] as number[],
    host: [] as number[],
    own: [] as number[],
    firstTokenProcessing: [] as number[],
  }));
  for (let round = -warmUps; round < count; round++) {
    for (const { mode, engine, log, reports } of engines) {
      reports.length = 0;
      const first = log?.totals.forwards ?? 0;
      await scenario.run(engine, sizes, round);
      if (round < 0) continue;
      const library = log === null ? null : log.libraryTimes(first);
      const figures = stepFigures(reports, library, scenario.steadyRows);
      const into = observed[mode.name];
      into.idle.push(...figures.idle);
      into.host.push(...figures.host);
      into.own.push(...figures.own);
      const withFirstTokens = reports.filter(({ prefillRequests, sampledTokens }) =>
        prefillRequests > 0 && sampledTokens > 0
      );
      into.firstTokenProcessing.push(...withFirstTokens.map(({ processing, end }) => (end - processing) * 1000));
    }
  }
  return observed;
}
