/**
 * Types of the results of `bench/gpu/run.sh`: the JSON of each part, and of a whole run.
 *
 * @module
 */
import type { ModeName } from "../ttft/devices.ts";

/** A figure over repetitions. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Number of repetitions. */
  readonly count: number;
}

/** Summarize repetitions. */
export function figure(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: sorted[Math.floor(sorted.length / 2)]!,
    min: sorted[0]!,
    max: sorted.at(-1)!,
    count: sorted.length,
  };
}

/** A rate that the native programs print. */
export interface Rate {
  readonly median: number;
  readonly best: number;
}

/** `machine_peak.cu`: the GPU's peak rates. */
export interface MachineResult {
  readonly part: "machine";
  readonly name: string;
  readonly multiprocessors: number;
  readonly bytes: number;
  /** A kernel that copies; bytes read and written. */
  readonly copyGBps: Rate;
  /** A kernel that reads. */
  readonly readGBps: Rate;
  /** The runtime's own copy; bytes read and written. */
  readonly memcpyGBps: Rate;
  /** BF16 products by mma.sync. */
  readonly mmaTflops: Rate;
}

/** One kernel call. */
export interface KernelResult {
  readonly shape: string;
  readonly op: string;
  readonly name: string;
  readonly rows: number;
  readonly context: number;
  readonly inputs: string;
  readonly microseconds: number;
  readonly best: number;
  /** Minimum number of bytes it has to move. */
  readonly bytes: number;
  readonly flops: number;
  readonly launches: number;
  readonly rounds: number;
}

/** `kernel_bench.cpp`: the kernels of the library. */
export interface KernelsResult {
  readonly part: "kernels";
  readonly device: { readonly name: string; readonly library: string };
  /** Number of cases not measured for lack of time. */
  readonly skipped: number;
  readonly results: readonly KernelResult[];
}

/** A figure per mode of the loop. */
export type PerMode = Readonly<Partial<Record<ModeName, Figure>>>;

/** `model_bench.ts`: one model's shape through the engine. */
export interface ModelResult {
  readonly part: "model";
  readonly shape: string;
  readonly runtime: string;
  readonly library: string;
  readonly kvDtype: string;
  /** The engine option of that name. */
  readonly activations: string;
  readonly loadMs: number;
  readonly weightBytes: number;
  readonly rounds: number;
  /** Milliseconds to the first token of one request. */
  readonly ttft: readonly {
    readonly promptTokens: number;
    readonly flops: number;
    readonly modes: PerMode;
  }[];
  /** Milliseconds per decode step. */
  readonly decode: readonly {
    readonly batch: number;
    /** Tokens in the cache of each request, in the middle of the measurement. */
    readonly context: number;
    /** Minimum number of bytes that a step has to read. */
    readonly bytes: number;
    readonly modes: PerMode;
  }[];
  /** Microseconds per decode step of device idle time and of host time. */
  readonly steps: readonly {
    readonly batch: number;
    readonly idle: PerMode;
    readonly host: PerMode;
  }[];
}

/** `dependent_bench.ts`: decode steps of a shape with and without dependent launches. */
export interface DependentResult {
  readonly part: "dependent";
  readonly shape: string;
  readonly runtime: string;
  readonly library: string;
  readonly rounds: number;
  /** Whether both generated the same tokens with the same log-probabilities. */
  readonly same: boolean;
  /** Milliseconds per decode step. */
  readonly decode: readonly {
    readonly batch: number;
    /** Minimum number of bytes that a step has to read. */
    readonly bytes: number;
    /** Each kernel starts after the previous one has ended. */
    readonly ordered: Figure;
    readonly dependent: Figure;
  }[];
}

/** `reference_torch.py`: the same shape in PyTorch and transformers. */
export interface TorchResult {
  readonly part: "torch";
  readonly shape: string;
  readonly torch: string;
  readonly transformers: string;
  readonly device: string;
  /** A square BF16 product on random data. */
  readonly matmulTflops: number | null;
  /** BF16 products of the model's shapes, in microseconds. */
  readonly linear: readonly { readonly name: string; readonly rows: number; readonly microseconds: number }[];
  readonly ttft: readonly { readonly mode: string; readonly promptTokens: number; readonly ms: number }[];
  readonly decode: readonly {
    readonly mode: string;
    readonly batch: number;
    readonly context: number;
    readonly ms: number;
  }[];
  /** What failed, or had no time. */
  readonly notes: readonly string[];
}

/** `build`, tests and sanitizers: the outcome of a command. */
export interface CheckResult {
  readonly part: "check";
  readonly passed: number | null;
  readonly failed: number | null;
}

/** The result of a part. */
export type PartResult =
  | MachineResult
  | KernelsResult
  | ModelResult
  | DependentResult
  | TorchResult
  | CheckResult;

/** How a part ended. */
export interface PartRecord {
  readonly name: string;
  /** `"ok"`; `"failed"`; `"timeout"`; `"skipped"`: a requirement is missing. */
  readonly status: "ok" | "failed" | "timeout" | "skipped";
  readonly seconds: number;
  /** Why it was skipped; otherwise empty. */
  readonly reason: string;
  /** Its result, which is partial after a timeout; null if it has none. */
  readonly result: PartResult | null;
}

/** All parts of a run. */
export interface GpuResults {
  readonly date: string;
  /** The GPU as `nvidia-smi` names it, driver and memory. */
  readonly gpu: string;
  readonly commit: string;
  /** Whether the script was only tried with tiny shapes. */
  readonly rehearsal: boolean;
  readonly parts: readonly PartRecord[];
}
