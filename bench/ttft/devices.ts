/**
 * The devices on which modes are compared, and engines on them.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setEnvironmentData } from "node:worker_threads";
import { fileURLToPath } from "node:url";
import { BUNDLED_MODEL, Engine, type EngineOptions } from "../../mod.ts";
import { writeRandomModel } from "../../tests/support/models/random_model.ts";
import { DeviceLog } from "./device_log.ts";
import type { Sizes } from "./scenarios.ts";
import { LOG_NAME } from "./scripted_gpu.ts";

/** The compared modes of the loop. */
export type ModeName = "plain" | "atOnce" | "overlap" | "early";

/** A mode of the loop. */
export interface Mode {
  readonly name: ModeName;
  readonly title: string;
  readonly options: Pick<EngineOptions, "overlap" | "earlyFirstToken" | "lateLaunch">;
}

/**
 * All modes, the baseline first and the default of a GPU last. On the CPU library, whose default is the plain loop, launches
 * are never delayed: `atOnce` and `early` are the same there, and their difference is noise.
 */
export const MODES: readonly Mode[] = [
  { name: "plain", title: "plain", options: { overlap: false } },
  { name: "atOnce", title: "launched at once", options: { overlap: true, lateLaunch: false } },
  { name: "overlap", title: "overlap", options: { overlap: true, earlyFirstToken: false } },
  { name: "early", title: "overlap + early", options: { overlap: true } },
];

/** An engine in one mode, with the log of its device. */
export interface ModeEngine {
  readonly mode: Mode;
  readonly engine: Engine;
  /** null: the device keeps no log. */
  readonly log: DeviceLog | null;
}

/** A device to compare modes on. */
export interface BenchDevice extends Disposable {
  readonly name: "cpu" | "scripted";
  readonly title: string;
  readonly sizes: Sizes;
  /** Loads an engine. */
  load(mode: Mode, onStep?: EngineOptions["onStep"]): Promise<ModeEngine>;
}

const LIMITS = {
  maxBatchTokens: 512,
  maxBatchRequests: 32,
  maxContext: 512,
  // Every prompt is computed.
  prefixCache: false,
} as const;

const SCRIPTED_SIZES: Sizes = {
  prompt: 64,
  output: 16,
  singles: 4,
  burst: 32,
  running: 16,
  arrivals: 16,
  arrivalGap: 24,
  prefills: 12,
  prefillLengths: [16, 480, 64, 128, 256, 32],
  decode: 40,
  observedDecode: 200,
};

/** Steps of a small model are short, so there can be more of them. */
const CPU_SIZES: Sizes = { ...SCRIPTED_SIZES, decode: 64, arrivals: 24, arrivalGap: 12 };

const TINY_SIZES: Partial<Sizes> = {
  singles: 1,
  arrivals: 2,
  prefills: 3,
  output: 4,
  decode: 12,
  observedDecode: 12,
  running: 3,
};

/**
 * The CPU library.
 *
 * @param folder The model's folder; the bundled model unless given.
 * @param isTiny Whether to use minimal sizes, as a smoke test.
 */
export function cpuDevice(folder: string | undefined, isTiny: boolean): BenchDevice {
  const model = folder ?? BUNDLED_MODEL;
  return {
    name: "cpu",
    title: `CPU library, ${model.split("/").at(-1)}`,
    sizes: isTiny ? { ...CPU_SIZES, ...TINY_SIZES } : CPU_SIZES,
    async load(mode, onStep) {
      const engine = await Engine.load(model, { ...LIMITS, ...mode.options, device: "cpu", onStep });
      return { mode, engine, log: null };
    },
    [Symbol.dispose]() {},
  };
}

/** End-of-sequence tokens: one token in thirty-two, so that many sequences end early. */
const EOS_TOKEN_IDS = Array.from({ length: 10 }, (_, index) => 100 + index * 20);

/**
 * The scripted device with the timings of a GPU, and a small model whose weights it does not read.
 *
 * @param isTiny Whether to use minimal sizes, as a smoke test.
 */
export function scriptedDevice(isTiny: boolean): BenchDevice {
  const folder = mkdtempSync(join(tmpdir(), "upbeat-bench-"));
  writeRandomModel(folder, { tokenizer: true, eosTokenIds: EOS_TOKEN_IDS });
  const library = fileURLToPath(new URL("./scripted_gpu.ts", import.meta.url));
  return {
    name: "scripted",
    title: "scripted device with the timings of a GPU",
    sizes: isTiny ? { ...SCRIPTED_SIZES, ...TINY_SIZES } : SCRIPTED_SIZES,
    async load(mode, onStep) {
      const log = new DeviceLog();
      // A worker inherits it when it is started, which load() does before it returns its promise.
      setEnvironmentData(LOG_NAME, log.memory);
      const engine = await Engine.load(folder, { ...LIMITS, ...mode.options, library, onStep });
      return { mode, engine, log };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
