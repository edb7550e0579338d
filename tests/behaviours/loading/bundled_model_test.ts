import { assert, assertEquals, assertGreater, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BUNDLED_MODEL, type ChatMessage, Engine, Tokenizer } from "../../../mod.ts";
import { onCpu, sized } from "../../support/libraries/emulated.ts";
import { runCli } from "../../support/run/run_cli.ts";

/** A greedy continuation computed by PyTorch with BF16 weights and F32 arithmetic. */
interface GoldenCase {
  readonly prompt?: string;
  readonly messages?: readonly ChatMessage[];
  readonly promptIds: readonly number[];
  readonly tokenIds: readonly number[];
  /** The smallest logit margin of a chosen token over the next. */
  readonly smallestMargin: number;
  readonly text: string;
}

interface Goldens {
  readonly parameters: number;
  readonly cases: readonly GoldenCase[];
  readonly texts: readonly { readonly text: string; readonly ids: readonly number[] }[];
}

const file = fileURLToPath(new URL("../../goldens/bundled_model.json", import.meta.url));
const goldens = JSON.parse(readFileSync(file, "utf8")) as Goldens;

/** Logit margin below which another order of summation may choose another token. */
const TIE = 1e-3;

const label = ({ prompt, messages }: GoldenCase) => JSON.stringify(prompt ?? messages);

test("the bundled model has many goldens, and none is a near tie", () => {
  assertGreater(goldens.cases.length, 20);
  for (const golden of goldens.cases) assertGreater(golden.smallestMargin, TIE, label(golden));
  assertGreater(goldens.cases.filter(({ tokenIds }) => tokenIds.length > 50).length, 12);
});

test("the bundled model's tokenizer encodes and decodes as the reference does", async () => {
  const tokenizer = await Tokenizer.load(BUNDLED_MODEL);
  for (const { text, ids } of goldens.texts) {
    assertEquals(tokenizer.encode(text), [...ids], JSON.stringify(text));
    assertEquals(tokenizer.decode(ids.slice(1), { skipSpecialTokens: false }), text);
  }
});

/** On the emulator, a few short ones. */
const cases = sized(
  goldens.cases,
  goldens.cases.filter(({ promptIds }) => promptIds.length < 16).slice(0, 3).map((golden) => ({
    ...golden,
    tokenIds: golden.tokenIds.slice(0, 8),
  })),
);

const settings = [
  { threads: 1, maxBatchTokens: 512 },
  { threads: 2, maxBatchTokens: 7 },
  { threads: 2, simd: "portable" },
] as const;
for (const options of settings) {
  const how = Object.entries(options).map(([name, value]) => `${name} ${value}`).join(", ");
  const run = "simd" in options ? onCpu : test;
  run(`the bundled model reproduces PyTorch's tokens, alone and as one batch, with ${how}`, async () => {
    await using engine = await Engine.load(BUNDLED_MODEL, options);
    const generate = ({ prompt, messages, tokenIds }: GoldenCase) =>
      engine.generate(messages ?? prompt!, { temperature: 0, maxTokens: tokenIds.length }).result;
    const batch = await Promise.all(cases.map(generate));
    for (const [at, golden] of cases.entries()) {
      assertEquals(batch[at]!.promptTokenIds, [...golden.promptIds], label(golden));
      assertEquals(batch[at]!.tokenIds, [...golden.tokenIds], label(golden));
      assert(golden.text.startsWith(batch[at]!.text), label(golden));
      if (cases === goldens.cases) assertEquals(batch[at]!.text, golden.text, label(golden));
      const alone = await generate(golden);
      assertEquals(alone.tokenIds, batch[at]!.tokenIds, label(golden));
    }
  });
}

/** The middle of a story that ends soon after. */
const SLEDGING = (name: string) =>
  ` ${name} and Jim had wanted to go sledging that day. But it was raining. "I know! We can bake a cake!" said ` +
  `${name}. And that was what they did, and soon the whole house smelled of it.\n\n`;

