/** `bun run test`: install and build what is missing, then all tests, natively and on each runtime. */
import { existsSync } from "node:fs";
import process from "node:process";
import { Failure, main } from "./support/failure.ts";
import { ensureInstalled } from "./support/install.ts";
import { emulatedTests } from "./support/emulated.ts";
import { findNode, NO_NODE } from "./support/node.ts";
import { fullRunTests } from "./support/one_runtime.ts";
import { EMULATED, ensureBuilt, RELEASE, TESTS_ASAN, TESTS_RELEASE, TESTS_TSAN } from "./support/native.ts";
import { countLine, findTestFiles, printSuite, runNative, runOnRuntime, RUNTIME_SUITES } from "./support/suites.ts";
import type { SuiteResult } from "./support/suites.ts";

const HELP = `Usage: bun run test [--native] [--tsan] [--bun] [--deno] [--node] [--emulated] [FILTER...]

Runs the native tests (as users run them, and with address and undefined-behaviour
checks) and the tests under tests/ on Bun, Deno and Node; on Linux, tests that compute run
again on the emulated CUDA library. Without flags and filters, Deno leaves out tests that
cannot differ between runtimes, and Node runs a few. --native, --bun, --deno and --node
run only those suites, whole, without the emulator; --emulated runs only the tests on it. --tsan runs the native tests
with data-race checks, which need a machine whose address layout the compiler's
ThreadSanitizer supports. A FILTER is a part of a test file's path; with filters alone,
the native tests are left out.
`;

await main(async () => {
  const args = process.argv.slice(2).filter((arg) => arg !== "--");
  if (args.includes("--help")) return void process.stdout.write(HELP);
  const filters = args.filter((arg) => !arg.startsWith("-"));
  const flags = new Set(args.filter((arg) => arg.startsWith("-")));
  for (const flag of flags) {
    if (!["--native", "--tsan", "--bun", "--deno", "--node", "--emulated"].includes(flag)) {
      process.stderr.write(`upbeat: unknown flag ${flag}\n${HELP}`);
      return 2;
    }
  }
  const files = findTestFiles(filters);
  if (files.length === 0) throw new Failure(`no test file's path contains ${filters.join(" or ")}`);
  const all = flags.size === 0;

  const results: SuiteResult[] = [];
  const run = async (title: string, suite: () => Promise<SuiteResult>) => {
    const start = performance.now();
    const result = await suite().catch((error) => {
      if (!(error instanceof Failure)) throw error;
      return { title, passed: 0, failed: 1, skipped: 0, failures: [error.message], log: error.log };
    });
    results.push(result);
    printSuite(result, (performance.now() - start) / 1000);
  };

  await ensureInstalled();
  const nativeBuilds = [
    ...((all && filters.length === 0) || flags.has("--native") ? [TESTS_RELEASE, TESTS_ASAN] : []),
    ...(flags.has("--tsan") ? [TESTS_TSAN] : []),
  ];
  for (const build of nativeBuilds) {
    await run(build.name, async () => {
      await ensureBuilt(build);
      return await runNative(build);
    });
  }
  const anyRuntime = !flags.has("--bun") && !flags.has("--deno") && !flags.has("--node");
  for (const suite of RUNTIME_SUITES) {
    const candidates = suite.emulated ? emulatedTests(files) : files;
    const chosen = all && filters.length === 0 ? fullRunTests(suite.runtime, candidates, suite.emulated) : candidates;
    const isWanted = all ||
      ((flags.has(`--${suite.runtime}`) || (anyRuntime && flags.has("--emulated"))) &&
        suite.emulated === flags.has("--emulated"));
    if (!isWanted || chosen.length === 0 || (suite.emulated && process.platform !== "linux")) continue;
    if (suite.runtime === "node" && findNode() === null) {
      process.stdout.write(`node: left out, there is ${NO_NODE}\n`);
      continue;
    }
    await run(suite.title, async () => {
      await ensureBuilt(RELEASE);
      // Tests that run on every available library include the emulated one: it must be up to date.
      if (suite.emulated || existsSync(EMULATED.product!)) await ensureBuilt(EMULATED);
      return await runOnRuntime(suite, chosen);
    });
  }

  const sum = (of: "passed" | "failed" | "skipped") => results.reduce((total, result) => total + result[of], 0);
  const total = { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
  process.stdout.write(`${countLine(total)}\n`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
});
