import { assert, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import type { LoopOptions } from "../../../engine/executor/loop_options.ts";
import type { StepRunner } from "../../../engine/runner/step_runner.ts";
import { ModelRunner } from "../../../engine/runner/model_runner.ts";
import { readModelConfig } from "../../../engine/models/config.ts";
import { planModel } from "../../../engine/models/model_plan.ts";
import { resolveEngineOptions } from "../../../engine/config/resolved_options.ts";
import { resolveLimits } from "../../../engine/runner/limits.ts";
import type { SubmitMessage } from "../../../engine/channel/messages.ts";
import { resolveSampling, SAMPLING_OPTIONS } from "../../../engine/config/sampling_options.ts";
import { pickOptions } from "../../../engine/config/option.ts";
import { Tokenizer } from "../../../engine/text/tokenizer/tokenizer.ts";
import { openCheckpoint } from "../../../engine/weights/checkpoint.ts";
import { openDevice } from "../../../ffi/device.ts";
import { Engine, type GenerateOptions } from "../../../mod.ts";
import type { OutputEvent } from "../../support/recorded_outputs.ts";
import { sized } from "../../support/libraries/emulated.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import {
  ScriptedExecutor,
  type ScriptedMessage,
  type ScriptedSetup,
} from "../../support/scripted/scripted_executor.ts";
import { withModelFolder, withRandomEngine } from "../../support/test_engine.ts";

const VOCABULARY = 320;

/** A deterministic pseudo-random number below a bound. */
function varied(index: number, salt: number, below: number): number {
  return ((index + 1) * 2654435761 + salt * 40503) % 4294967291 % below;
}

/** Requests with all sampling options among them; every third shares a prefix with others. */
const requests = Array.from({ length: sized(28, 14) }, (_, index) => ({
  prompt: Array.from({ length: 1 + varied(index, 1, 24) }, (_, position) => {
    return index % 3 === 0 ? 3 + ((position * 11) % 300) : 3 + varied(index, position, 300);
  }),
  options: {
    maxTokens: 4 + varied(index, 2, 24),
    ignoreEos: true,
    seed: 1000 + index,
    temperature: index % 2 === 0 ? 0 : 0.9,
    topP: index % 4 === 1 ? 0.9 : 1,
    frequencyPenalty: index % 3 === 1 ? 0.7 : 0,
    presencePenalty: index % 5 === 1 ? 0.4 : 0,
    repetitionPenalty: index % 4 === 2 ? 1.3 : 1,
    ...(index % 2 === 1 ? { logprobs: 2 } : {}),
    ...(index % 6 === 4 ? { logitBias: { [20 + index]: 5 } } : {}),
  } satisfies GenerateOptions,
}));

/** The message that submits a request of the list. */
function message(index: number, stopStrings: readonly string[] = []): SubmitMessage {
  const { prompt, options } = requests[index]!;
  const none = { doSample: null, temperature: null, topK: null, topP: null, minP: null, repetitionPenalty: null };
  return {
    type: "submit",
    id: index + 1,
    promptTokenIds: Int32Array.from(prompt),
    maxTokens: options.maxTokens,
    sampling: resolveSampling(pickOptions(SAMPLING_OPTIONS, options), none, VOCABULARY),
    eosTokenIds: [],
    stopStrings,
    trackTokens: false,
  };
}

/** What must not depend on the pool: tokens, log-probabilities, the finish reason. */
function stream(events: readonly OutputEvent[]): unknown[] {
  return events.flatMap(({ type, payload }): unknown[] => {
    if (type === "GENERATED_TOKEN") return [[payload.tokenId, payload.logprobs]];
    return type === "FINISH" ? [[payload.reason, payload.stopReason]] : [];
  });
}

/** Runs with the real library on this thread, so that all steps are reproducible. */
function withRunner(
  use: (runner: StepRunner, tokenizer: Tokenizer) => void,
  graphSizes: readonly number[] = [],
): Promise<void> {
  return withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true, vocabularySize: VOCABULARY });
    const config = readModelConfig(folder);
    const plan = planModel(config, openCheckpoint(folder));
    using device = openDevice({ threads: 2 });
    const options = resolveEngineOptions({ maxContext: 64, blockSize: 4, kvBlocks: 64, maxBatchTokens: 32 });
    const limits = resolveLimits(options, config, plan, device.info(), () => performance.now());
    const runner = new ModelRunner(device, plan, { ...limits, graphSizes }, () => {});
    use(runner, await Tokenizer.load(folder));
  });
}

