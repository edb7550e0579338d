import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { test } from "node:test";
import { Engine, type EngineOptions, UpbeatError } from "../../../mod.ts";
import { TOKEN } from "../../../ffi/abi.ts";
import { poisonEmbedding } from "../../support/models/poisoned_model.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import type { TokenContext } from "../../support/scripted/scripted_device.ts";
import { ScriptedEngine, type ScriptedEngineSetup, submission } from "../../support/scripted/scripted_engine.ts";
import { ALL_MODES, allAtStart, cancel, MODES } from "../../support/scripted/scripted_run.ts";
import { withModelFolder } from "../../support/test_engine.ts";

// A row without a finite logit is the fault of its request: the request fails, and no other one notices.

const CULPRIT = 3;
const EOS = 300;

/** Requests in a crowd, with the culprit among them. */
function crowd(prompt: number): ReturnType<typeof submission>[] {
  return [1, 2, CULPRIT, 4, 5, 6].map((id) => {
    const sampling = id % 2 === 0 ? { temperature: 1, seed: id, frequencyPenalty: 0.5 } : { logprobs: 2 };
    return submission(id, { prompt: id === CULPRIT ? prompt : 3 + 2 * id, maxTokens: 4 + 2 * id, sampling });
  });
}

/** Runs the crowd on the scripted device, whose logits of the culprit are not finite for its n-th token. */
function run(setup: ScriptedEngineSetup, failingToken: number, messages = crowd(7)): ScriptedEngine {
  const culprit = messages.find(({ id }) => id === CULPRIT)!.promptTokenIds;
  const script = ({ promptTokens, outputTokens, proposed }: TokenContext) => {
    const isCulprit = promptTokens.length === culprit.length && promptTokens.every((id, i) => id === culprit[i]);
    return isCulprit && outputTokens.length >= failingToken - 1 ? TOKEN.NOT_FINITE : proposed % EOS;
  };
  const engine = new ScriptedEngine(allAtStart(messages), {
    maxBatchRequests: 6,
    blocks: 100,
    ...setup,
    device: { script, ...setup.device },
  });
  try {
    engine.run();
  } finally {
    engine[Symbol.dispose]();
  }
  assertEquals(engine.violations, []);
  return engine;
}

test("a request whose logits are not finite fails alone, in every mode and at every token", () => {
  for (const mode of ALL_MODES) {
    for (const streamInterval of [1, 4]) {
      for (const prefixCache of [false, true]) {
        const setup = { ...MODES[mode], streamInterval, prefixCache };
        const healthy = run(setup, Infinity);
        for (const failingToken of [1, 2, 5, 10]) {
          const engine = run(setup, failingToken);
          const name = `${mode}, interval ${streamInterval}, token ${failingToken}`;
          for (const id of [1, 2, 4, 5, 6]) assertEquals(engine.tokens(id), healthy.tokens(id), `${name}: ${id}`);
          assertEquals(engine.tokens(CULPRIT), healthy.tokens(CULPRIT).slice(0, failingToken - 1), name);
          const [error, ...more] = engine.events(CULPRIT).filter(({ type }) => type === "ERROR_NONTRANSIENT");
          assertEquals(more, []);
          assertMatch(JSON.stringify(error), /LOGITS_NOT_FINITE/);
          assertMatch(JSON.stringify(error), new RegExp(`position ${7 + failingToken - 1}`));
          assertEquals(engine.events(CULPRIT).at(-1)!.type, "ERROR_NONTRANSIENT");
          assertEquals(engine.pool.usedBlocks, 0);
        }
      }
    }
  }
});

test("a request whose logits are not finite may be cancelled at any step", () => {
  for (const mode of ALL_MODES) {
    for (let forwards = 1; forwards <= 8; forwards++) {
      const messages = crowd(7);
      const culprit = messages.find(({ id }) => id === CULPRIT)!.promptTokenIds;
      const script = ({ promptTokens, outputTokens, proposed }: TokenContext) =>
        promptTokens[0] === culprit[0] && outputTokens.length >= 2 ? TOKEN.NOT_FINITE : proposed % EOS;
      const arrivals = [...allAtStart(messages), { forwards, message: cancel(CULPRIT) }];
      const engine = new ScriptedEngine(arrivals, { ...MODES[mode], maxBatchRequests: 6, device: { script } });
      engine.run();
      engine[Symbol.dispose]();
      assertEquals(engine.violations, []);
      const ends = engine.events(CULPRIT).filter(({ type }) => type === "FINISH" || type === "ERROR_NONTRANSIENT");
      assertEquals(ends.length, 1);
      assertEquals(engine.pool.usedBlocks, 0);
    }
  }
});

/** A prompt that contains the token whose embedding is not finite, and prompts that do not. */
const BAD_TOKEN = 77;
const BAD = [5, 9, BAD_TOKEN, 11];
const GOOD = [[5, 9, 12, 11], [40, 41, 42, 43, 44, 45], [5, 9, 12, 11, 13]];

for (const value of [NaN, Infinity]) {
  for (const options of [{ overlap: false }, { overlap: true }, { overlap: true, earlyFirstToken: false }]) {
    const name = `an embedding row of ${value} fails the requests that use it, and only those (${
      JSON.stringify(options)
    })`;
    test(name, () =>
      withPoisonedModel([BAD_TOKEN], value, options, async (engine) => {
        const settings = {
          maxTokens: 12,
          temperature: 0,
          logprobs: 2,
          ignoreEos: true,
          logitBias: { [BAD_TOKEN]: -100 },
        };
        const generate = (prompt: readonly number[]) => engine.generate(prompt, settings);
        const alone = [];
        for (const prompt of GOOD) alone.push(await generate(prompt).result);
        for (let round = 0; round < 3; round++) {
          const bad = [generate(BAD), generate([...GOOD[0]!, BAD_TOKEN]), generate([BAD_TOKEN])];
          const together = await Promise.all(GOOD.map((prompt) => generate(prompt).result));
          for (const [index, { tokenIds, logprobs }] of together.entries()) {
            assertEquals([tokenIds, logprobs], [alone[index]!.tokenIds, alone[index]!.logprobs]);
          }
          for (const generation of bad) {
            const error = await assertRejects(() => generation.result, UpbeatError);
            assertEquals(error.code, "LOGITS_NOT_FINITE");
          }
        }
        assertEquals(engine.stats().kvBlocks.used, 0);
      }));
  }
}

test("a model whose weights are not finite is refused at load, with a sentence about the model", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true, vocabularySize: 320 });
    poisonEmbedding(join(folder, "model.safetensors"), Array.from({ length: 320 }, (_, id) => id), NaN);
    const error = await assertRejects(() => Engine.load(folder), UpbeatError);
    assertEquals(error.code, "WEIGHTS_INVALID");
    assert(error.message.includes(folder) && error.message.includes("NaN"), error.message);
  });
});

function withPoisonedModel(
  tokens: readonly number[],
  value: number,
  options: EngineOptions,
  use: (engine: Engine) => Promise<void>,
): Promise<void> {
  return withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    poisonEmbedding(join(folder, "model.safetensors"), tokens, value);
    await using engine = await Engine.load(folder, options);
    await use(engine);
  });
}
