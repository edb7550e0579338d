/** `bun run compile`: the `upbeat` command as one file, with the CPU library and the bundled model in it. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { mustRun } from "./support/command.ts";
import { Failure, main } from "./support/failure.ts";
import { ensureInstalled } from "./support/install.ts";
import { ensureBuilt, RELEASE } from "./support/native.ts";
import { PLATFORMS } from "./support/packages.ts";
import { BUILD, BUN, CPU_LIBRARY, ROOT } from "./support/paths.ts";

const HELP = `Usage: bun run compile [--target NAME] [--outfile FILE]

Compiles the upbeat command to one file, dist/upbeat, that runs without Bun, Node or this
checkout. --target is another platform (linux-x64, linux-arm64, darwin-x64, darwin-arm64,
win32-x64) whose library is in build/NAME/; Bun for that platform is downloaded.
`;

/** Bun's names of platforms, by ours; on x64, the Bun that needs no AVX2. */
const BUN_TARGETS: Readonly<Record<string, string>> = {
  "linux-x64": "bun-linux-x64-baseline",
  "linux-arm64": "bun-linux-arm64",
  "darwin-x64": "bun-darwin-x64",
  "darwin-arm64": "bun-darwin-arm64",
  "win32-x64": "bun-windows-x64",
};

/** The model that is put into the program. */
const MODEL = join(ROOT, "assets/story-2m");

await main(async () => {
  const flags = process.argv.slice(2);
  if (flags.includes("--help")) return void process.stdout.write(HELP);
  const value = (flag: string) => {
    const at = flags.indexOf(flag);
    if (at < 0) return undefined;
    const [, given] = flags.splice(at, 2);
    if (given === undefined) throw new Failure(`${flag} needs a value\n${HELP}`);
    return given;
  };
  const target = value("--target");
  const outfile = value("--outfile") ?? join(ROOT, "dist", target === undefined ? "upbeat" : `upbeat-${target}`);
  if (flags.length > 0) throw new Failure(`unknown argument ${flags[0]}\n${HELP}`);
  await ensureInstalled();
  if (target === undefined) await ensureBuilt(RELEASE);
  const library = target === undefined ? CPU_LIBRARY : libraryFor(target);

  // A thread of an engine begins with this entry too, and stops at its first import. The other files are put into the
  // program, which finds them by their places in the project.
  const entry = join(BUILD, "compile", "upbeat.ts");
  const embedded = [library, ...readdirSync(MODEL).map((name) => join(MODEL, name))];
  const from = (path: string) => JSON.stringify(relative(join(entry, ".."), path).replaceAll("\\", "/"));
  mkdirSync(join(entry, ".."), { recursive: true });
  writeFileSync(
    entry,
    [
      `import ${from(join(ROOT, "engine/threads/start_thread.ts"))};`,
      ...embedded.map((path) => `import ${from(path)} with { type: "file" };`),
      `import ${from(join(ROOT, "cli/main.ts"))};`,
      "",
    ].join("\n"),
  );
  await mustRun("compiling", BUN, [
    "build",
    "--compile",
    ...(target === undefined ? [] : [`--target=${BUN_TARGETS[target]}`]),
    `--root=${ROOT}`,
    "--asset-naming=[dir]/[name].[ext]",
    `--outfile=${outfile}`,
    entry,
  ]);
  const file = existsSync(outfile) ? outfile : `${outfile}.exe`;
  process.stdout.write(`${relative(process.cwd(), file)} (${(statSync(file).size / 1e6).toFixed(1)} MB)\n`);
});

function libraryFor(target: string): string {
  const known = PLATFORMS.find(({ name }) => name === target);
  if (known === undefined) {
    throw new Failure(`unknown target ${target}; known are ${PLATFORMS.map(({ name }) => name).join(", ")}`);
  }
  const library = join(BUILD, target, known.library);
  if (!existsSync(library)) {
    throw new Failure(`${relative(ROOT, library)} does not exist: build it for ${target} first`);
  }
  return library;
}