/** Runs requests that all arrive at the start, and cancels at given steps. */
function run(
  messages: readonly ScriptedMessage["message"][],
  setup: ScriptedSetup,
  cancels: readonly ScriptedMessage[] = [],
) {
  const executor = new ScriptedExecutor([...messages.map((message) => ({ step: 0, message })), ...cancels], setup);
  executor.run();
  assertEquals([executor.pool.usedBlocks, executor.scheduler.isIdle], [0, true]);
  return executor;
}

const allRequests = requests.map((_, index) => index);

const allPools: readonly ScriptedSetup[] = [
  { blocks: 14, maxBatchTokens: 16, maxBatchRequests: 8 },
  { blocks: 14, maxBatchTokens: 16, maxBatchRequests: 8, prefixCache: true },
  { blocks: 20, maxBatchTokens: 5, maxBatchRequests: 5, prefixCache: true },
  { blocks: 30, maxBatchTokens: 32, maxBatchRequests: 16, prefixCache: true },
];
const pools = sized(allPools, allPools.slice(1, 2));

const OVERLAP = { overlap: true, earlyFirstToken: true };

/** The plain loop, the overlap loop, and the overlap loop with decode steps padded to few sizes. */
const allLoops = [{ options: {}, graphSizes: [] }, { options: OVERLAP, graphSizes: [] }, {
  options: OVERLAP,
  graphSizes: [3, 8],
}];
const loops = sized(allLoops, allLoops.slice(2));

for (const { options, graphSizes } of loops) {
  const how = `${"overlap" in options ? "overlap" : "plain"} loop, graphs of ${
    graphSizes.join(" and ") || "all sizes"
  }`;
  test(`paused and evicted requests generate the same bits as alone: ${how}`, () =>
    withRunner((runner) => checkUnderPressure(runner, options), graphSizes));
}

function checkUnderPressure(runner: StepRunner, options: Partial<LoopOptions>): void {
  const alone = allRequests.map((index) => stream(run([message(index)], { runner }).events(index + 1)));
  for (const pool of pools) {
    const executor = run(allRequests.map((index) => message(index)), { ...pool, runner, options });
    for (const index of allRequests) {
      assertEquals(stream(executor.events(index + 1)), alone[index], `request ${index + 1}`);
    }
    const { pauses, evictions, prefixHitTokens } = executor.counters;
    const many = sized(5, 1);
    assert(pauses > many && evictions > many, `${pauses} pauses, ${evictions} evictions`);
    assertEquals(prefixHitTokens > 0, pool.prefixCache === true);
  }
}

test("cancelling requests at any step does not change the others", () =>
  withRunner((runner) => {
    for (const options of sized([{}, OVERLAP], [OVERLAP])) checkCancels(runner, options);
  }));

function checkCancels(runner: StepRunner, options: Partial<LoopOptions>): void {
  const alone = allRequests.map((index) => stream(run([message(index)], { runner }).events(index + 1)));
  for (const [round, pool] of pools.entries()) {
    const cancels = allRequests
      .filter((index) => varied(index, round, 3) === 0)
      .map((index) => ({ step: varied(index, 7 + round, 90), message: { type: "cancel", id: index + 1 } as const }));
    const executor = run(allRequests.map((index) => message(index)), { ...pool, runner, options }, cancels);
    let cancelled = 0;
    for (const index of allRequests) {
      const got = stream(executor.events(index + 1));
      const end = executor.events(index + 1).at(-1)!;
      const wasCancelled = end.type === "FINISH" && end.payload.reason === "cancelled";
      if (wasCancelled) cancelled++;
      const tokens = got.length - 1;
      if (wasCancelled) assertEquals(got.slice(0, tokens), alone[index]!.slice(0, tokens));
      else assertEquals(got, alone[index]);
    }
    assertGreater(cancelled, sized(3, 1));
    assertGreater(executor.counters.evictions, 0);
  }
}

