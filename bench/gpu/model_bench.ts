/**
 * Runs a model's shape with dummy weights: time to first token, decode, and the device's idle time between steps, in every
 * mode of the loop.
 *
 * `bun bench/gpu/model_bench.ts --help`
 *
 * Engines of all modes run in one process and alternate, in another order every round. No round starts after the deadline,
 * and figures are written after every round.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { Engine, type EngineOptions, type StepReport } from "../../mod.ts";
import { decodeBytes, prefillFlops } from "../model_work.ts";
import { type Mode, type ModeName, MODES } from "../ttft/devices.ts";
import { stepFigures } from "../ttft/steps.ts";
import { decodeStep, newPrompt } from "./requests.ts";
import { type Figure, figure, type ModelResult, type PerMode } from "./results.ts";
import { shapeFlags } from "./shape_flags.ts";

const { flags, shape, folder, deadline, reportProgress } = shapeFlags("model_bench.ts", 60, ["activations"]);

const PROMPTS = flags.tiny ? [4, 20] : [128, 1024, 8192];
const BATCHES = flags.tiny ? [1, 3] : [1, 8, 64, 256];
/** Prompt length of the decode measurements. */
const DECODE_PROMPT = flags.tiny ? 3 : 32;
/** Tokens generated per request. */
const DECODE_TOKENS = flags.tiny ? 6 : 48;
/** From these sizes on, only the first and the last mode are measured: the work is long, and the host's share small. */
const LONG_PROMPT = flags.tiny ? 20 : 8192;
const LARGE_BATCH = flags.tiny ? 3 : 256;
const MAX_ROUNDS = flags.tiny ? 1 : 12;
/** The longest prompt fits one step, so that kernels are measured rather than chunking. */
const maxBatchTokens = Math.max(...PROMPTS);
const blockSize = 16;
const blocksFor = (tokens: number): number => Math.ceil(tokens / blockSize);

const options: EngineOptions = {
  library: flags.library,
  weights: "dummy",
  maxBatchTokens,
  maxBatchRequests: Math.max(...BATCHES),
  maxContext: maxBatchTokens + DECODE_TOKENS,
  blockSize,
  kvBlocks: Math.max(
    blocksFor(maxBatchTokens + DECODE_TOKENS),
    Math.max(...BATCHES) * blocksFor(DECODE_PROMPT + DECODE_TOKENS),
  ),
  kvDtype: "bf16",
  // Every measurement computes its prompt.
  prefixCache: false,
  activations: flags.activations as EngineOptions["activations"],
};

interface Loaded {
  readonly mode: Mode;
  readonly engine: Engine;
  readonly reports: StepReport[];
}

/** Loads an engine for every mode. */
async function load(observed: boolean): Promise<Loaded[]> {
  const engines: Loaded[] = [];
  for (const mode of MODES) {
    const reports: StepReport[] = [];
    const onStep = observed ? (report: StepReport) => void reports.push(report) : undefined;
    engines.push({ mode, reports, engine: await Engine.load(folder, { ...options, ...mode.options, onStep }) });
  }
  return engines;
}

/** Milliseconds to the first token of one request. */
async function firstToken({ engine }: Loaded, promptTokens: number): Promise<number> {
  const ids = newPrompt(promptTokens, engine.info.model.vocabularySize);
  const { metrics } = await engine.generate(ids, { maxTokens: 1, temperature: 0, ignoreEos: true }).result;
  return metrics.ttftMs!;
}

/** Milliseconds per decode step of a batch of requests that start together. */
const decode = ({ engine }: Loaded, batch: number): Promise<number> =>
  decodeStep(engine, batch, DECODE_PROMPT, DECODE_TOKENS);

type Samples = Map<string, Map<ModeName, number[]>>;

function add(samples: Samples, key: string, mode: ModeName, ...values: number[]): void {
  if (!samples.has(key)) samples.set(key, new Map());
  const modes = samples.get(key)!;
  if (!modes.has(mode)) modes.set(mode, []);
  modes.get(mode)!.push(...values);
}

