import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DependentResult } from "../../bench/gpu/results.ts";
import { findLibrary } from "../../ffi/library.ts";
import { GPU_LIBRARIES } from "../support/libraries/gpu_libraries.ts";
import { runBench } from "../support/run/run_bench.ts";
import { withTemporaryFolder } from "../support/temporary_folder.ts";

const measured = "dependent_bench.ts measures decode steps with and without dependent launches";
const [emulated] = GPU_LIBRARIES;
if (emulated!.missing !== null) test.skip(`${measured}: ${emulated!.missing}`, () => {});
else {
  test(measured, { timeout: 120_000 }, () => {
    withTemporaryFolder((folder) => {
      const json = join(folder, "dependent.json");
      const args = ["tiny", "--tiny", "--json", json, "--library", emulated!.path];
      const { code, stderr } = runBench("gpu/dependent_bench.ts", args);
      assertEquals(code, 0, stderr);
      const result = JSON.parse(readFileSync(json, "utf8")) as DependentResult;
      assertEquals([result.part, result.same, result.rounds], ["dependent", true, 1]);
      assertEquals(result.decode.map(({ batch }) => batch), [1, 3]);
      for (const { ordered, dependent, bytes } of result.decode) {
        for (const figure of [ordered.median, dependent.median, bytes]) assertGreater(figure, 0);
      }
    });
  });
}

test("dependent_bench.ts exits with a reason if dependent launches are not supported", { timeout: 120_000 }, () => {
  const args = ["tiny", "--tiny", "--library", findLibrary({ device: "cpu" })];
  const { code, stdout } = runBench("gpu/dependent_bench.ts", args);
  assertEquals(code, 77);
  assertStringIncludes(stdout, "the cpu library has no dependent launches");
});
