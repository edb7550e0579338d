/** Builds the native libraries and their tests with CMake, when sources have changed. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { mustRun } from "./command.ts";
import { Failure } from "./failure.ts";
import { CPU_LIBRARY, CUDA_LIBRARY, EMULATED_LIBRARY, ROOT } from "./paths.ts";
import { Progress } from "./progress.ts";

const CMAKE_REMEDY =
  "Install CMake: `apt install cmake` (Debian, Ubuntu), `brew install cmake` (macOS), or https://cmake.org/download.";
const COMPILER_REMEDY = "Install one: `apt install g++` (Debian, Ubuntu), `xcode-select --install` (macOS).";
const MAKE_REMEDY = "Install one: `apt install make` (Debian, Ubuntu), `xcode-select --install` (macOS).";

/** The sources of every build, relative to the root. */
const SOURCES = ["CMakeLists.txt", "cmake", "abi", "cpu", "ffi/upbeat.h"];

/** Further sources of the native tests, including the emulated CUDA library. */
const EMULATED_SOURCES = ["cuda", "tests/native", "tests/simt"];

/** One build folder. */
export interface NativeBuild {
  /** A unique word, for reports and stamps. */
  readonly name: string;
  /** The product, as in "the CPU library". */
  readonly title: string;
  /** The build folder, relative to the root. */
  readonly folder: string;
  /** CMake's cache entries; null removes one. */
  readonly settings: Readonly<Record<string, string | null>>;
  /** Environment variables for CMake. */
  readonly environment?: Record<string, string>;
  /** Sources other than the library's own, relative to the root. */
  readonly sources?: readonly string[];
  /** CMake's target; all by default. */
  readonly target?: string;
  /** A file that must exist afterwards. */
  readonly product?: string;
}

const RELEASE_SETTINGS = {
  CMAKE_BUILD_TYPE: "Release",
  UPBEAT_TESTS: "ON",
  UPBEAT_BENCH: "ON",
  // Set in every build of the folder: CMake keeps the last value.
  UPBEAT_CUDA: "OFF",
};

/** The library that users run. */
export const RELEASE: NativeBuild = {
  name: "release",
  title: "the CPU library",
  folder: "build",
  settings: RELEASE_SETTINGS,
  target: "upbeat_cpu",
  product: CPU_LIBRARY,
};

/**
 * The library for NVIDIA GPUs.
 *
 * @param nvcc The compiler.
 * @param architectures CMake's list of architectures; null: all.
 * @returns The build.
 */
export function cudaRelease(nvcc: string, architectures: string | null): NativeBuild {
  return {
    name: "cuda",
    title: "the CUDA library",
    folder: "build",
    settings: { ...RELEASE_SETTINGS, UPBEAT_CUDA: "ON", CMAKE_CUDA_ARCHITECTURES: architectures },
    environment: { CUDACXX: nvcc },
    sources: ["cuda"],
    target: "upbeat_cuda",
    product: CUDA_LIBRARY,
  };
}

/** The CUDA library on the emulator. */
export const EMULATED: NativeBuild = {
  name: "emulated",
  title: "the emulated CUDA library",
  folder: "build",
  settings: RELEASE_SETTINGS,
  sources: EMULATED_SOURCES,
  target: "upbeat_simt",
  product: EMULATED_LIBRARY,
};

/** The program that measures the machine, for benchmarks. */
export const MACHINE_PEAK: NativeBuild = {
  name: "machine-peak",
  title: "the machine benchmark",
  folder: "build",
  settings: RELEASE_SETTINGS,
  sources: ["bench/machine"],
  target: "upbeat_machine_peak",
};

/** The native tests of the release build, in whose folder they share its objects. */
export const TESTS_RELEASE: NativeBuild = {
  name: "native",
  title: "the native tests",
  folder: "build",
  settings: RELEASE_SETTINGS,
  sources: EMULATED_SOURCES,
};

/** The native tests with address and undefined-behaviour checks. */
export const TESTS_ASAN = sanitizedTests("asan", "address,undefined");
/** The native tests with data-race checks. */
export const TESTS_TSAN = sanitizedTests("tsan", "thread");

