import { assertEquals } from "@std/assert";
import type { ChildProcess } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { FaultyLibrary, noFaultyLibrary } from "../../support/libraries/faulty_library.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { type CliRun, runCli } from "../../support/run/run_cli.ts";
import { withModelFolder } from "../../support/test_engine.ts";

/** Run `upbeat generate` with a library that blocks in a mode, and call a function once it does. */
function runBlocked(
  mode: "hold load" | "hold step",
  whenBlocked: (child: ChildProcess, library: FaultyLibrary) => void,
): Promise<CliRun> {
  return withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const library = new FaultyLibrary(folder);
    library.mode = mode;
    const args = ["generate", folder, "Hello", "--temperature", "0", "--ignore-eos", "--library", library.path];
    const onStart = (child: ChildProcess) => void library.until(mode).then(() => whenBlocked(child, library));
    return await runCli(args, { onStart });
  });
}

const blocked: typeof test = noFaultyLibrary === null
  ? test
  : ((name: string) => test.skip(`${name} (${noFaultyLibrary})`, () => {})) as typeof test;

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  blocked(
    `upbeat generate ends with code ${code} and without output when ${signal} arrives while it loads`,
    async () => {
      const run = await runBlocked("hold load", (child, library) => {
        process.kill(child.pid!, signal);
        library.mode = "run";
      });
      assertEquals(run, { code, stdout: "", stderr: "" });
    },
  );
}

for (const mode of ["hold load", "hold step"] as const) {
  blocked(`upbeat generate ends with code 130 at a second Ctrl-C, even while the device blocks (${mode})`, async () => {
    const run = await runBlocked(mode, (child) => {
      // Repeatedly: two pending signals merge into one.
      const timer = setInterval(() => process.kill(child.pid!, "SIGINT"), 20);
      child.on("exit", () => clearInterval(timer));
    });
    assertEquals(run, { code: 130, stdout: "", stderr: "" });
  });
}