/** Heroes of the stories, and how often they must at least be named; on the emulator, only the stories' ends. */
const { names, seeds, middle, leastNamed } = sized(
  { names: ["Mia", "Zylphia", "Qwertius", "Kazimir"], seeds: [1, 2, 3], middle: () => "", leastNamed: 3 },
  { names: ["Zylphia"], seeds: [1], middle: SLEDGING, leastNamed: 1 },
);

test("the bundled model's sampled stories end by themselves and keep their hero's name", async () => {
  await using engine = await Engine.load(BUNDLED_MODEL, { threads: 1 });
  const stories = await Promise.all(names.flatMap((name) =>
    seeds.map(async (seed) => {
      const prompt = `Once upon a time, there was a child named ${name}.${middle(name)}`;
      const { text, finishReason } = await engine.generate(prompt, { seed, maxTokens: sized(440, 40) }).result;
      return { name, seed, text, finishReason };
    })
  ));
  for (const { name, seed, text, finishReason } of stories) {
    assertEquals(finishReason, "stop", `${name}, seed ${seed}: ${text}`);
    assertGreater(text.split(name).length, leastNamed, `${name}, seed ${seed}: ${text}`);
  }
});

test("the bundled model is small, and upbeat inspect reports the model that was trained", async () => {
  assertLess(statSync(join(BUNDLED_MODEL, "model.safetensors")).size, 6e6);
  const { code, stdout, stderr } = await runCli(["inspect", "--json"]);
  assertEquals([code, stderr], [0, ""]);
  const report = JSON.parse(stdout) as Record<string, unknown>;
  const { parameters } = goldens;
  const expected = {
    model: BUNDLED_MODEL,
    family: "llama",
    parameters,
    dtypes: { BF16: parameters },
    vocabularySize: 2112,
    contextLength: 512,
    tiedEmbeddings: true,
    unusedTensors: [],
    tokenizer: { vocabularySize: 2112, problem: null },
    chatTemplate: { present: true, problem: null },
  };
  for (const [field, value] of Object.entries(expected)) assertEquals(report[field], value, field);
  assertLess(report["kvHeads"] as number, report["heads"] as number);
});

test("upbeat generate without arguments tells a story to its end", async () => {
  const { code, stdout, stderr } = await runCli(["generate", "--seed", "1", ...sized([], ["--max-tokens", "8"])]);
  assertEquals(code, 0);
  assertMatch(stdout, sized(/^[A-Z"][^<>]{200,}[.!?"]\n$/, /^[A-Z"][^<>]{20,}\n$/));
  assertStringIncludes(stderr, sized("(stop)", "(length)"));
});

test("upbeat generate continues its only argument with the bundled model", async () => {
  const { prompt, text, tokenIds } = goldens.cases.find(({ prompt }) => prompt === "Mia had three apples.")!;
  const ids = tokenIds.slice(0, sized(tokenIds.length, 8));
  const beginning = (await Tokenizer.load(BUNDLED_MODEL)).decode(ids);
  const greedy = ["--temperature", "0", "--max-tokens", String(ids.length), "--quiet"];
  const { code, stdout } = await runCli(["generate", prompt!, ...greedy]);
  assertEquals([code, stdout], [0, `${sized(text, beginning)}\n`]);
});

test("upbeat chat and tokenize use the bundled model when none is named", async () => {
  const golden = goldens.cases.find(({ messages, tokenIds }) =>
    messages?.length === 1 && tokenIds.length < sized(Infinity, 10)
  )!;
  const [message] = golden.messages!;
  const greedy = ["--temperature", "0", "--max-tokens", String(golden.tokenIds.length), "--quiet"];
  const chat = await runCli(["chat", ...greedy], { stdin: `${message!.content}\n` });
  assertEquals([chat.code, chat.stdout], [0, `${golden.text}\n`]);

  const { text, ids } = goldens.texts.find(({ text }) => text === "Once upon a time")!;
  const encoded = await runCli(["tokenize", text]);
  assertEquals([encoded.code, encoded.stdout], [0, `${ids.join(",")}\n`]);
  const decoded = await runCli(["tokenize", "--decode", ids.join(","), "--no-special"]);
  assertEquals([decoded.code, decoded.stdout], [0, `${text}\n`]);
});
