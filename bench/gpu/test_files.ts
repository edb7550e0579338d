/**
 * The engine's tests that a device library other than the CPU's passes, one a line, for `run.sh`.
 *
 * @module
 */
import { EMULATED } from "../../scripts/support/emulated.ts";

// Those of models are a part of their own.
const OF_MODELS = [
  "tests/support/models/random_model_test.ts",
  "tests/behaviours/loading/families_test.ts",
  "tests/behaviours/loading/goldens_test.ts",
];
// These start a program after the other, the script among them, and are no test of the engine.
const OF_PROGRAMS = ["tests/bench/", "tests/cli/", "tests/docs_test.ts"];

const left = [...OF_MODELS, ...OF_PROGRAMS];
console.log(EMULATED.filter((file) => !left.some((prefix) => file.startsWith(prefix))).join("\n"));
