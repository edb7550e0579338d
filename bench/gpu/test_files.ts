/**
 * Lists the engine's tests that also pass on the CUDA library, one per line, for `run.sh`.
 *
 * @module
 */
import { EMULATED } from "../../scripts/support/emulated.ts";

// Tests of models are a part of their own.
const OF_MODELS = [
  "tests/support/models/random_model_test.ts",
  "tests/behaviours/numerics/families_test.ts",
  "tests/behaviours/numerics/goldens_test.ts",
];
// These run programs, among them the script itself, and do not test the engine.
const OF_PROGRAMS = ["tests/bench/", "tests/cli/", "tests/docs_test.ts"];

const excluded = [...OF_MODELS, ...OF_PROGRAMS];
console.log(EMULATED.filter((file) => !excluded.some((prefix) => file.startsWith(prefix))).join("\n"));
