import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { test } from "node:test";
import { runBench } from "../support/run/run_bench.ts";

const PROGRAMS = ["generate.ts", "events.ts", "ttft.ts", "gpu/model_bench.ts", "gpu/dependent_bench.ts"];

test("every benchmark prints its usage with --help and exits", () => {
  for (const program of PROGRAMS) {
    const { code, stdout, stderr } = runBench(program, ["--help"]);
    assertEquals([code, stderr], [0, ""], program);
    assertMatch(stdout, /^Usage: bun .*--json FILE.*\n$/);
  }
});

test("every benchmark rejects unknown flags and surplus arguments", () => {
  for (const program of PROGRAMS) {
    for (const args of [["--round", "3"], ["shape", "another"]]) {
      const { code, stdout, stderr } = runBench(program, args);
      assertEquals(code, 2, program);
      assertStringIncludes(stderr, `unknown: ${args[0] === "shape" && program.startsWith("gpu") ? args[1] : args[0]}`);
      assertStringIncludes(stdout, "Usage: ");
    }
  }
});
