import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import process from "node:process";
import {
  BUNDLED_MODEL,
  Engine,
  type EngineOptions,
  type GenerateOptions,
  type GenerationChunk,
  type Prompt,
} from "../../../mod.ts";
import { IS_EMULATED, sized } from "../../support/libraries/emulated.ts";

const MODES = {
  plain: { overlap: false },
  overlap: { overlap: true, earlyFirstToken: false },
  early: { overlap: true },
} satisfies Record<string, EngineOptions>;

const story = (about: string): Prompt => [{ role: "user", content: `Tell me a story about ${about}.` }];

/** Long and short prompts, all sampling parameters and all finish reasons. */
const REQUESTS: readonly { readonly prompt: Prompt; readonly options: GenerateOptions }[] = [
  { prompt: story("a fox"), options: { maxTokens: 40, temperature: 0 } },
  { prompt: "Once upon a time", options: { maxTokens: 1, temperature: 0 } },
  { prompt: story("a boat and a storm"), options: { maxTokens: 60, seed: 1, temperature: 1, topP: 0.9 } },
  { prompt: "One morning ".repeat(30), options: { maxTokens: 24, seed: 2, temperature: 0.8, topK: 20 } },
  { prompt: story("a cat"), options: { maxTokens: 200, temperature: 0, stop: [". ", "\n"] } },
  { prompt: "The", options: { maxTokens: 9, seed: 3, temperature: 1.2, minP: 0.05, logprobs: 3 } },
  { prompt: story("a mill"), options: { maxTokens: 480, seed: 4, temperature: 0.7 } },
  { prompt: "Anna had ".repeat(12), options: { maxTokens: 17, temperature: 0, repetitionPenalty: 1.3 } },
  { prompt: "He ", options: { maxTokens: 30, seed: 5, temperature: 1, frequencyPenalty: 0.5, presencePenalty: 0.3 } },
  // Several samples of one prompt.
  ...[6, 7, 8].map((seed) => ({ prompt: "Deep in the wood", options: { maxTokens: 21, seed, temperature: 1 } })),
].filter(({ prompt }) => prompt.length < sized(1000, 100)).map(({ prompt, options }) => ({
  prompt,
  options: { ...options, maxTokens: Math.min(options.maxTokens, sized(1000, 7)) },
}));

/** All output of a request except times, which must be equal in every mode. */
interface Output {
  readonly chunks: readonly GenerationChunk[];
  readonly logprobs: unknown;
  readonly stopReason: string | number | null;
}

/** Generates all requests at once, with chunked prompts. */
function generateAll(options: EngineOptions): Promise<Output[]> {
  return withEngine({ maxBatchTokens: 24, blockSize: 8, ...options }, async (engine) => {
    const generations = REQUESTS.map(({ prompt, options }) => engine.generate(prompt, options));
    const outputs = await Promise.all(generations.map(async (generation) => {
      const chunks = await Array.fromAsync(generation.chunks());
      const { logprobs, stopReason, text, tokenIds, finishReason } = await generation.result;
      assertEquals(chunks.map((chunk) => chunk.text).join(""), text);
      assertEquals(chunks.flatMap((chunk) => [...chunk.tokenIds]), tokenIds);
      assertEquals(chunks.map((chunk) => chunk.finishReason), [...Array(chunks.length - 1).fill(null), finishReason]);
      return { chunks, logprobs, stopReason };
    }));
    assertEquals(engine.stats().kvBlocks.used, 0);
    return outputs;
  });
}

async function withEngine<Result>(options: EngineOptions, use: (engine: Engine) => Promise<Result>): Promise<Result> {
  await using engine = await Engine.load(BUNDLED_MODEL, options);
  return await use(engine);
}

test("the bundled model generates equal chunks in every mode, at each stream interval", async () => {
  for (const streamInterval of sized([1, 4, 1000], [3])) {
    const byMode: Output[][] = [];
    for (const mode of Object.values(MODES)) byMode.push(await generateAll({ ...mode, streamInterval }));
    const [plain, ...others] = byMode;
    for (const other of others) assertEquals(other, plain!);
    assert(plain!.every(({ chunks }) => chunks[0]!.tokenIds.length === 1));
    // One token is one chunk, with its finish reason.
    assertEquals(plain![1]!.chunks.map(({ tokenIds, finishReason }) => [tokenIds.length, finishReason]), [[
      1,
      "length",
    ]]);
    if (IS_EMULATED) continue;
    // All finish reasons occur.
    const reasons = new Set(
      plain!.map(({ chunks, stopReason }) => `${chunks.at(-1)!.finishReason} ${typeof stopReason}`),
    );
    assertEquals([...reasons].sort(), ["length object", "stop number", "stop string"]);
  }
});

test("the bundled model generates one chunk in every mode when the first token ends the sequence", async () => {
  for (const mode of Object.values(MODES)) {
    await withEngine(mode, async (engine) => {
      const [eos] = engine.info.model.eosTokenIds;
      const generation = engine.generate("Once", { logitBias: { [eos!]: 100 }, temperature: 0 });
      const chunks = await Array.fromAsync(generation.chunks());
      assertEquals(chunks, [{ text: "", tokenIds: [eos!], finishReason: "stop" }]);
      assertEquals((await generation.result).stopReason, eos);
    });
  }
});

test("metrics.cachedTokens is available with the first token, in every mode", async () => {
  const prompt = "Once upon a time there was a mouse who lived in an old mill by the river.";
  for (const mode of Object.values(MODES)) {
    await withEngine({ ...mode, blockSize: 4 }, async (engine) => {
      const seen: (number | null)[] = [];
      for (let pass = 0; pass < 2; pass++) {
        const generation = engine.generate(prompt, { maxTokens: 4, temperature: 0 });
        for await (const _ of generation.chunks()) {
          seen.push(generation.metrics.cachedTokens);
          break;
        }
        await generation.result;
      }
      assertEquals(seen[0], 0);
      assert(seen[1]! > 0 && seen[1]! % 4 === 0, String(seen));
    });
  }
});

test("overlap wastes a step when the end cannot be foreseen, and none when it can", async () => {
  for (const [name, mode] of Object.entries(MODES)) {
    // A delayed launch may come after the end of the last step.
    await withEngine({ ...mode, lateLaunch: false }, async (engine) => {
      const [eos] = engine.info.model.eosTokenIds;
      const byLength = await engine.generate("Once", { maxTokens: 5, temperature: 0, ignoreEos: true }).result;
      const byEos = await engine.generate("Once", { logitBias: { [eos!]: 100 }, temperature: 0 }).result;
      const wasted = name === "plain" ? 0 : 1;
      assertEquals([byLength.metrics.wastedSteps, byEos.metrics.wastedSteps], [0, wasted]);
      assertEquals(engine.stats().wastedSteps, wasted);
    });
  }
});

test("load() warns once and ignores earlyFirstToken when overlap is off", async () => {
  const warnings: string[] = [];
  const listen = (warning: Error) => warnings.push(warning.message);
  process.on("warning", listen);
  try {
    const options = { overlap: false, earlyFirstToken: true };
    await withEngine(options, (engine) => Promise.resolve(assertEquals(engine.info.earlyFirstToken, false)));
    await withEngine({ overlap: false }, (engine) => Promise.resolve(assertEquals(engine.info.overlap, false)));
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(warnings.filter((message) => message.includes("earlyFirstToken")).length, 1);
  } finally {
    process.removeListener("warning", listen);
  }
});
