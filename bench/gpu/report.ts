/**
 * Formats the results of `bench/gpu/run.sh` as tables.
 *
 * `bun bench/gpu/report.ts FILE`
 *
 * A floor is the time that this GPU needs at least to move the bytes, or compute the products, of a piece of work, at the
 * rates measured in the same run; percentages are floor over time.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { MODES } from "../ttft/devices.ts";
import type {
  DependentResult,
  GpuResults,
  KernelResult,
  KernelsResult,
  MachineResult,
  ModelResult,
  PartResult,
  PerMode,
  TorchResult,
} from "./results.ts";

/** The measured peak rates of a GPU. */
export interface Peaks {
  /** Bytes per microsecond; null: not measured. */
  readonly bytes: number | null;
  /** Floating-point operations per microsecond. */
  readonly flops: number | null;
}

/** The results of one kind of part. */
function resultsOf<Part extends PartResult["part"]>(results: GpuResults, part: Part) {
  return results.parts.flatMap(({ result }) =>
    result?.part === part ? [result as Extract<PartResult, { part: Part }>] : []
  );
}

/**
 * The highest rates measured in a run.
 *
 * @param results The run.
 * @returns Its peaks.
 */
export function peaksOf(results: GpuResults): Peaks {
  const machines = resultsOf(results, "machine");
  const bytes = machines.flatMap(({ copyGBps, readGBps, memcpyGBps }) => [
    copyGBps.median,
    readGBps.median,
    memcpyGBps.median,
  ]);
  const products = resultsOf(results, "torch").flatMap(({ matmulTflops }) => matmulTflops ?? []);
  const flops = [...machines.map(({ mmaTflops }) => mmaTflops.median), ...products];
  return {
    bytes: bytes.length === 0 ? null : Math.max(...bytes) * 1e3,
    flops: flops.length === 0 ? null : Math.max(...flops) * 1e6,
  };
}

/**
 * The floor of a piece of work.
 *
 * @param bytes Bytes it must move.
 * @param flops Floating-point operations it must do.
 * @param peaks The GPU's peak rates.
 * @returns Microseconds; null if the peaks were not measured.
 */
export function floorOf(bytes: number, flops: number, peaks: Peaks): number | null {
  if (peaks.bytes === null || peaks.flops === null) return null;
  return Math.max(bytes / peaks.bytes, flops / peaks.flops);
}

const percent = (share: number | null): string => share === null ? "-" : `${(share * 100).toFixed(0)} %`;

function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "-";
  if (value === 0) return "0";
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toFixed(digits);
}

/** Formats a table: the first column is aligned left, the others right. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join("  ");
  return [line(header), ...rows.map(line)].map((text) => `  ${text}`.trimEnd());
}

function machineLines(results: GpuResults, peaks: Peaks): string[] {
  return resultsOf(results, "machine").flatMap(({ copyGBps, readGBps, memcpyGBps, mmaTflops }: MachineResult) => [
    `copy ${number(copyGBps.median)} GB/s, read ${number(readGBps.median)} GB/s, memcpy ${
      number(memcpyGBps.median)
    } GB/s; mma.sync ${number(mmaTflops.median)} TFLOP/s BF16`,
    `peaks for floors: ${number(peaks.bytes === null ? null : peaks.bytes / 1e3)} GB/s, ${
      number(peaks.flops === null ? null : peaks.flops / 1e6)
    } TFLOP/s`,
  ]);
}

function kernelLines({ results, skipped }: KernelsResult, peaks: Peaks, torches: readonly TorchResult[]): string[] {
  const reference = (kernel: KernelResult) =>
    torches.find(({ shape }) => shape === kernel.shape)?.linear
      .find(({ name, rows }) => name === kernel.name && rows === kernel.rows)?.microseconds ?? null;
  const lines: string[] = [];
  for (const shape of new Set(results.map((kernel) => kernel.shape))) {
    const rows = results.filter((kernel) => kernel.shape === shape).map((kernel) => {
      const { op, name, inputs, microseconds, bytes, flops, context } = kernel;
      const floor = floorOf(bytes, flops, peaks);
      const other = op === "linear" ? reference(kernel) : null;
      return [
        op === name ? op : `${op} ${name}${op === "linear" ? ` (${inputs})` : ""}`,
        String(kernel.rows),
        context === 0 ? "" : String(context),
        number(microseconds),
        number(bytes / microseconds / 1e3),
        number(flops / microseconds / 1e6),
        percent(floor === null ? null : floor / microseconds),
        other === null ? "" : number(other),
      ];
    });
    const header = [`kernels of ${shape}`, "rows", "context", "us", "GB/s", "TFLOP/s", "of floor", "cuBLAS us"];
    lines.push("", ...table(header, rows));
  }
  if (skipped > 0) lines.push(`  ${skipped} more were not measured for lack of time`);
  return lines;
}

const MODE_NAMES = MODES.map(({ name }) => name);
const modeCells = (modes: PerMode): string[] => MODE_NAMES.map((mode) => number(modes[mode]?.median));

/** The figure of the default mode, which is the last one. */
const own = (modes: PerMode): number | null => modes[MODE_NAMES.at(-1)!]?.median ?? null;
const ratio = (other: number | null | undefined, mine: number | null): string =>
  other === null || other === undefined || mine === null ? "" : `${(other / mine).toFixed(2)} x`;

