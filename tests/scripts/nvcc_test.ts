import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Failure } from "../../scripts/support/failure.ts";
import { cudaArchitectures, findNvcc } from "../../scripts/support/nvcc.ts";
import { withModelFolder } from "../support/test_engine.ts";

/** A program that answers `--version` like nvcc, or like something else. */
function compiler(folder: string, answer: string): string {
  const file = join(folder, "nvcc");
  writeFileSync(file, `#!/bin/sh\necho '${answer}'\n`);
  chmodSync(file, 0o755);
  return file;
}

test("findNvcc() returns what CUDACXX names, and searches nowhere else", async () => {
  await withModelFolder((folder) => {
    const file = compiler(folder, "Cuda compilation tools, release 13.0, V13.0.88");
    assertEquals(findNvcc({ CUDACXX: file }), file);
    const missing = join(folder, "no/nvcc");
    const error = assertThrows(() => findNvcc({ CUDACXX: missing }), Failure);
    assertStringIncludes(error.message, `nvcc was not found at ${missing}, which CUDACXX names`);
    assertStringIncludes(error.message, "Install the CUDA toolkit 13");
    return Promise.resolve();
  });
});

test("findNvcc() refuses an old compiler and other programs, and says what to do", async () => {
  await withModelFolder((folder) => {
    const old = compiler(folder, "Cuda compilation tools, release 12.4, V12.4.131");
    assertStringIncludes(
      assertThrows(() => findNvcc({ CUDACXX: old }), Failure).message,
      "is of CUDA 12.4, and 13 or later is needed",
    );
    const other = compiler(folder, "hello");
    const error = assertThrows(() => findNvcc({ CUDACXX: other }), Failure);
    assertStringIncludes(error.message, "does not work as nvcc");
    return Promise.resolve();
  });
});

test("cudaArchitectures() accepts compute capabilities as CMake does, and nothing else", () => {
  assertEquals(cudaArchitectures("90a"), "90a");
  assertEquals(cudaArchitectures("80-real,90a,120"), "80-real;90a;120");
  for (const wrong of ["", "9.0", "sm_90", "90;", "native; rm"]) {
    assertThrows(() => cudaArchitectures(wrong), Failure, "--cuda-architectures takes");
  }
});
