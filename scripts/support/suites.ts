/** Test suites: the native tests, and the TypeScript tests on each runtime, with the CPU library and the emulated one. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { capture, describeEnd } from "./command.ts";
import type { CommandOptions, Outcome } from "./command.ts";
import { parseJunit } from "./junit.ts";
import type { TestCase } from "./junit.ts";
import type { NativeBuild } from "./native.ts";
import { findNode } from "./node.ts";
import { BUN, DENO, EMULATED_LIBRARY, REPORTS, ROOT } from "./paths.ts";
import { Progress } from "./progress.ts";

/** The result of a suite. */
export interface SuiteResult {
  /** The suite, as in "bun". */
  readonly title: string;
  /** Tests that passed. */
  readonly passed: number;
  /** Tests that failed, including crashes and files that did not run. */
  readonly failed: number;
  /** Tests that were skipped. */
  readonly skipped: number;
  /** Names of failed tests. */
  readonly failures: readonly string[];
  /** The runner's output. */
  readonly log: string;
}

/** Milliseconds for one test; property tests are slow on a busy machine. */
const TEST_TIMEOUT = 300_000;

/**
 * The test files whose path contains one of the filters.
 *
 * @param filters Parts of paths; none: all files.
 * @returns Paths relative to the root, sorted.
 */
export function findTestFiles(filters: readonly string[]): string[] {
  const files = (readdirSync(join(ROOT, "tests"), { recursive: true }) as string[])
    .map((name) => `tests/${name.replaceAll("\\", "/")}`)
    .filter((name) => name.endsWith("_test.ts"))
    .sort();
  return filters.length === 0 ? files : files.filter((file) => filters.some((filter) => file.includes(filter)));
}

/** A runtime, and the library its tests use. */
export interface RuntimeSuite {
  /** As in "bun" or "bun, emulated CUDA". */
  readonly title: string;
  readonly runtime: "bun" | "deno" | "node";
  /** Whether tests compute on the emulated CUDA library. */
  readonly emulated: boolean;
}

/** The suites of all runtimes. */
export const RUNTIME_SUITES: readonly RuntimeSuite[] = [
  { title: "bun", runtime: "bun", emulated: false },
  { title: "deno", runtime: "deno", emulated: false },
  { title: "node", runtime: "node", emulated: false },
  { title: "bun, emulated CUDA", runtime: "bun", emulated: true },
  { title: "deno, emulated CUDA", runtime: "deno", emulated: true },
];

/** Resolves `@std/assert` and `@std/cli` on Node. */
const NODE_IMPORTS = pathToFileURL(join(ROOT, "scripts/support/node_imports.mjs")).href;

/** The command that runs test files, which follow it, and writes a report. */
function testCommand(runtime: RuntimeSuite["runtime"], report: string): string[] {
  switch (runtime) {
    case "bun":
      return [BUN, "test", `--timeout=${TEST_TIMEOUT}`, "--reporter=junit", `--reporter-outfile=${report}`];
    case "deno":
      return [DENO, "test", "-A", "--no-check", `--junit-path=${report}`];
    case "node": {
      const reporters = ["junit", report, "spec", "stdout"].map((value, index) =>
        `--test-reporter${index % 2 === 0 ? "" : "-destination"}=${value}`
      );
      // One file at a time, as on the other runtimes: tests measure times.
      const limits = ["--test-concurrency=1", `--test-timeout=${TEST_TIMEOUT}`];
      return [findNode() ?? "node", "--test", ...limits, ...reporters];
    }
  }
}

/**
 * Run test files on a runtime. Deno and Node do not check their types; `bun run check` does.
 *
 * @param suite The suite.
 * @param files Paths relative to the root.
 * @returns The result.
 */
export async function runOnRuntime(suite: RuntimeSuite, files: readonly string[]): Promise<SuiteResult> {
  const { title, runtime, emulated } = suite;
  const report = freshReport(emulated ? `${runtime}-emulated` : runtime);
  const [program, ...args] = testCommand(runtime, report);
  const env = {
    DENO_NO_UPDATE_CHECK: "1",
    // For the programs that tests start, too. The warning is that of node:ffi.
    ...(runtime === "node" ? { NODE_OPTIONS: `--import=${NODE_IMPORTS} --disable-warning=ExperimentalWarning` } : {}),
    ...(emulated ? { UPBEAT_LIBRARY: EMULATED_LIBRARY } : {}),
  };
  const outcome = await follow(`testing on ${title}`, program!, [...args, ...files.map((file) => `./${file}`)], {
    env,
  });
  return judge(title, outcome, report, files);
}

