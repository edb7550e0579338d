/** Among many requests, one in twenty is hostile: the others generate the same bits as without them, and none fails. */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import process from "node:process";
import fc from "fast-check";
import { GENERATE_OPTIONS } from "../../../engine/config/generate_options.ts";
import {
  Engine,
  type EngineOptions,
  type GenerateOptions,
  type Generation,
  type Prompt,
  UpbeatError,
} from "../../../mod.ts";
import { Random } from "../../ops/random.ts";
import { garbageOptions, garbagePrompts } from "../../support/garbage.ts";
import { sized } from "../../support/libraries/emulated.ts";
import { poisonEmbedding } from "../../support/models/poisoned_model.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { withModelFolder } from "../../support/test_engine.ts";

const given = process.env["UPBEAT_TEST_CHAOS_REQUESTS"];
const REQUESTS = given === undefined ? sized(1000, 40) : Number(given);

/** One request in this many is hostile. */
const RATE = 20;

/** Requests at a time. */
const CROWD = sized(24, 6);

/** Different benign requests; each comes many times. */
const KINDS = sized(48, 12);

const SEED = 13;

/** A token whose row of the embedding is not finite. */
const POISON = 317;

/** Keeps it from being generated. */
const HEALTHY = { [POISON]: -Infinity } as const;

/** A chat template that does not end for one role. */
const TEMPLATE =
  "{% for m in messages %}{% if m.role == 'bomb' %}{% for a in range(9999) %}{% for b in range(9999) %}" +
  "{{ a * b }}{% endfor %}{% endfor %}{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}";

const MODEL = { hiddenSize: 32, heads: 2, kvHeads: 1, layers: 1, ffnSize: 48, tokenizer: true } as const;

/** A pool that is too small for the crowd, so that requests are paused and evicted too. */
const POOL: EngineOptions = { threads: 1, blockSize: 4, kvBlocks: 64, maxBatchTokens: 64, maxBatchRequests: 12 };

interface Request {
  readonly prompt: Prompt;
  readonly options: GenerateOptions;
}

function benign(random: Random, index: number): Request {
  const words = Array.from({ length: random.integer(1, 20) }, () => random.pick(["sun", "and", "the ", "tree", "é"]));
  const text = words.join(" ");
  return {
    prompt: random.pick<Prompt>([text, [{ role: "user", content: text }], random.integers(12, 5, 290)]),
    options: {
      maxTokens: random.integer(1, 24),
      ignoreEos: random.integer(0, 1) === 0,
      seed: index,
      temperature: random.pick([0, 1]),
      topP: random.pick([1, 0.9]),
      frequencyPenalty: random.pick([0, 0.5]),
      logprobs: random.pick([0, 2]),
      logitBias: HEALTHY,
      ...(random.integer(0, 3) === 0 ? { stop: [random.pick(["a", "th", "0"])] } : {}),
    },
  };
}

/** What must not depend on anything else. */
async function streamOf(generation: Generation, gaps: Gaps): Promise<unknown> {
  const chunks: unknown[] = [];
  let last = performance.now();
  for await (const { text, tokenIds } of generation.chunks()) {
    const now = performance.now();
    if (chunks.length > 0) gaps.worst = Math.max(gaps.worst, now - last);
    last = now;
    chunks.push([text, tokenIds]);
  }
  const { text, tokenIds, finishReason, stopReason, logprobs, usage } = await generation.result;
  return { chunks, text, tokenIds, finishReason, stopReason, logprobs, usage };
}

/** The longest time from one chunk of a stream to the next, in milliseconds. */
interface Gaps {
  worst: number;
}

const ENDLESS = { logitBias: HEALTHY, maxTokens: 200, ignoreEos: true, temperature: 1 } as const;

/** Asserts that a generation ends well, or with a typed error of this code or any, whose message is bounded. */
async function ended(generation: Generation, code?: string): Promise<void> {
  const error: unknown = await generation.result.then(() => null, (thrown: unknown) => thrown);
  if (error === null) return;
  assertInstanceOf(error, UpbeatError);
  const isExpected = code === undefined ? error.code !== "INTERNAL" : error.code === code;
  assert(isExpected && error.message.length <= 2000, `${error.code}: ${error.message}`);
}

async function failed(generation: Generation, ...codes: string[]): Promise<void> {
  const error: unknown = await generation.result.then(() => null, (thrown: unknown) => thrown);
  assertInstanceOf(error, UpbeatError);
  assert(codes.includes(error.code), `${error.code}: ${error.message}`);
}

/** Reads a few events and throws, or leaves, or reads on slowly. */
async function readBadly(generation: Generation, random: Random): Promise<void> {
  const how = random.pick(["throw", "leave", "slow"]);
  let left = random.integer(0, 10);
  try {
    for await (const _ of generation) {
      if (how === "slow") await delay(random.integer(0, 3));
      else if (left-- === 0 && how === "leave") break;
      else if (left < 0) throw new RangeError("a listener threw");
    }
  } catch (error) {
    assertInstanceOf(error, RangeError);
  }
  await ended(generation);
}

type Hostile = (engine: Engine, random: Random) => Promise<void>;

const sample = <Value>(values: fc.Arbitrary<Value>, random: Random): Value =>
  fc.sample(values, { seed: random.integer(0, 2 ** 31 - 1), numRuns: 1 })[0]!;

