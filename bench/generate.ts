/**
 * The speed of one request relative to the machine's limits: time to first token, prefill, decode, and the host's share.
 *
 * `bun run bench -- [--model FOLDER] [--prompt-tokens N] [--threads N] [--simd NAME] [--json FILE]`
 *
 * The machine's FMA peak and read bandwidth are measured before and after every sample; figures and ratios are medians.
 *
 * @module
 */
import { bench, run } from "mitata";
import { writeFileSync } from "node:fs";
import { Engine, type EngineOptions, type GenerationResult } from "../mod.ts";
import { benchModel } from "./bench_model.ts";
import { benchFlags } from "./flags.ts";
import { countCallsPerStep } from "./calls_per_step.ts";
import { MachinePeak, type MachineRoof } from "./machine_peak.ts";
import { decodeBytes, prefillFlops } from "./model_work.ts";

const flags = benchFlags(
  "bun run bench [-- [--model FOLDER] [--prompt-tokens N] [--threads N] [--simd SET] [--json FILE]]",
  ["model", "prompt-tokens", "threads", "simd", "json"],
);
const folder = flags.model ?? benchModel();
const promptTokens = Number(flags["prompt-tokens"] ?? 128);
const DECODE_TOKENS = 24;

await using engine = await Engine.load(folder, {
  threads: Number(flags.threads ?? 0),
  simd: flags.simd as EngineOptions["simd"],
  maxContext: 2048,
  // Every measurement computes its prompt.
  prefixCache: false,
});
const { model, device } = engine.info;
const prompt = Int32Array.from({ length: promptTokens }, (_, index) => (index * 7919 + 13) % model.vocabularySize);

/** A generation, with the executor's steps and times in milliseconds. */
interface Measured {
  readonly result: GenerationResult;
  readonly steps: number;
  readonly stepTime: number;
  readonly hostTime: number;
}

async function measure(maxTokens: number): Promise<Measured> {
  const before = engine.stats();
  const result = await engine.generate(prompt, { maxTokens, temperature: 0, ignoreEos: true }).result;
  const after = engine.stats();
  const stepTime = after.stepMs - before.stepMs;
  const hostTime = stepTime - (after.deviceWaitMs - before.deviceWaitMs);
  return { result, steps: after.steps - before.steps, stepTime, hostTime };
}

using machine = new MachinePeak(device.threads);
const roofs: MachineRoof[] = [];

/** A sample, with the better of the roofs measured before and after it, as interference can only lower them. */
async function beside(maxTokens: number): Promise<{ measured: Measured; fmaGflops: number; readGBps: number }> {
  const before = await machine.measure();
  const measured = await measure(maxTokens);
  const after = await machine.measure();
  roofs.push(before, after);
  return {
    measured,
    fmaGflops: Math.max(before.fmaGflops.median, after.fmaGflops.median),
    readGBps: Math.max(before.readGBps.median, after.readGBps.median),
  };
}

const nanoseconds = (milliseconds: number): number => milliseconds * 1e6;
const flops = prefillFlops(model, promptTokens);
const bytes = decodeBytes(model, engine.info, promptTokens + DECODE_TOKENS / 2);
const samples = {
  prefillMs: [] as number[],
  shareOfFmaPeak: [] as number[],
  decodeMs: [] as number[],
  shareOfReadBandwidth: [] as number[],
  hostMicroseconds: [] as number[],
};

bench(`time to first token, ${promptTokens} prompt tokens`, function* () {
  yield {
    manual: async () => {
      const { measured: { result, stepTime }, fmaGflops } = await beside(1);
      samples.prefillMs.push(stepTime);
      samples.shareOfFmaPeak.push(flops / (stepTime * 1e6) / fmaGflops);
      return nanoseconds(result.metrics.ttftMs!);
    },
    budget: "manual",
  };
});
bench("decode, per token", function* () {
  yield {
    manual: async () => {
      const { measured: { result, hostTime, steps }, readGBps } = await beside(DECODE_TOKENS);
      const tpot = result.metrics.tpotMs!;
      samples.decodeMs.push(tpot);
      samples.shareOfReadBandwidth.push(bytes / (tpot * 1e6) / readGBps);
      samples.hostMicroseconds.push((hostTime / steps) * 1000);
      return nanoseconds(tpot);
    },
    budget: "manual",
  };
});

const { benchmarks } = await run();

function spread(values: readonly number[]): { median: number; min: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)]!, min: sorted[0]!, max: sorted.at(-1)! };
}

const ttft = benchmarks[0]!.runs[0]!.stats!;
const prefill = spread(samples.prefillMs);
const decode = spread(samples.decodeMs);
const calls = countCallsPerStep(folder, prompt);
const report = {
  date: new Date().toISOString(),
  runtime: "Bun" in globalThis ? "bun" : "deno",
  processor: device.name,
  instructionSet: device.instructionSet,
  threads: device.threads,
  model: folder.split("/").at(-1),
  promptTokens,
  ttftMs: { median: ttft.p50 / 1e6, min: ttft.min / 1e6, max: ttft.max / 1e6 },
  prefillTokensPerSecond: (promptTokens / prefill.median) * 1000,
  prefillGflops: flops / (prefill.median * 1e6),
  prefillShareOfFmaPeak: spread(samples.shareOfFmaPeak),
  decodeTokensPerSecond: 1000 / decode.median,
  decodeGBps: bytes / (decode.median * 1e6),
  decodeShareOfReadBandwidth: spread(samples.shareOfReadBandwidth),
  ffiCallsPerDecodeStep: calls.decode,
  ffiCallsPerPrefillStep: calls.prefill,
  hostMicrosecondsPerStep: spread(samples.hostMicroseconds),
  machine: {
    fmaGflops: spread(roofs.map(({ fmaGflops }) => fmaGflops.median)),
    readGBps: spread(roofs.map(({ readGBps }) => readGBps.median)),
  },
};

const percent = ({ median, min, max }: { median: number; min: number; max: number }): string =>
  `${(median * 100).toFixed(0)} % (${(min * 100).toFixed(0)} to ${(max * 100).toFixed(0)})`;
console.log(`
${device.name}, ${device.threads} threads, ${device.instructionSet}; ${report.model}; medians
  machine         ${report.machine.fmaGflops.median.toFixed(0)} GFLOP/s FMA peak, ${
  report.machine.readGBps.median.toFixed(1)
} GB/s read bandwidth, measured around every sample
  TTFT            ${report.ttftMs.median.toFixed(1)} ms for ${promptTokens} prompt tokens
  prefill         ${report.prefillTokensPerSecond.toFixed(0)} tokens/s, ${report.prefillGflops.toFixed(0)} GFLOP/s, ${
  percent(report.prefillShareOfFmaPeak)
} of the FMA peak
  decode          ${report.decodeTokensPerSecond.toFixed(1)} tokens/s, ${report.decodeGBps.toFixed(1)} GB/s, ${
  percent(report.decodeShareOfReadBandwidth)
} of the read bandwidth
  host            ${
  report.hostMicrosecondsPerStep.median.toFixed(0)
} us per decode step, ${calls.decode} FFI calls per decode step, ${calls.prefill} per prefill step`);
if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(report, null, 2) + "\n");
