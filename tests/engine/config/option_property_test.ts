/** Options of every type: each is accepted or refused with a typed error, never anything else. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { test } from "node:test";
import fc from "fast-check";
import {
  DISPOSE_OPTIONS,
  ENGINE_HOOKS,
  ENGINE_OPTIONS,
  EVENT_STREAM_OPTIONS,
} from "../../../engine/config/engine_options.ts";
import { GENERATE_OPTIONS } from "../../../engine/config/generate_options.ts";
import { type OptionTable, readOptions, resolveOptions } from "../../../engine/config/option.ts";
import { resolveEngineOptions } from "../../../engine/config/resolved_options.ts";
import { resolveSampling, SAMPLING_OPTIONS } from "../../../engine/config/sampling_options.ts";
import { showValue, UpbeatError } from "../../../errors.ts";
import { garbage, garbageOptions } from "../../support/garbage.ts";

const RUNS = { seed: 20_261_130, numRuns: 5000 };

const NO_SUGGESTIONS = {
  doSample: null,
  temperature: null,
  topK: null,
  topP: null,
  minP: null,
  repetitionPenalty: null,
};

/** Longest message, and milliseconds for all calls of a test: large values are part of the garbage. */
const MAX_MESSAGE = 2000;
const MAX_TIME = 4 * RUNS.numRuns;

function refusesTyped(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    assert(error instanceof UpbeatError, `${error}`);
    assertEquals(error.code, "INVALID_PARAMETER");
    assert(error.message.length <= MAX_MESSAGE, `${error.message.length} characters`);
    assert(!/\[object|undefined is not|is not a function/.test(error.message), error.message);
    return true;
  }
}

const CHECKS: readonly (readonly [string, OptionTable, (options: unknown) => unknown])[] = [
  [
    "resolveEngineOptions()",
    { ...ENGINE_OPTIONS, ...ENGINE_HOOKS },
    (options) => resolveEngineOptions(options as object),
  ],
  ["readOptions()", GENERATE_OPTIONS, (options) => readOptions(GENERATE_OPTIONS, options)],
  [
    "resolveOptions() of a generation",
    GENERATE_OPTIONS,
    (options) => resolveOptions(GENERATE_OPTIONS, options as object),
  ],
  ["resolveOptions() of a disposal", DISPOSE_OPTIONS, (options) => resolveOptions(DISPOSE_OPTIONS, options as object)],
  [
    "resolveOptions() of a stream of events",
    EVENT_STREAM_OPTIONS,
    (options) => resolveOptions(EVENT_STREAM_OPTIONS, options as object),
  ],
  ["resolveSampling()", SAMPLING_OPTIONS, (options) => resolveSampling(options as object, NO_SUGGESTIONS, 100)],
];

for (const [name, table, check] of CHECKS) {
  test(`${name} accepts options or refuses them with INVALID_PARAMETER, whatever they are`, () => {
    let refused = 0;
    const start = performance.now();
    fc.assert(
      fc.property(garbageOptions(Object.keys(table)), ({ value }) => {
        if (refusesTyped(() => check(value()))) refused++;
      }),
      RUNS,
    );
    assertLess(performance.now() - start, MAX_TIME);
    assert(refused > RUNS.numRuns / 4, `only ${refused} were refused`);
  });
}

test("resolveSampling() accepts or refuses biases with INVALID_PARAMETER, whatever they are", () => {
  const key = fc.oneof(fc.nat({ max: 120 }).map(String), fc.constantFrom("", "-1", "01", "1e1", "1.5", " 3", "NaN"));
  const biases = fc.array(fc.tuple(key, garbage), { maxLength: 3 });
  fc.assert(
    fc.property(biases, (entries) => {
      const logitBias = Object.fromEntries(entries.map(([token, { value }]) => [token, value() as number]));
      const refused = refusesTyped(() => resolveSampling({ logitBias }, NO_SUGGESTIONS, 100));
      if (refused) return;
      for (const token of Object.keys(logitBias)) assert(/^(?:0|[1-9]\d?)$/.test(token), token);
    }),
    RUNS,
  );
});

test("showValue() shows any value in at most 200 characters without control characters", () => {
  fc.assert(
    fc.property(garbage, ({ value }) => {
      const shown = showValue(value());
      assert(shown.length <= 200 && shown !== "", shown);
      assert(!/\p{Cc}/u.test(shown.replaceAll("\x7f", "")), shown);
    }),
    RUNS,
  );
});