/** Requests that harm others where something is not bounded, not checked, or not the request's own. */
const HOSTILE: Readonly<Record<string, Hostile>> = {
  options: (engine, random) => {
    const options = sample(garbageOptions(Object.keys(GENERATE_OPTIONS)), random).value();
    const generation = engine.generate([5, 6], options as GenerateOptions);
    setTimeout(() => generation.cancel(), 20);
    return ended(generation);
  },
  prompt: (engine, random) =>
    ended(engine.generate(sample(garbagePrompts, random).value() as Prompt, { maxTokens: 3 })),
  template: (engine) => {
    const bomb = engine.generate([{ role: "bomb", content: "x" }], { maxTokens: 2 });
    return failed(bomb, "CHAT_TEMPLATE_INVALID");
  },
  huge: (engine, random) => {
    const huge = random.pick<() => Prompt>([
      () => "once upon a time ".repeat(600_000),
      () => "é".repeat(3_000),
      () => new Int32Array(5_000_000),
      () => Array.from({ length: 100_000 }, () => ({ role: "user", content: "" })),
      () => [{ role: "user", content: "x".repeat(2_000_000) }],
    ])();
    return failed(engine.generate(huge, { maxTokens: 500 }), "PROMPT_TOO_LONG");
  },
  stop: (engine, random) => {
    const stop = random.pick<unknown>([
      Array.from({ length: 64 }, (_, index) => `${"a".repeat(1000)}${index}`),
      Array.from({ length: 65 }, () => "x"),
      ["ab".repeat(1_000_000)],
      [""],
      [5],
      ["\ud800", "\ufffd".repeat(500)],
    ]);
    return ended(engine.generate("aaaa", { maxTokens: 40, ignoreEos: true, stop: stop as string[] }));
  },
  abort: async (engine, random) => {
    const controller = new AbortController();
    const generation = engine.generate("abc", { ...ENDLESS, signal: controller.signal });
    await delay(random.integer(0, 15));
    controller.abort(new Error("a client left"));
    await ended(generation, "ABORTED");
  },
  timeout: (engine, random) => {
    const signal = AbortSignal.timeout(random.integer(0, 10));
    return ended(engine.generate("abc", { ...ENDLESS, signal }), "ABORTED");
  },
  cancel: async (engine, random) => {
    const generation = engine.generate("abc", ENDLESS);
    await delay(random.integer(0, 15));
    generation.cancel();
    const { finishReason, tokenIds } = await generation.result;
    assert(finishReason === "cancelled" || tokenIds.length === ENDLESS.maxTokens);
  },
  notFinite: (engine, random) => {
    const prompt = Array.from(random.integers(random.integer(1, 20), 5, 290));
    return failed(engine.generate([...prompt, POISON], { maxTokens: 5 }), "LOGITS_NOT_FINITE");
  },
  reader: (engine, random) => readBadly(engine.generate("abc", { ...ENDLESS, maxTokens: 60 }), random),
  stream: async (engine, random) => {
    using stream = engine.events({ capacity: random.integer(1, 4) });
    await delay(random.integer(0, 20));
    await stream.next();
  },
  signal: (engine) => {
    const signal = {
      aborted: false,
      addEventListener() {
        throw new RangeError("no listeners");
      },
      removeEventListener() {},
    };
    return failed(engine.generate("abc", { ...ENDLESS, signal: signal as never }), "INVALID_PARAMETER");
  },
};

/** Runs tasks, so many at a time. */
async function inCrowd(count: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: CROWD }, async () => {
    while (next < count) await task(next++);
  }));
}

function assertIdle(engine: Engine): void {
  const { running, waiting, paused, kvBlocks } = engine.stats();
  assertEquals([running, waiting, paused, kvBlocks.used], [0, 0, 0, 0]);
}

for (const overlap of [false, true]) {
  const title = `among ${REQUESTS / 2} requests, one in ${RATE} hostile, ${overlap ? "with" : "without"} overlap`;
  test(`${title}, the others generate the same as without them, and none fails`, async () => {
    await withModelFolder(async (folder) => {
      writeRandomModel(folder, MODEL);
      poisonEmbedding(join(folder, "model.safetensors"), [POISON], NaN);
      const file = join(folder, "tokenizer_config.json");
      const config = JSON.parse(readFileSync(file, "utf8")) as object;
      writeFileSync(file, JSON.stringify({ ...config, chat_template: TEMPLATE }));
      const onStep = () => {
        throw new Error("a listener of steps threw");
      };
      await using engine = await Engine.load(folder, { ...POOL, overlap, onStep });

      const random = new Random(SEED + Number(overlap));
      const requests = Array.from({ length: KINDS }, (_, index) => benign(random, index));
      const expected: unknown[] = [];
      const before = { worst: 0 };
      await inCrowd(KINDS, async (index) => {
        const { prompt, options } = requests[index]!;
        expected[index] = await streamOf(engine.generate(prompt, options), before);
      });

      const hostile = Object.entries(HOSTILE);
      const counts: Record<string, number> = {};
      const gaps = { worst: 0 };
      await inCrowd(REQUESTS / 2, async (index) => {
        if (index % RATE === 0) {
          const [name, run] = hostile[(index / RATE) % hostile.length]!;
          counts[name] = (counts[name] ?? 0) + 1;
          await run(engine, random).catch((cause) => {
            throw new Error(`hostile request ${index}, ${name}`, { cause });
          });
        } else {
          const kind = random.integer(0, KINDS - 1);
          const { prompt, options } = requests[kind]!;
          assertEquals(await streamOf(engine.generate(prompt, options), gaps), expected[kind], `kind ${kind}`);
        }
      });

      assertIdle(engine);
      if (given !== undefined) {
        const { preemptions } = engine.stats();
        console.log(JSON.stringify({ overlap, counts, preemptions, worstGapMs: gaps.worst, withoutMs: before.worst }));
      }
    });
  });
}
