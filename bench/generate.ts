/**
 * How fast one request is, against what the machine can do: time to first token, prefill, decode, and the host's share.
 *
 * `bun run bench -- [--model FOLDER] [--prompt-tokens N] [--threads N] [--json FILE]`
 *
 * The machine's FMA peak and read bandwidth are measured before and after, in the same run; figures are medians.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { bench, run } from "mitata";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { Engine, type ExecutorCounters, type GenerationResult } from "../mod.ts";
import { benchModel } from "./bench_model.ts";
import { countCallsPerStep } from "./calls_per_step.ts";
import { type MachinePeak, measureMachinePeak } from "./machine_peak.ts";
import { decodeBytes, prefillFlops } from "./model_work.ts";

const flags = parseArgs(process.argv.slice(2), { string: ["model", "prompt-tokens", "threads", "json"] });
const folder = flags.model ?? benchModel();
const promptTokens = Number(flags["prompt-tokens"] ?? 128);
const DECODE_TOKENS = 24;

await using engine = await Engine.load(folder, { threads: Number(flags.threads ?? 0), maxContext: 2048 });
const { model, device } = engine.info;
const prompt = Int32Array.from({ length: promptTokens }, (_, index) => (index * 7919 + 13) % model.vocabularySize);

/** What a generation took of the executor. */
interface Measured {
  readonly result: GenerationResult;
  readonly steps: number;
  readonly stepTime: number;
  readonly hostTime: number;
}

const none: ExecutorCounters = { steps: 0, stepTime: 0, waitTime: 0, usedBlocks: 0, running: 0, waiting: 0 };

async function measure(maxTokens: number): Promise<Measured> {
  const before = engine.counters ?? none;
  const result = await engine.generate(prompt, { maxTokens, temperature: 0, ignoreEos: true }).result;
  const after = engine.counters ?? none;
  const stepTime = after.stepTime - before.stepTime;
  const hostTime = stepTime - (after.waitTime - before.waitTime);
  return { result, steps: after.steps - before.steps, stepTime, hostTime };
}

const hostPerStep: number[] = [];
const nanoseconds = (milliseconds: number): number => milliseconds * 1e6;

bench(`time to first token, ${promptTokens} prompt tokens`, function* () {
  yield { manual: async () => nanoseconds((await measure(1)).result.metrics.ttftMs!), budget: "manual" };
});
bench(`prefill step, ${promptTokens} tokens`, function* () {
  yield { manual: async () => nanoseconds((await measure(1)).stepTime), budget: "manual" };
});
bench("decode, per token", function* () {
  yield {
    manual: async () => {
      const measured = await measure(DECODE_TOKENS);
      hostPerStep.push((measured.hostTime / measured.steps) * 1000);
      return nanoseconds(measured.result.metrics.tpotMs!);
    },
    budget: "manual",
  };
});

const before = measureMachinePeak(device.threads);
const { benchmarks } = await run();
const after = measureMachinePeak(device.threads);

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** The roof is the better of the two measurements: what disturbed one of them does not lower the bar. */
function roof(pick: (peak: MachinePeak) => number): number {
  return Math.max(pick(before), pick(after));
}

const [ttft, prefill, decode] = benchmarks.map(({ runs }) => runs[0]!.stats!.p50 / 1e6) as [number, number, number];
const prefillGflops = prefillFlops(model, promptTokens) / (prefill * 1e6);
const decodeGBps = decodeBytes(model, engine.info, promptTokens + DECODE_TOKENS / 2) / (decode * 1e6);
const calls = countCallsPerStep(folder, prompt);
const report = {
  date: new Date().toISOString(),
  runtime: "Bun" in globalThis ? "bun" : "deno",
  processor: device.name,
  instructionSet: device.instructionSet,
  threads: device.threads,
  model: folder.split("/").at(-1),
  promptTokens,
  ttftMs: ttft,
  prefillTokensPerSecond: (promptTokens / prefill) * 1000,
  prefillGflops,
  prefillShareOfFmaPeak: prefillGflops / roof(({ fmaGflops }) => fmaGflops.median),
  decodeTokensPerSecond: 1000 / decode,
  decodeGBps,
  decodeShareOfReadBandwidth: decodeGBps / roof(({ readGBps }) => readGBps.median),
  ffiCallsPerDecodeStep: calls.decode,
  ffiCallsPerPrefillStep: calls.prefill,
  hostMicrosecondsPerStep: median(hostPerStep),
  machine: { before, after },
};

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
console.log(`
${device.name}, ${device.threads} threads, ${device.instructionSet}; ${report.model}
  FMA peak        ${roof(({ fmaGflops }) => fmaGflops.median).toFixed(0)} GFLOP/s, read bandwidth ${
  roof(({ readGBps }) => readGBps.median).toFixed(1)
} GB/s, measured in this run
  TTFT            ${ttft.toFixed(1)} ms for ${promptTokens} prompt tokens
  prefill         ${report.prefillTokensPerSecond.toFixed(0)} tokens/s, ${prefillGflops.toFixed(0)} GFLOP/s, ${
  percent(report.prefillShareOfFmaPeak)
} of the FMA peak
  decode          ${report.decodeTokensPerSecond.toFixed(1)} tokens/s, ${decodeGBps.toFixed(1)} GB/s, ${
  percent(report.decodeShareOfReadBandwidth)
} of the read bandwidth
  host            ${
  report.hostMicrosecondsPerStep.toFixed(0)
} us per step, ${calls.decode} FFI calls per decode step, ${calls.prefill} per prefill step`);
if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(report, null, 2) + "\n");
