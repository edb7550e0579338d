import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type EngineOptions, UpbeatError } from "../../../mod.ts";
import { openDevice } from "../../../ffi/device.ts";
import { CPU_LIBRARY } from "../../../scripts/support/paths.ts";
import { GPU_LIBRARIES } from "../../support/libraries/gpu_libraries.ts";
import { withRandomEngine } from "../../support/test_engine.ts";

const PROMPT = Array.from({ length: 12 }, (_, index) => 3 + index * 7 % 300);

/** Log-probabilities of the likeliest tokens, which reveal smaller differences than tokens do. */
function logprobs(options: EngineOptions): Promise<number[]> {
  return withRandomEngine({ layers: 1 }, options, async (engine) => {
    assertEquals(engine.info.activations, options.activations ?? "auto");
    const generation = engine.generate(PROMPT, { maxTokens: 1, logprobs: 5, ignoreEos: true });
    const { logprobs: places } = await generation.result;
    return places![0]!.top.map(({ logprob }) => logprob);
  });
}

test("load() rejects an unknown value of activations", async () => {
  const error = await assertRejects(
    () => withRandomEngine({}, { activations: "float16" as "float32" }, () => Promise.resolve()),
    UpbeatError,
  );
  assertEquals(error.code, "INVALID_PARAMETER");
  for (const words of ["activations", "float32, bfloat16", "float16"]) assertStringIncludes(error.message, words);
});

test("load() fails with the remedy if bfloat16 activations are not supported", async () => {
  // No library supports them with F32 weights.
  const error = await assertRejects(
    () => withRandomEngine({ dtype: "F32" }, { activations: "bfloat16" }, () => Promise.resolve()),
    UpbeatError,
  );
  assertEquals(error.code, "DEVICE_UNAVAILABLE");
  for (const words of ["F32 weights with BF16 inputs", 'activations "float32"']) {
    assertStringIncludes(error.message, words);
  }
});

interface Target {
  readonly title: string;
  readonly options: EngineOptions;
  readonly missing: string | null;
}

const TARGETS: readonly Target[] = [
  { title: "AMX", options: { library: CPU_LIBRARY, simd: "amx" }, missing: hasAmx() ? null : "no AMX" },
  ...GPU_LIBRARIES.map(({ title, path, missing }) => (
    { title, options: { library: path }, missing }
  )),
];

function hasAmx(): boolean {
  try {
    openDevice({ libraryPath: CPU_LIBRARY, simd: "AMX" }).close();
    return true;
  } catch (error) {
    if (error instanceof UpbeatError && error.code === "DEVICE_UNAVAILABLE") return false;
    throw error;
  }
}

for (const { title, options, missing } of TARGETS) {
  const name = `generate() rounds activations to bfloat16 if they are selected [${title}]`;
  if (missing !== null) {
    test.skip(`${name}: ${missing}`, () => {});
    continue;
  }
  test(name, async () => {
    const exact = await logprobs(options);
    const rounded = await logprobs({ ...options, activations: "bfloat16" });
    const differences = exact.map((value, index) => Math.abs(value - rounded[index]!));
    assert(differences.some((difference) => difference > 0), "nothing was rounded");
    assert(differences.every((difference) => difference < 0.2), `off by ${differences.join(", ")}`);
  });
}