function modelLines(model: ModelResult, peaks: Peaks, torch: TorchResult | undefined): string[] {
  const eager = torch?.ttft ?? [];
  const lines = [
    "",
    `${model.shape}: ${
      number(model.weightBytes / 2 ** 30)
    } GiB of weights, KV cache ${model.kvDtype}, activations ${model.activations}, ` +
    `${model.rounds} rounds, ${model.runtime}`,
  ];
  lines.push(...table(
    ["first token, ms", ...MODE_NAMES, "of floor", "torch eager", "ratio"],
    model.ttft.map(({ promptTokens, flops, modes }) => {
      const mine = own(modes);
      const floor = floorOf(0, flops, peaks);
      const other = eager.find((row) => row.promptTokens === promptTokens)?.ms;
      const share = floor === null || mine === null ? null : floor / 1e3 / mine;
      return [`${promptTokens} tokens`, ...modeCells(modes), percent(share), number(other), ratio(other, mine)];
    }),
  ));
  lines.push(...table(
    ["decode step, ms", ...MODE_NAMES, "tokens/s", "of floor", "torch eager", "ratio", "compiled", "ratio"],
    model.decode.map(({ batch, bytes, modes }) => {
      const mine = own(modes);
      const floor = floorOf(bytes, 0, peaks);
      const torchMs = (mode: string) => torch?.decode.find((row) => row.mode === mode && row.batch === batch)?.ms;
      return [
        `batch ${batch}`,
        ...modeCells(modes),
        number(mine === null ? null : batch * 1000 / mine),
        percent(floor === null || mine === null ? null : floor / 1e3 / mine),
        number(torchMs("eager")),
        ratio(torchMs("eager"), mine),
        number(torchMs("compiled")),
        ratio(torchMs("compiled"), mine),
      ];
    }),
  ));
  lines.push(...table(
    ["device idle, us per step", ...MODE_NAMES],
    model.steps.map(({ batch, idle }) => [`batch ${batch}`, ...modeCells(idle)]),
  ));
  lines.push(...table(
    ["host, us per step", ...MODE_NAMES],
    model.steps.map(({ batch, host }) => [`batch ${batch}`, ...modeCells(host)]),
  ));
  for (const note of torch?.notes ?? []) lines.push(`  torch: ${note}`);
  return lines;
}