function perMode(samples: Samples, key: string): PerMode {
  const modes: Partial<Record<ModeName, Figure>> = {};
  for (const { name } of MODES) {
    const values = samples.get(key)?.get(name) ?? [];
    if (values.length > 0) modes[name] = figure(values);
  }
  return modes;
}

const samples: Samples = new Map();
let rounds = 0;

function result({ info }: Engine, loadMs: number): ModelResult {
  const { model } = info;
  const context = DECODE_PROMPT + DECODE_TOKENS / 2;
  const bytes = (batch: number): number =>
    decodeBytes(model, info, 0) + batch * (decodeBytes(model, info, context) - decodeBytes(model, info, 0));
  return {
    part: "model",
    shape,
    runtime: "Bun" in globalThis ? `bun ${process.versions["bun"]}` : `deno ${process.versions["deno"]}`,
    library: info.device.library,
    kvDtype: info.kvDtype,
    activations: info.activations,
    loadMs,
    weightBytes: info.weightBytes,
    rounds,
    ttft: PROMPTS.map((promptTokens) => ({
      promptTokens,
      flops: prefillFlops(model, promptTokens),
      modes: perMode(samples, `ttft ${promptTokens}`),
    })),
    decode: BATCHES.map((batch) => ({
      batch,
      context,
      bytes: bytes(batch),
      modes: perMode(samples, `decode ${batch}`),
    })),
    steps: BATCHES.map((batch) => ({
      batch,
      idle: perMode(samples, `idle ${batch}`),
      host: perMode(samples, `host ${batch}`),
    })),
  };
}

function write(value: ModelResult): void {
  if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(value, null, 1) + "\n");
}

/** The engines, starting with another one and in alternating direction each round. */
function inTurn(engines: readonly Loaded[], round: number): Loaded[] {
  const turned = engines.map((_, index) => engines[(index + round) % engines.length]!);
  return round % 2 === 0 ? turned : turned.reverse();
}

const started = performance.now();
const engines = await load(false);
const loadMs = (performance.now() - started) / engines.length;
reportProgress(`${engines.length} engines loaded`);
let last = result(engines[0]!.engine, loadMs);
// The first round warms up kernels and captures graphs; its figures are dropped if there is time for another.
const budget = performance.now() + (deadline - performance.now()) * 0.75;
for (let round = 0; round <= MAX_ROUNDS; round++) {
  if (round === 1) samples.clear();
  for (const loaded of inTurn(engines, round)) {
    const isEnd = loaded.mode === MODES[0] || loaded.mode === MODES.at(-1);
    const prompts = PROMPTS.filter((tokens) => isEnd || tokens < LONG_PROMPT);
    const batches = BATCHES.filter((batch) => isEnd || batch < LARGE_BATCH);
    for (const tokens of prompts) add(samples, `ttft ${tokens}`, loaded.mode.name, await firstToken(loaded, tokens));
    for (const batch of batches) add(samples, `decode ${batch}`, loaded.mode.name, await decode(loaded, batch));
  }
  rounds = Math.max(1, round);
  write(last = result(engines[0]!.engine, loadMs));
  reportProgress(`round ${round}`);
  // A round is not started unless it can end in time.
  if (performance.now() + (performance.now() - started) / (round + 2) > budget) break;
}
for (const { engine } of engines) await engine.dispose();

const observing = await load(true);
for (const loaded of observing) {
  for (const batch of BATCHES) {
    if (performance.now() > deadline && !flags.tiny) break;
    await decode(loaded, batch); // captures its graph
    loaded.reports.length = 0;
    await decode(loaded, batch);
    const { idle, host } = stepFigures(loaded.reports, null, batch);
    add(samples, `idle ${batch}`, loaded.mode.name, ...idle);
    add(samples, `host ${batch}`, loaded.mode.name, ...host);
  }
  write(last = result(loaded.engine, loadMs));
}
for (const { engine } of observing) await engine.dispose();
reportProgress("done");
if (flags.json === undefined) console.log(JSON.stringify(last, null, 1));
