/** Finds the CUDA compiler, and checks the architectures to compile for. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { Failure } from "./failure.ts";

/** The oldest toolkit that supports all architectures of `cuda/CMakeLists.txt`. */
const OLDEST = 13;

const REMEDY =
  `Install the CUDA toolkit ${OLDEST} (https://developer.nvidia.com/cuda-downloads; the GPU's driver is not needed to ` +
  "build), or set CUDACXX=/path/to/nvcc.";

/**
 * Find nvcc: as `CUDACXX` names it, on the path, or where the toolkit installs it.
 *
 * @param environment Environment variables; this process's by default.
 * @returns A program that can be started.
 * @throws {Failure} When nvcc is missing or too old.
 */
export function findNvcc(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = environment["CUDACXX"] ?? "";
  const candidates = named !== "" ? [named] : ["nvcc", "/usr/local/cuda/bin/nvcc"];
  for (const program of candidates) {
    const { error, status, stdout } = spawnSync(program, ["--version"], {
      encoding: "utf8",
      env: environment as Record<string, string>,
    });
    if (error !== undefined) continue;
    const release = /release (\d+)\.\d+/.exec(stdout);
    if (status !== 0 || release === null) throw new Failure(`${program} does not work as nvcc. ${REMEDY}`);
    if (Number(release[1]) < OLDEST) {
      throw new Failure(`${program} is of CUDA ${release[0].slice(8)}, and ${OLDEST} or later is needed. ${REMEDY}`);
    }
    return program;
  }
  throw new Failure(`nvcc was not found${named === "" ? "" : ` at ${named}, which CUDACXX names`}. ${REMEDY}`);
}

/**
 * Check a list of architectures.
 *
 * @param list As in `90a` or `80-real,90a,120`.
 * @returns CMake's list.
 * @throws {Failure} When it is not such a list.
 */
export function cudaArchitectures(list: string): string {
  const names = list.split(/[,;]/);
  if (names.every((name) => /^\d{2,3}[af]?(-real|-virtual)?$/.test(name))) return names.join(";");
  throw new Failure(
    `--cuda-architectures takes compute capabilities without the dot, as in 90a or 80,120, not ${list}`,
  );
}
