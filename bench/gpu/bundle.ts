/**
 * Packs the parts of a run into one file, and unpacks them.
 *
 * `bun bench/gpu/bundle.ts pack WORK FILE GPU COMMIT [--rehearsal]`, `bun bench/gpu/bundle.ts unpack FILE WORK`
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import type { GpuResults, PartRecord, PartResult } from "./results.ts";

/** Parses a JSON file; null if a program was stopped while writing it. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}

/**
 * Collect the results of parts.
 *
 * @param work The work folder of `run.sh`.
 * @param about Description of the run.
 * @returns The run, its parts in the order in which they ended.
 */
export function pack(work: string, about: Omit<GpuResults, "parts">): GpuResults {
  const states = readdirSync(work).filter((name) => name.endsWith(".status")).map((name) => join(work, name));
  states.sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs);
  const parts = states.flatMap((path) => {
    const record = readJson(path) as Omit<PartRecord, "result"> | null;
    if (record === null) return [];
    const { name, status, seconds, reason } = record;
    const file = join(work, `${name}.json`);
    const result = existsSync(file) ? readJson(file) as PartResult | null : null;
    return [{ name, status, seconds, reason, result }];
  });
  return { ...about, parts };
}

/**
 * Restore successful parts, so that `run.sh` does not repeat them. The build is always repeated.
 *
 * @param results An earlier run.
 * @param work The work folder, created if missing.
 */
export function unpack(results: GpuResults, work: string): void {
  mkdirSync(work, { recursive: true });
  for (const { result, ...record } of results.parts) {
    if (record.status !== "ok" || record.name === "build") continue;
    writeFileSync(join(work, `${record.name}.status`), statusLine(record));
    if (result !== null) writeFileSync(join(work, `${record.name}.json`), JSON.stringify(result));
  }
}

/** A part's status in the form of `run.sh`, which reads it with grep. */
function statusLine({ name, status, seconds, reason }: Omit<PartRecord, "result">): string {
  return `{"name": ${JSON.stringify(name)}, "status": "${status}", "seconds": ${seconds}, "reason": ${
    JSON.stringify(reason)
  }}\n`;
}

if (import.meta.main) {
  const [action, ...args] = process.argv.slice(2);
  if (action === "pack" && args.length >= 4) {
    const [work, file, gpu, commit, flag] = args as [string, string, string, string, string?];
    const rehearsal = flag === "--rehearsal";
    const results = pack(work, { date: new Date().toISOString(), gpu, commit, rehearsal });
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(results, null, 1) + "\n");
  } else if (action === "unpack" && args.length === 2) {
    unpack(JSON.parse(readFileSync(args[0]!, "utf8")) as GpuResults, args[1]!);
  } else {
    console.error("usage: bundle.ts pack WORK FILE GPU COMMIT [--rehearsal] | bundle.ts unpack FILE WORK");
    process.exit(2);
  }
}
