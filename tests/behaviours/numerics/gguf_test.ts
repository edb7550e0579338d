import { assertEquals, assertLess } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Engine } from "../../../mod.ts";
import { sized } from "../../support/libraries/emulated.ts";
import { writeGgufModel } from "../../support/models/gguf_model.ts";
import { type RandomModelOptions, writeRandomModel } from "../../support/models/random_model.ts";
import { sharedModels } from "../../support/models/shared_models.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

const MODELS: Readonly<Record<string, RandomModelOptions>> = {
  "Llama in F32": { dtype: "F32" },
  "Llama in F16, tied, one KV head": { dtype: "F16", kvHeads: 1, tieWordEmbeddings: true, seed: 2 },
  "Llama with all biases and linear rope scaling": {
    attentionBias: true,
    mlpBias: true,
    ropeScaling: { rope_type: "linear", factor: 4 },
    seed: 3,
  },
  "Mistral with a sliding window": { family: "mistral", slidingWindow: 9, seed: 4 },
  "Qwen2": { family: "qwen2", seed: 5 },
  "Qwen3 with wide heads": { family: "qwen3", headDim: 32, seed: 6 },
};

const PROMPTS = [[1], Array.from({ length: 40 }, (_, index) => (index * 37 + 11) % 300)];

async function generateAll(model: string) {
  await using engine = await Engine.load(model, { threads: 2, maxBatchTokens: 24, activations: "float32" });
  const results = await Promise.all(
    PROMPTS.map((prompt) => engine.generate(prompt, { maxTokens: 12, ignoreEos: true, logprobs: 0 }).result),
  );
  return results.map(({ tokenIds, logprobs }) => ({
    tokenIds: [...tokenIds],
    logprobs: logprobs!.map(({ logprob }) => logprob),
  }));
}

for (const [name, model] of Object.entries(MODELS)) {
  test(`${name} has the same tokens and log-probabilities from GGUF as from safetensors`, async () => {
    await withTemporaryFolder(async (folder) => {
      const file = join(folder, "model");
      writeRandomModel(join(folder, "safetensors"), model);
      writeGgufModel(join(folder, "safetensors"), file);
      assertEquals(await generateAll(file), await generateAll(join(folder, "safetensors")));
    });
  });
}

test("frequency factors have the same effect as the scaling that they were computed from", async () => {
  await withTemporaryFolder(async (folder) => {
    const [file, plain, scaled] = ["model.gguf", "plain", "scaled"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeRandomModel(plain);
    writeRandomModel(scaled, { ropeScaling: { rope_type: "linear", factor: 4 } });
    const data = new Uint8Array(new Float32Array(8).fill(4).buffer);
    writeGgufModel(plain, file, { tensors: [{ name: "rope_freqs.weight", type: "F32", shape: [8], data }] });
    assertEquals(await generateAll(file), await generateAll(scaled));
  });
});

interface GoldenCase {
  readonly name: string;
  readonly prompt_ids: readonly number[];
  readonly greedy_ids: readonly number[];
  readonly top1_minus_top2: readonly number[];
}

const shared = sharedModels();
const folder = shared === null ? null : join(shared, "gguf");
const files = folder === null ? [] : readdirSync(folder).filter((name) => name.endsWith(".gguf"));

test("quantized models generate their golden tokens", {
  skip: files.length === 0 && "the shared models are not available",
}, async () => {
  const goldens = JSON.parse(readFileSync(join(folder!, "goldens.json"), "utf8")) as {
    files: Record<string, GoldenCase[]>;
  };
  for (const file of files.slice(0, sized(files.length, 1))) {
    await using engine = await Engine.load(join(folder!, file), { activations: "float32" });
    for (const golden of goldens.files[file]!.slice(0, sized(5, 1))) {
      const { name, prompt_ids: prompt, greedy_ids: expected, top1_minus_top2: margins } = golden;
      const maxTokens = sized(expected.length, 8);
      // The reference cannot choose the end of the text.
      const logitBias = Object.fromEntries(engine.info.model.eosTokenIds.map((id) => [id, -Infinity]));
      const { tokenIds } = await engine.generate([...prompt], { maxTokens, ignoreEos: true, logitBias }).result;
      const mismatch = [...tokenIds].findIndex((id, step) => id !== expected[step]);
      if (mismatch >= 0) assertLess(margins[mismatch]!, 1e-3, `${file}, ${name}: token ${mismatch}`);
    }
  }
});
