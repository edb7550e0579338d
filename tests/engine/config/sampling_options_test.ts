import { assertEquals, assertNotEquals } from "@std/assert";
import { test } from "node:test";
import type { SamplingDefaults } from "../../../engine/models/config/generation_config.ts";
import { MAX_LOGIT_BIASES, resolveSampling, type SamplingOptions } from "../../../engine/config/sampling_options.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";

const silent: SamplingDefaults = {
  doSample: null,
  temperature: null,
  topK: null,
  topP: null,
  minP: null,
  repetitionPenalty: null,
};
const suggesting: SamplingDefaults = {
  doSample: true,
  temperature: 0.6,
  topK: 20,
  topP: 0.95,
  minP: null,
  repetitionPenalty: 1.05,
};

test("resolveSampling() is greedy by default", () => {
  const { temperature, topK, topP, minP, repetitionPenalty, logprobs } = resolveSampling({}, silent, 100);
  assertEquals([temperature, topK, topP, minP, repetitionPenalty, logprobs], [0, 0, 1, 0, 1, -1]);
});

test("resolveSampling() takes the model's suggestions where the caller gives no value", () => {
  const { temperature, topK, topP, repetitionPenalty } = resolveSampling({ topK: 5 }, suggesting, 100);
  assertEquals([temperature, topK, topP, repetitionPenalty], [0.6, 5, 0.95, 1.05]);
});

test("resolveSampling() ignores suggestions of a model without do_sample", () => {
  assertEquals(resolveSampling({}, { ...suggesting, doSample: false }, 100).temperature, 0);
});

test("resolveSampling() draws a new seed each time unless one is given", () => {
  assertNotEquals(resolveSampling({}, silent, 100).seed, resolveSampling({}, silent, 100).seed);
  assertEquals(resolveSampling({ seed: Number.MAX_SAFE_INTEGER }, silent, 100).seed, Number.MAX_SAFE_INTEGER);
});

test("resolveSampling() accepts a bias of minus infinity", () => {
  const { biasTokens, biasValues } = resolveSampling({ logitBias: { 3: -Infinity, 7: 1.5 } }, silent, 100);
  assertEquals([biasTokens, biasValues], [[3, 7], [-Infinity, 1.5]]);
});

const refused: readonly (readonly [string, SamplingOptions, string])[] = [
  ["temperature", { temperature: NaN }, "NaN"],
  ["temperature", { temperature: -0.1 }, "-0.1"],
  ["temperature", { temperature: Infinity }, "Infinity"],
  ["temperature", { temperature: "hot" as unknown as number }, '"hot"'],
  ["topK", { topK: 1.5 }, "1.5"],
  ["topK", { topK: -1 }, "-1"],
  ["topP", { topP: 0 }, "0"],
  ["topP", { topP: 1.01 }, "1.01"],
  ["minP", { minP: -0.5 }, "-0.5"],
  ["repetitionPenalty", { repetitionPenalty: 0 }, "0"],
  ["presencePenalty", { presencePenalty: 3 }, "3"],
  ["frequencyPenalty", { frequencyPenalty: NaN }, "NaN"],
  ["seed", { seed: -1 }, "-1"],
  ["seed", { seed: 2 ** 53 }, "9007199254740992"],
  ["logprobs", { logprobs: 21 }, "21"],
  ["logitBias (token id)", { logitBias: { 100: 1 } }, "100"],
  ["logitBias[3]", { logitBias: { 3: NaN } }, "NaN"],
  ["logitBias[3]", { logitBias: { 3: Infinity } }, "Infinity"],
  // Infinite in float32, in which the device computes.
  ["logitBias[3]", { logitBias: { 3: 1e39 } }, "1e+39"],
  ["logitBias[3]", { logitBias: { 3: -Number.MAX_VALUE } }, "-1.7976931348623157e+308"],
  ["logitBias (token id)", { logitBias: { "07": 1 } as Record<string, number> }, '"07"'],
  ["logitBias (token id)", { logitBias: { "": 1 } as Record<string, number> }, '""'],
  ["logitBias", { logitBias: [1, 2] as unknown as Record<number, number> }, "[1,2]"],
];
for (const [field, options, value] of refused) {
  test(`resolveSampling() refuses ${field} = ${value}, naming both`, () => {
    assertUpbeatError(() => resolveSampling(options, silent, 100), "INVALID_PARAMETER", field, value);
  });
}

test("resolveSampling() refuses more than MAX_LOGIT_BIASES biases", () => {
  const logitBias = Object.fromEntries(Array.from({ length: MAX_LOGIT_BIASES + 1 }, (_, id) => [id, 1]));
  assertUpbeatError(() => resolveSampling({ logitBias }, silent, 5000), "INVALID_PARAMETER", "logitBias");
});

test("resolveSampling() refuses biases that forbid every token, and accepts those that leave one", () => {
  const forbid = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, id) => [id, -Infinity]));
  const resolve = (logitBias: Record<number, number>) => resolveSampling({ logitBias }, silent, 100);
  assertUpbeatError(() => resolve(forbid(100)), "INVALID_PARAMETER", "logitBias forbids all 100 tokens");
  assertEquals(resolve(forbid(99)).biasTokens.length, 99);
  assertEquals(resolve({ ...forbid(100), 7: -3e38 }).biasTokens.length, 100);
});

test("resolveSampling() counts biases before it reads them", () => {
  const logitBias = Object.fromEntries(Array.from({ length: 200_000 }, (_, id) => [`${id}.5`, 1])) as never;
  assertUpbeatError(() => resolveSampling({ logitBias }, silent, 100), "INVALID_PARAMETER", "logitBias", "200000");
});
