import { assert, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import type { GenerationChunk } from "../../../mod.ts";
import type { TokenContext } from "../../support/scripted/scripted_device.ts";
import { type ScriptedArrival, type ScriptedEngineSetup, submission } from "../../support/scripted/scripted_engine.ts";
import {
  ALL_MODES,
  allAtStart,
  chunksOf,
  eventsOf,
  expectedStream,
  finishOf,
  MODES,
  outputOfToken,
  runScript,
  textScript,
  tokenOf,
} from "../../support/scripted/scripted_run.ts";

/** Long and short prompts, all sampling parameters and all finish reasons. */
const REQUESTS = [
  submission(1, { prompt: 3, maxTokens: 30 }),
  submission(2, { prompt: 41, maxTokens: 17, sampling: { seed: 7, temperature: 0.8, topP: 0.9 } }),
  submission(3, { prompt: 9, maxTokens: 60, stopStrings: ["timethe"] }),
  submission(4, {
    prompt: 12,
    maxTokens: 60,
    sampling: { seed: 3, temperature: 1.1 },
    stopStrings: ["\n\n", "meup", "zz"],
  }),
  submission(5, { prompt: 20, maxTokens: 1 }),
  submission(6, { prompt: 7, maxTokens: 2, sampling: { logprobs: 3 } }),
  submission(7, { prompt: 33, maxTokens: 12, sampling: { seed: 5, temperature: 1, topK: 20, minP: 0.05 } }),
  submission(8, { prompt: 5, maxTokens: 16, sampling: { frequencyPenalty: 0.5, repetitionPenalty: 1.2 } }),
  submission(9, {
    prompt: 6,
    maxTokens: 40,
    eosTokenIds: [expectedStream(submission(9, { prompt: 6 })).stream[2]!.tokenId],
  }),
];

/** Arrivals at once, and into a running batch. */
const ARRIVALS: readonly (readonly ScriptedArrival[])[] = [
  allAtStart(REQUESTS),
  REQUESTS.map((message, index) => ({ at: 1.7 * index, message })),
];

const SETUP: ScriptedEngineSetup = {
  maxBatchTokens: 10,
  maxBatchRequests: 5,
  blocks: 80,
  device: { durations: { forward: 1000, sampling: 50, copy: 10 }, costs: { upbeat_sample: 100 } },
};

/** The chunks of all requests. */
async function chunksOfAll(
  script: readonly ScriptedArrival[],
  setup: ScriptedEngineSetup,
): Promise<GenerationChunk[][]> {
  const run = runScript(script, setup);
  return await Promise.all([...run.requests.keys()].map((id) => chunksOf(run, id)));
}

/** The number of tokens of each chunk of a stream. */
function chunkLengths(tokens: number, interval: number): number[] {
  const lengths: number[] = [];
  let length = 0;
  for (let token = 1; token <= tokens; token++) {
    length++;
    if (token !== 1 && token !== tokens && token % interval !== 0) continue;
    lengths.push(length);
    length = 0;
  }
  return lengths;
}

test("chunks are equal in every mode, at each stream interval, with chunked prompts", async () => {
  for (const script of ARRIVALS) {
    for (const streamInterval of [1, 4, 1000]) {
      const [plain, ...others] = await Promise.all(
        ALL_MODES.map((mode) => chunksOfAll(script, { ...SETUP, ...MODES[mode], streamInterval })),
      );
      for (const other of others) assertEquals(other, plain!);
      for (const [index, message] of REQUESTS.entries()) {
        const { stream, reason } = expectedStream(message);
        const chunks = plain![index]!;
        assertEquals(chunks.map(({ tokenIds }) => tokenIds.length), chunkLengths(stream.length, streamInterval));
        assertEquals(chunks.map(({ finishReason }) => finishReason), [...chunks.slice(1).map(() => null), reason]);
      }
      // The stop string is not part of the text, and no text is empty.
      const texts = plain!.map((chunks) => chunks.map(({ text }) => text).join(""));
      assert(!texts[2]!.includes("timethe") && texts.every((text) => text.length > 0));
    }
  }
});

test("the compared requests include all finish reasons", () => {
  const ends = REQUESTS.map((message) => expectedStream(message));
  const kinds = new Set(ends.map(({ reason, stopReason }) => `${reason} ${typeof stopReason}`));
  assertEquals([...kinds].sort(), ["length object", "stop number", "stop string"]);
});

test("a generation of one token is one chunk with its finish reason, in every mode", async () => {
  for (const mode of ALL_MODES) {
    // Alone, with others, and after a chunked prompt.
    const requests = [submission(1, { maxTokens: 1 }), submission(2), submission(3, { prompt: 25, maxTokens: 1 })];
    for (const script of [allAtStart(requests.slice(0, 1)), allAtStart(requests)]) {
      const run = runScript(script, { ...SETUP, ...MODES[mode], streamInterval: 4 });
      for (const [id, { maxTokens, ...message }] of run.requests) {
        if (maxTokens !== 1) continue;
        const [{ tokenId }] = expectedStream({ ...message, maxTokens }).stream as [{ tokenId: number }];
        const chunks = await chunksOf(run, id);
        assertEquals(chunks.map(({ tokenIds, finishReason }) => [tokenIds, finishReason]), [[[tokenId], "length"]]);
        assertEquals(finishOf(run, id).wastedSteps, 0);
        // In the output with its end, as it is never emitted early.
        assertEquals(
          outputOfToken(run, id, 0).events.findLast(({ requestId }) => requestId === id)!.type,
          "FINISH",
        );
      }
    }
  }
});

test("a stop token sampled first is one chunk with its finish reason, in every mode", async () => {
  const message = submission(1, { maxTokens: 9 });
  const [{ tokenId }] = expectedStream(message).stream as [{ tokenId: number }];
  for (const mode of ALL_MODES) {
    const run = runScript(
      allAtStart([{ ...message, eosTokenIds: [tokenId] }, submission(2, { maxTokens: 6 })]),
      MODES[mode],
    );
    assertEquals(await chunksOf(run, 1), [{ text: "", tokenIds: [tokenId], finishReason: "stop" }]);
    const { stopReason, wastedSteps } = finishOf(run, 1);
    assertEquals([stopReason, wastedSteps], [tokenId, mode === "plain" ? 0 : 1]);
    assertEquals(outputOfToken(run, 1, 0).events.findLast(({ requestId }) => requestId === 1)!.type, "FINISH");
  }
});

/** The token "!". */
const EXCLAMATION = 33;

test("a stop string that is the first token is one chunk without its text, in every mode", async () => {
  const script = ({ outputTokens, proposed, ...rest }: TokenContext) => {
    return outputTokens.length === 0 ? EXCLAMATION : textScript({ outputTokens, proposed, ...rest });
  };
  for (const mode of ALL_MODES) {
    const message = submission(1, { maxTokens: 9, stopStrings: ["!"] });
    const run = runScript(allAtStart([message]), { ...MODES[mode], device: { script } });
    const chunks = await chunksOf(run, 1);
    assertEquals(chunks, [{ text: "", tokenIds: [EXCLAMATION], finishReason: "stop" }]);
    assertEquals(finishOf(run, 1).stopReason, "!");
  }
});

test("first tokens have the same log-probabilities in every mode, early ones included", () => {
  const requests = [0, 1, 5].map((logprobs) =>
    submission(logprobs + 1, { prompt: 9, maxTokens: 3, sampling: { logprobs } })
  );
  const firstTokens = ALL_MODES.map((mode) => {
    const run = runScript(allAtStart(requests), { ...MODES[mode], maxBatchTokens: 7 });
    return requests.map(({ id }) => {
      return tokenOf(eventsOf(run, id, "GENERATED_TOKEN")[0]!);
    });
  });
  for (const other of firstTokens) assertEquals(other, firstTokens[0]!);
  assertEquals(firstTokens[2]!.map(({ topLogprobs }) => topLogprobs!.length), [0, 1, 5]);
  for (const [index, first] of firstTokens[2]!.entries()) {
    assertEquals(first, expectedStream(requests[index]!).stream[0]!);
  }
});

test("samples of one prompt have distinct streams, equal in every mode, with and without shared blocks", async () => {
  const prompt = Array.from({ length: 22 }, (_, index) => 40 + index);
  const requests = [1, 2, 3, 4, 5].map((id) =>
    submission(id, { prompt, maxTokens: 9, sampling: { seed: id, temperature: 1 } })
  );
  for (const prefixCache of [false, true]) {
    const byMode = await Promise.all(
      ALL_MODES.map((mode) => chunksOfAll(allAtStart(requests), { ...SETUP, ...MODES[mode], prefixCache })),
    );
    for (const other of byMode) assertEquals(other, byMode[0]!);
    assertEquals(new Set(byMode[0]!.map((chunks) => chunks.flatMap(({ tokenIds }) => tokenIds).join())).size, 5);
  }
});

test("cached tokens are 0 for the first request and more for the second, and precede the first token", () => {
  const prompt = Array.from({ length: 18 }, (_, index) => 40 + index);
  for (const mode of ALL_MODES) {
    const script = [{ at: 0, message: submission(1, { prompt }) }, { at: 100, message: submission(2, { prompt }) }];
    const run = runScript(script, {
      ...MODES[mode],
      maxBatchTokens: 32,
      prefixCache: true,
      device: { durations: { forward: 1000 } },
    });
    assertEquals([1, 2].map((id) => eventsOf(run, id, "PREFILL_CHUNK")[0]!.payload.cached), [0, 16]);
    assertGreater(run.engine.counters.prefixHitTokens, 0);
    for (const id of [1, 2]) {
      const first = run.engine.outputs.indexOf(outputOfToken(run, id, 0));
      const sent = run.engine.outputs.slice(0, first + 1).flatMap(({ events }) => events);
      const types = sent.flatMap(({ requestId, type }) => (requestId === id ? [type] : []));
      assertEquals(types, ["PREFILL_CHUNK", "ADD_CONTEXT", "GENERATED_TOKEN"]);
    }
  }
});