/**
 * Run the native tests of a build.
 *
 * @param build The build, up to date.
 * @returns The result.
 */
export async function runNative(build: NativeBuild): Promise<SuiteResult> {
  const report = freshReport(build.name);
  const args = [
    "--test-dir",
    join(ROOT, build.folder),
    "--parallel",
    "2",
    "--output-on-failure",
    "--output-junit",
    report,
  ];
  const env = {
    ASAN_OPTIONS: "detect_leaks=1:abort_on_error=0",
    UBSAN_OPTIONS: "print_stacktrace=1",
    TSAN_OPTIONS: "halt_on_error=1",
  };
  const outcome = await follow(`running ${build.title}`, "ctest", args, { env });
  return judge(build.name, outcome, report, []);
}

function freshReport(name: string): string {
  mkdirSync(REPORTS, { recursive: true });
  const report = join(REPORTS, `${name}.xml`);
  // A report of an earlier run must not count.
  rmSync(report, { force: true });
  return report;
}

async function follow(
  title: string,
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Outcome> {
  const progress = new Progress(title);
  let done = 0;
  const onLine = (line: string) => {
    if (/^\(pass\)|^\(fail\)|^\s*[✔✖] |\.\.\. (?:ok|FAILED)\b|^\s*\d+\/\d+ Test /.test(line)) {
      progress.update(`${++done} tests`);
    }
  };
  const outcome = await capture(program, args, { ...options, env: { NO_COLOR: "1", ...options.env }, onLine });
  progress.end("");
  return outcome;
}

/** Count a run by its report, its exit code and its files; a file that did not run counts as failed. */
function judge(title: string, outcome: Outcome, report: string, files: readonly string[]): SuiteResult {
  const cases: TestCase[] = existsSync(report) ? parseJunit(readFileSync(report, "utf8")) : [];
  const failures = cases.filter((test) => test.outcome === "failed").map((test) => `${test.file} > ${test.name}`);
  if (!existsSync(report)) failures.push(`the runner ended without a report (${describeEnd(outcome)})`);
  else {
    // Node reports absolute paths.
    const ran = new Set(cases.map((test) => test.file.replace(ROOT, "").replaceAll("\\", "/")));
    // Deno's report names the file that calls test(), which may be a helper of the test file; its log names the test file.
    for (const [, file] of outcome.log.matchAll(/^running [1-9]\d* tests? from \.\/(.+)$/gm)) ran.add(file!);
    for (const file of files) if (!ran.has(file)) failures.push(`${file} ran no test`);
    if (files.length === 0 && cases.length === 0) failures.push("no test ran");
    if (outcome.code !== 0 && failures.length === 0) failures.push(`the runner failed (${describeEnd(outcome)})`);
  }
  return {
    title,
    passed: cases.filter((test) => test.outcome === "passed").length,
    failed: failures.length,
    skipped: cases.filter((test) => test.outcome === "skipped").length,
    failures,
    log: outcome.log,
  };
}

/**
 * Print a suite's line, and after a failure the runner's output, without the lines of tests that passed.
 *
 * @param result The suite's result.
 * @param seconds The time it took.
 */
export function printSuite(result: SuiteResult, seconds: number): void {
  const counts = countLine(result);
  if (result.failed > 0) {
    const noise = /^\(pass\)|^\(skip\)|\.\.\. (?:ok|ignored)\b|^\s*[✔﹣] /;
    const lines = result.log.split("\n").filter((line) => !noise.test(line));
    process.stdout.write(`${lines.join("\n").trimEnd()}\n\n`);
    for (const failure of result.failures) process.stdout.write(`failed: ${failure}\n`);
  }
  process.stdout.write(`${result.title}: ${counts} (${seconds.toFixed(1)} s)\n`);
}

/**
 * Format counts.
 *
 * @param counts Numbers of tests that passed, failed and were skipped.
 * @returns As in "12 passed, 0 failed" or "12 passed, 0 failed, 3 skipped".
 */
export function countLine(counts: Pick<SuiteResult, "passed" | "failed" | "skipped">): string {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`;
}
