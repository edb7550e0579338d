/**
 * The engine's tests that a device library other than the CPU's passes, one a line, for `run.sh`.
 *
 * @module
 */
import { EMULATED } from "../../scripts/support/emulated.ts";

// Those of models are a part of their own.
const OF_MODELS = ["tests/models/", "tests/engine/families_test.ts", "tests/engine/goldens_test.ts"];

console.log(EMULATED.filter((file) => !OF_MODELS.some((prefix) => file.startsWith(prefix))).join("\n"));