/** Decode steps with and without dependent launches. */
function dependentLines({ shape, same, rounds, decode }: DependentResult, peaks: Peaks): string[] {
  const rows = decode.map(({ batch, bytes, ordered, dependent }) => {
    const floor = floorOf(bytes, 0, peaks);
    return [
      `batch ${batch}`,
      number(ordered.median),
      number(dependent.median),
      ratio(ordered.median, dependent.median),
      percent(floor === null ? null : floor / 1e3 / dependent.median),
    ];
  });
  const header = [`decode of ${shape}, ms`, "one by one", "dependent", "ratio", "of floor"];
  const tokens = same ? "the same tokens" : "OTHER TOKENS: dependent launches are broken here";
  return ["", ...table(header, rows), `  ${tokens}; ${rounds} rounds`];
}

/** The goals of the kernels, and what this run reached of them. */
function goalLines(results: GpuResults, peaks: Peaks): string[] {
  const kernels = resultsOf(results, "kernels").flatMap(({ results }) => results);
  const shares = (isMeant: (kernel: KernelResult) => boolean): number[] =>
    kernels.filter(isMeant).flatMap(({ bytes, flops, microseconds }) => {
      const floor = floorOf(bytes, flops, peaks);
      return floor === null ? [] : floor / microseconds;
    });
  const decode = resultsOf(results, "model").filter(({ shape }) => shape === "llama-3.1-8b").flatMap(({ decode }) =>
    decode.filter(({ batch }) => batch === 1).flatMap(({ bytes, modes }) => {
      const [mine, floor] = [own(modes), floorOf(bytes, 0, peaks)];
      return mine === null || floor === null ? [] : floor / 1e3 / mine;
    })
  );
  const isLarge = ({ shape }: KernelResult) => shape === "llama-3.1-8b";
  const goals: [string, string, number[]][] = [
    [
      "a decode step of llama-3.1-8b, batch 1, the best of its kinds",
      "85 %",
      decode.length > 0 ? [Math.max(...decode)] : [],
    ],
    [
      "products of llama-3.1-8b with 1024 rows or more, bf16 inputs, the slowest",
      "70 %",
      shares((kernel) => isLarge(kernel) && kernel.op === "linear" && kernel.rows >= 1024 && kernel.inputs === "bf16"),
    ],
    [
      "attention of llama-3.1-8b, the slowest",
      "77 %",
      shares((kernel) => isLarge(kernel) && kernel.op === "attention"),
    ],
  ];
  return table(
    ["share of the floor", "goal", "reached"],
    goals.filter(([, , found]) => found.length > 0).map((
      [what, goal, found],
    ) => [what, goal, percent(Math.min(...found))]),
  );
}

/**
 * Format a run.
 *
 * @param results The run.
 * @returns Lines.
 */
export function reportLines(results: GpuResults): string[] {
  const { gpu, date, commit, parts, rehearsal } = results;
  const peaks = peaksOf(results);
  const torches = resultsOf(results, "torch");
  const lines = [`${gpu}; ${date}; commit ${commit}`];
  if (rehearsal) lines.push("A REHEARSAL with tiny shapes on the emulator: its figures are meaningless.");
  const counts = (result: PartResult | null): string =>
    result?.part !== "check" ? "" : `${result.passed ?? "?"} passed, ${result.failed ?? 0} failed`;
  lines.push(...table(
    ["part", "", "seconds", ""],
    parts.map(({ name, status, seconds, reason, result }) => [name, status, String(seconds), reason || counts(result)]),
  ));
  lines.push("", ...machineLines(results, peaks), ...goalLines(results, peaks));
  for (const kernels of resultsOf(results, "kernels")) lines.push(...kernelLines(kernels, peaks, torches));
  for (const model of resultsOf(results, "model")) {
    lines.push(...modelLines(model, peaks, torches.find(({ shape }) => shape === model.shape)));
  }
  for (const dependent of resultsOf(results, "dependent")) lines.push(...dependentLines(dependent, peaks));
  return lines;
}

if (import.meta.main) {
  const file = process.argv[2];
  if (file === undefined) {
    console.error("usage: report.ts FILE");
    process.exit(2);
  }
  console.log(reportLines(JSON.parse(readFileSync(file, "utf8")) as GpuResults).join("\n"));
}