test("a stop string that spans an eviction ends the stream as it does without one", () =>
  withRunner((runner, tokenizer) => {
    const table = { type: "tokenTable", table: tokenizer.tokenTable.shared } as const;
    const setup = { ...pools[0]!, runner };
    const free = run(allRequests.map((index) => message(index)), setup);
    let spanned = 0;
    for (const index of allRequests) {
      const events = free.events(index + 1);
      const before = events.slice(0, events.findIndex(({ type }) => type === "EVICT")).filter(isToken);
      const tokens = free.tokens(index + 1);
      if (before.length === 0 || before.length === events.filter(isToken).length) continue;
      const text = (count: number) => tokenizer.decode(tokens.slice(0, count), { skipSpecialTokens: true });
      const [left, both] = [text(before.length), text(before.length + 1)];
      // An incomplete character decodes to U+FFFD; a stop string cannot start or end inside one.
      if (!both.startsWith(left) || both.length === left.length || /\ufffd/.test(both.slice(-4))) continue;
      const stop = both.slice(left.length - 1);
      if (left.length === 0 || text(tokens.length).indexOf(stop) !== left.length - 1) continue;
      const stopping = message(index, [stop]);
      const alone = run([table, stopping], { runner }).events(index + 1);
      const crowd = run([table, ...allRequests.map((other) => (other === index ? stopping : message(other)))], setup);
      assertEquals(stream(crowd.events(index + 1)), stream(alone));
      assert(crowd.summary(index + 1).includes("evict"));
      const end = alone.at(-1)!;
      assert(end.type === "FINISH" && end.payload.stopReason === stop);
      assertEquals(alone.filter(isToken).length, before.length + 1);
      spanned++;
    }
    assertGreater(spanned, 0);
  }));

function isToken({ type }: OutputEvent): boolean {
  return type === "GENERATED_TOKEN";
}

test("a prompt found in the prefix cache generates the same tokens and log-probabilities, bit for bit", () =>
  withRunner((runner) => {
    const prompt = Int32Array.from({ length: 33 }, (_, position) => 3 + ((position * 7) % 300));
    const prefixRequest = (id: number, length: number, index: number): SubmitMessage => ({
      ...message(index),
      id,
      promptTokenIds: prompt.slice(0, length),
    });
    // The same prompt twice, then prefixes of it that end inside and at the end of blocks.
    const submitted = [33, 33, 30, 32, 16, 17].map((length, place) => prefixRequest(place + 1, length, 5));
    const script = submitted.map((message, place) => ({ step: place * 40, message }));
    const [on, off] = [true, false].map((prefixCache) => {
      const executor = new ScriptedExecutor(script, { runner, blocks: 64, maxBatchTokens: 32, prefixCache });
      executor.run();
      return executor;
    });
    for (const { id } of submitted) assertEquals(stream(on!.events(id)), stream(off!.events(id)));
    const cached = submitted.map(({ id }) =>
      on!.events(id).flatMap(({ type, payload }) => type === "PREFILL_CHUNK" ? [payload.cached] : [])
    );
    assertEquals(cached, [[0, 0], [32], [28], [28], [12], [16]]);
  }));

test("an engine with an oversubscribed pool generates the same tokens as an uncontended one", async () => {
  await withRandomEngine({}, { prefixCache: false }, async (uncontended, folder) => {
    const expected: unknown[] = [];
    for (const { prompt, options } of requests) {
      expected.push((await uncontended.generate(prompt, options).result).tokenIds);
    }
    for (const prefixCache of [true, false]) {
      await using engine = await Engine.load(folder, { kvBlocks: 14, blockSize: 4, maxBatchTokens: 16, prefixCache });
      const results = await Promise.all(requests.map(({ prompt, options }) => engine.generate(prompt, options).result));
      assertEquals(results.map(({ tokenIds }) => tokenIds), expected);
      await checkCounters(engine, prefixCache);
    }
  });
});

async function checkCounters(engine: Engine, caches: boolean): Promise<void> {
  // Counters arrive with a step's updates: one more request delivers the final ones.
  await engine.generate([1], { maxTokens: 1, ignoreEos: true }).result;
  const { preemptions: { pauses, evictions }, kvBlocks, running, paused, waiting, prefixCache } = engine.stats();
  assertEquals([kvBlocks.used, running, paused, waiting], [0, 0, 0, 0]);
  assert(pauses > 0 && evictions > 0, `${pauses} pauses, ${evictions} evictions`);
  assertEquals(prefixCache.hitTokens > 0, caches);
}
