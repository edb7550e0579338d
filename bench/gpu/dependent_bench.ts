/**
 * Decode steps of a model's shape with and without dependent launches (`docs/cuda.md`), on dummy weights: whether the tokens
 * are the same, and how long a step takes.
 *
 * `bun bench/gpu/dependent_bench.ts --help`
 *
 * Both engines run in one process and alternate, in another order every round. Exits with code 77 and a reason if dependent
 * launches are not supported.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { Engine, type EngineOptions, UpbeatError } from "../../mod.ts";
import { decodeBytes } from "../model_work.ts";
import { decodeStep, decodeTogether, newPrompt } from "./requests.ts";
import { type DependentResult, figure } from "./results.ts";
import { shapeFlags } from "./shape_flags.ts";

const { flags, shape, folder, deadline, reportProgress } = shapeFlags("dependent_bench.ts", 45);

const BATCHES = flags.tiny ? [1, 3] : [1, 8, 32, 64];
const PROMPT = flags.tiny ? 3 : 32;
const TOKENS = flags.tiny ? 6 : 48;
const MAX_ROUNDS = flags.tiny ? 1 : 40;
const blockSize = 16;
const mostRequests = Math.max(...BATCHES);

const options: EngineOptions = {
  library: flags.library,
  weights: "dummy",
  maxBatchTokens: Math.max(mostRequests * 2, 512),
  maxBatchRequests: mostRequests,
  maxContext: PROMPT + TOKENS,
  blockSize,
  kvBlocks: mostRequests * Math.ceil((PROMPT + TOKENS) / blockSize),
  kvDtype: "bf16",
  // Every measurement computes its prompt.
  prefixCache: false,
};

type Way = "ordered" | "dependent";
const WAYS: readonly Way[] = ["ordered", "dependent"];

/** Loads an engine; the variable is read at the call. */
function load(way: Way): Promise<Engine> {
  process.env["UPBEAT_CUDA_DEPENDENT_LAUNCH"] = way === "dependent" ? "1" : "0";
  return Engine.load(folder, options);
}

/** Exits without a measurement. */
function skip(reason: string): never {
  console.log(reason);
  process.exit(77);
}

const dependent = await load("dependent").catch((error: unknown) => {
  if (error instanceof UpbeatError && error.code === "DEVICE_UNAVAILABLE") skip(error.message);
  throw error;
});
if (!dependent.info.dependentLaunches) skip(`the ${dependent.info.device.library} library has no dependent launches`);
const engines: Readonly<Record<Way, Engine>> = { dependent, ordered: await load("ordered") };
const { info } = dependent;
reportProgress("2 engines loaded");

/** Whether both engines generate the same tokens and log-probabilities. */
async function areSame(batch: number): Promise<boolean> {
  const prompts = Array.from({ length: batch }, () => newPrompt(PROMPT, info.model.vocabularySize));
  const outputs: string[] = [];
  for (const way of WAYS) {
    const results = await decodeTogether(engines[way], prompts, TOKENS, true);
    outputs.push(JSON.stringify(results.map(({ tokenIds, logprobs }) => [[...tokenIds], logprobs])));
  }
  return outputs[0] === outputs[1];
}

let rounds = 0;
const times = new Map(BATCHES.map((batch) => [batch, { ordered: [] as number[], dependent: [] as number[] }]));
let same = true;
for (const batch of BATCHES) same = await areSame(batch) && same; // also captures the graphs
reportProgress(same ? "the same tokens" : "OTHER TOKENS");

function result(): DependentResult {
  const context = PROMPT + TOKENS / 2;
  const weights = decodeBytes(info.model, info, 0);
  return {
    part: "dependent",
    shape,
    runtime: "Bun" in globalThis ? `bun ${process.versions["bun"]}` : `deno ${process.versions["deno"]}`,
    library: info.device.library,
    rounds,
    same,
    decode: BATCHES.map((batch) => {
      const found = times.get(batch)!;
      return {
        batch,
        bytes: weights + batch * (decodeBytes(info.model, info, context) - weights),
        ordered: figure(found.ordered),
        dependent: figure(found.dependent),
      };
    }),
  };
}

let last: DependentResult;
const began = performance.now();
do {
  for (const [batch, found] of times) {
    for (const way of rounds % 2 === 0 ? WAYS : WAYS.toReversed()) {
      found[way].push(await decodeStep(engines[way], batch, PROMPT, TOKENS));
    }
  }
  rounds++;
  last = result();
  if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(last, null, 1) + "\n");
  // A round is not started unless it can end in time.
} while (rounds < MAX_ROUNDS && performance.now() + (performance.now() - began) / rounds < deadline);

reportProgress(`${rounds} rounds`);
for (const way of WAYS) await engines[way].dispose();
if (flags.json === undefined) console.log(JSON.stringify(last, null, 1));
if (!same) process.exitCode = 1;
