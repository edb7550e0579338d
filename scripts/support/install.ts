/** Install the locked packages, when that has not been done. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "./command.ts";
import { Failure } from "./failure.ts";
import { BUN, DENO, ROOT, TSC } from "./paths.ts";
import { Progress } from "./progress.ts";

const STAMP = join(ROOT, "node_modules/.upbeat-installed");

/**
 * Install the packages of `bun.lock`, unless they are installed.
 *
 * @throws {Failure} When the installation fails.
 */
export async function ensureInstalled(): Promise<void> {
  const hash = createHash("sha256");
  for (const file of ["package.json", "bun.lock"]) hash.update(readFileSync(join(ROOT, file)));
  const wanted = hash.digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted && existsSync(DENO)) return;
  const progress = new Progress("installing packages");
  try {
    await mustRun("installing packages", BUN, ["install", "--frozen-lockfile"], {
      onLine: (line) => progress.update(line),
    });
    // Deno's package downloads nothing, but copies its program into place at its first use or at its installation.
    if (!existsSync(DENO)) await mustRun("installing deno", BUN, [join(ROOT, "node_modules/deno/install.cjs")]);
    for (const file of [DENO, TSC]) {
      if (!existsSync(file)) {
        throw new Failure(`${file} is missing after the installation; remove node_modules and retry`);
      }
    }
  } catch (error) {
    progress.end("");
    throw error;
  }
  writeFileSync(STAMP, wanted);
  progress.end("installed packages");
}