function sanitizedTests(name: string, sanitizers: string): NativeBuild {
  return {
    name: `native-${name}`,
    title: `the native tests (${name})`,
    folder: `build/native-${name}`,
    settings: {
      CMAKE_BUILD_TYPE: "RelWithDebInfo",
      // Compiles quickly, and keeps assertions.
      CMAKE_CXX_FLAGS_RELWITHDEBINFO: "-O1",
      UPBEAT_SANITIZE: sanitizers,
      // Its kernels take minutes to compile with sanitizers, and the emulator itself checks their accesses.
      UPBEAT_EMULATOR: "OFF",
      UPBEAT_TESTS: "ON",
    },
    sources: ["tests/native"],
  };
}

/**
 * Configure and build, unless nothing has changed since the last build.
 *
 * @param build What to build.
 * @throws {Failure} When a tool is missing, naming it, or the build fails, with its log.
 */
export async function ensureBuilt(build: NativeBuild): Promise<void> {
  const stamp = join(ROOT, build.folder, `.upbeat-built-${build.name}`);
  const wanted = fingerprint(build);
  const upToDate = existsSync(stamp) && readFileSync(stamp, "utf8") === wanted &&
    (build.product === undefined || existsSync(build.product));
  if (upToDate) return;
  const tools = findTools();
  mkdirSync(join(ROOT, build.folder), { recursive: true });
  const progress = new Progress(`building ${build.title}`);
  const onLine = (line: string) => {
    const step = /^\[\s*(\d+%|\d+\/\d+)\]\s*(?:Building (?:CXX|CUDA) object\s+)?(.*)/.exec(line);
    if (step) progress.update(`${step[1]} ${step[2]?.split("/").at(-1)?.replace(/\.o$/, "")}`);
  };
  try {
    const settings = Object.entries(build.settings).map(([name, value]) =>
      value === null ? `-U${name}` : `-D${name}=${value}`
    );
    const generator = existsSync(join(ROOT, build.folder, "CMakeCache.txt")) ? [] : tools.generator;
    const options = { remedy: CMAKE_REMEDY, onLine, env: build.environment ?? {} };
    await mustRun(
      "configuring the build",
      "cmake",
      ["-S", ".", "-B", build.folder, ...generator, ...settings],
      options,
    );
    const cores = String(availableParallelism());
    const target = build.target === undefined ? [] : ["--target", build.target];
    await mustRun(
      "the build",
      "cmake",
      ["--build", build.folder, ...target, "--parallel", cores, ...tools.config],
      options,
    );
    if (build.product !== undefined && !existsSync(build.product)) {
      throw new Failure(`the build succeeded but did not make ${build.product}`);
    }
  } catch (error) {
    progress.end("");
    throw error;
  }
  writeFileSync(stamp, wanted);
  progress.end(`built ${build.title}`);
}

/** A hash of what the product depends on: settings, machine, and each source's path, size and time. */
function fingerprint(build: NativeBuild): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([build.settings, process.platform, process.arch, process.env["CXX"] ?? ""]));
  for (const source of [...SOURCES, ...(build.sources ?? [])]) {
    for (const file of filesUnder(source)) {
      const { size, mtimeMs } = statSync(join(ROOT, file));
      hash.update(`${file}\0${size}\0${mtimeMs}\n`);
    }
  }
  return hash.digest("hex");
}

function filesUnder(path: string): string[] {
  const stat = statSync(join(ROOT, path), { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [path];
  return readdirSync(join(ROOT, path)).sort().flatMap((name) => filesUnder(`${path}/${name}`));
}

/** Check that CMake, a compiler and a build tool exist, and choose CMake's arguments. */
function findTools(): { generator: string[]; config: string[] } {
  if (!runs("cmake")) throw new Failure(`CMake was not found. ${CMAKE_REMEDY}`);
  if (process.platform === "win32") return { generator: [], config: ["--config", "Release"] };
  const compilers = [process.env["CXX"], "c++", "g++", "clang++"].filter((name) => name !== undefined && name !== "");
  if (!compilers.some((name) => runs(name!))) throw new Failure(`No C++ compiler was found. ${COMPILER_REMEDY}`);
  if (runs("make") || process.env["CMAKE_GENERATOR"]) return { generator: [], config: [] };
  if (runs("ninja")) return { generator: ["-G", "Ninja"], config: [] };
  throw new Failure(`Neither make nor ninja was found. ${MAKE_REMEDY}`);
}

function runs(program: string): boolean {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
}
