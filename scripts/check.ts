/** `bun run check`: formatting, lint, and the types of both runtimes. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { capture } from "./support/command.ts";
import { main } from "./support/failure.ts";
import { ensureInstalled } from "./support/install.ts";
import { BUN, DENO, ROOT, TSC } from "./support/paths.ts";
import { Progress } from "./support/progress.ts";

/** All of the project's TypeScript, relative to the root. */
function sources(folder = ""): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return /^(node_modules|build|\.)/.test(entry.name) ? [] : sources(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

/** Whether Deno can check the types: not with imports of Bun's own modules. */
function isForDeno(file: string): boolean {
  return !/from "bun(?::[a-z]+)?"/.test(readFileSync(join(ROOT, file), "utf8"));
}

await main(async () => {
  await ensureInstalled();
  const steps: [title: string, program: string, args: string[]][] = [
    ["formatting", DENO, ["fmt", "--check"]],
    ["lint", DENO, ["lint", "--quiet"]],
    ["types for Bun", BUN, [TSC, "-p", "."]],
    ["types for Deno", DENO, ["check", "--quiet", ...sources().filter(isForDeno)]],
  ];
  let failed = 0;
  for (const [title, program, args] of steps) {
    const progress = new Progress(`checking ${title}`);
    const outcome = await capture(program, args, { env: { NO_COLOR: "1" } });
    progress.end("");
    if (outcome.code !== 0) process.stdout.write(`${outcome.log.trimEnd()}\n`);
    process.stdout.write(`${title}: ${outcome.code === 0 ? "ok" : "failed"}\n`);
    if (outcome.code !== 0) failed++;
  }
  return failed === 0 ? 0 : 1;
});
