/** Prompts that are so long that they are encoded on another thread, or refused by their size. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { type ChatMessage, Engine, type GenerateOptions, type Prompt, UpbeatError } from "../../../mod.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { withModelFolder, withRandomEngine } from "../../support/test_engine.ts";

/** A text of about as many characters, of words that the test's tokenizer knows. */
function textOf(characters: number): string {
  return "hello there, once upon a time é 你 ".repeat(Math.ceil(characters / 34)).slice(0, characters);
}

const LONG = 32_768;

function withLongContext(use: (engine: Engine) => Promise<void>): Promise<void> {
  return withRandomEngine({ maxPositions: LONG }, { threads: 1, maxContext: LONG, maxBatchTokens: 4096 }, use);
}

test("generate() of a long text has the ids that encode() returns, and the arrival of its call", async () => {
  await withLongContext(async (engine) => {
    const text = textOf(6_000);
    const before = performance.timeOrigin + performance.now() - engine.timeOrigin;
    const long = engine.generate(text, { maxTokens: 1, ignoreEos: true });
    const short = engine.generate("hello", { maxTokens: 1, ignoreEos: true });
    const { promptTokenIds, metrics, record } = await long.result;
    assertEquals(promptTokenIds, engine.tokenizer!.encode(text));
    assert(metrics.tokenizeMs! > 0);
    const [first] = record.merge().events;
    assertEquals(first!.type, "ADD_ENGINE");
    assertLess(Math.abs(first!.timestamp - before), 50);
    assertEquals(record.merge().promptLength, promptTokenIds.length);
    // The short one came later, and was not held up.
    assertLess(await short.result.then(({ metrics: { queueMs } }) => queueMs!), metrics.tokenizeMs! + 1_000);
  });
});

test("generate() ends at once when a long prompt is canceled, and others go on", async () => {
  await withLongContext(async (engine) => {
    const controller = new AbortController();
    const text = textOf(30_000);
    const aborted = engine.generate(text, { signal: controller.signal, maxTokens: 1 });
    const canceled = engine.generate(text, { maxTokens: 1 });
    const kept = engine.generate(textOf(5_000), { maxTokens: 1, ignoreEos: true });
    assertEquals(engine.stats().waiting >= 0, true);
    controller.abort();
    canceled.cancel();
    for (const generation of [aborted, canceled]) {
      const start = performance.now();
      const outcome = await generation.result.then(({ finishReason }) => finishReason, (error) => error.code as string);
      assert(outcome === "cancelled" || outcome === "ABORTED" || outcome === "ENGINE_CLOSED", outcome);
      assertLess(performance.now() - start, 2_000);
    }
    assertEquals((await kept.result).finishReason, "length");
    assertEquals(engine.stats().kvBlocks.used, 0);
  });
});

test("dispose() with drain finishes long prompts, and without it cancels them", async () => {
  for (const drain of [true, false]) {
    await withLongContext(async (engine) => {
      const generation = engine.generate(textOf(6_000), { maxTokens: 1, ignoreEos: true });
      await engine.dispose({ drain, timeout: 60_000 });
      assertEquals((await generation.result).finishReason, drain ? "length" : "cancelled");
    });
  }
});

test("generate() refuses what cannot fit by its size, in milliseconds", async () => {
  await withRandomEngine({}, { threads: 1 }, async (engine) => {
    const message = { role: "user", content: "hi" };
    const cases: readonly (readonly [string, Prompt, GenerateOptions?])[] = [
      ["text", "Once upon a time ".repeat(600_000)],
      ["ids", new Int32Array(20_000_000).fill(5)],
      ["list", new Array<number>(20_000_000).fill(5)],
      ["messages", new Array<ChatMessage>(1_000_000).fill(message)],
      ["content", [{ role: "user", content: "hi ".repeat(7_000_000) }]],
      ["parts", [{ role: "user", content: new Array(5_000_000).fill({ type: "text", text: "a" }) }]],
      ["tools", [message], { templateVariables: { tools: new Array(3_000_000).fill({ type: "function" }) } }],
    ];
    for (const [what, prompt, options] of cases) {
      const start = performance.now();
      const error = await assertRejects(() => engine.generate(prompt, options).result, UpbeatError);
      assertEquals(error.code, "PROMPT_TOO_LONG", what);
      assertLess(error.message.length, 400);
      assertLess(performance.now() - start, 5_000, what);
    }
  });
});

test("generate() refuses a prompt with too many tokens while it is encoded", async () => {
  await withRandomEngine({ maxPositions: 1024 }, { threads: 1 }, async (engine) => {
    const error = await assertRejects(() => engine.generate("é".repeat(6_000)).result, UpbeatError);
    assertEquals(error.code, "PROMPT_TOO_LONG");
  });
});

test("generate() takes a tokenizer with ids beyond the model's, and refuses them in a prompt", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const file = join(folder, "tokenizer.json");
    const json = JSON.parse(readFileSync(file, "utf8")) as { added_tokens: Record<string, unknown>[] };
    json.added_tokens.push({ ...json.added_tokens[0], id: 320, content: "<beyond>" });
    writeFileSync(file, JSON.stringify(json));
    await using engine = await Engine.load(folder, { threads: 1 });
    assertEquals(engine.tokenizer!.tokenToId("<beyond>"), 320);
    assertEquals((await engine.generate("hi", { maxTokens: 1, ignoreEos: true }).result).tokenIds.length, 1);
    for (const prompt of ["a<beyond>", [5, 320]]) {
      const error = await assertRejects(() => engine.generate(prompt).result, UpbeatError, "320");
      assertEquals(error.code, "PROMPT_INVALID");
    }
  });
});

test("generate() ends at every end-of-sequence token that a file of the model declares", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true, eosTokenIds: 2 });
    writeFileSync(join(folder, "generation_config.json"), JSON.stringify({ eos_token_id: [7, 9] }));
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ eos_token: { content: "<s>" } }));
    await using engine = await Engine.load(folder, { threads: 1 });
    assertEquals(engine.info.model.eosTokenIds.toSorted((a, b) => a - b), [1, 2, 7, 9]);
  });
});

test("generate() ends at a token of stopTokenIds, also with ignoreEos, and keeps its text out", async () => {
  await withRandomEngine({}, { threads: 1 }, async (engine) => {
    const options = { temperature: 0, maxTokens: 8, ignoreEos: true };
    const all = await engine.generate("hello", options).result;
    const stop = all.tokenIds[3]!;
    const at = all.tokenIds.indexOf(stop);
    const { tokenIds, finishReason, stopReason, text } = await engine.generate("hello", {
      ...options,
      stopTokenIds: [stop],
    }).result;
    assertEquals([tokenIds, finishReason, stopReason], [all.tokenIds.slice(0, at + 1), "stop", stop]);
    assert(all.text.startsWith(text));
    const error = await assertRejects(() => engine.generate("hello", { stopTokenIds: [320] }).result, UpbeatError);
    assertEquals(error.code, "INVALID_PARAMETER");
  });
});
