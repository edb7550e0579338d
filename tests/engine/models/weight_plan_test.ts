import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readModelConfig } from "../../../engine/models/config.ts";
import { estimateMemory, kvBytesPerToken } from "../../../engine/models/memory.ts";
import { planWeights } from "../../../engine/models/weight_plan.ts";
import type { WeightPlan } from "../../../engine/models/weight_plan.ts";
import { openCheckpoint } from "../../../engine/weights/checkpoint.ts";
import type { Checkpoint } from "../../../engine/weights/checkpoint.ts";
import type { TensorInfo } from "../../../engine/weights/safetensors.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import type { RandomModelOptions } from "../../support/models/random_model.ts";
import { sharedModels } from "../../support/models/shared_models.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

/** Changes of a checkpoint's tensors by name; null removes one. */
type Changes = Readonly<Record<string, Partial<TensorInfo> | null>>;

/** The plan of a model that is written for it, with tensors changed as a damaged or foreign checkpoint would have them. */
function planOf(options: RandomModelOptions, changes: Changes = {}): WeightPlan {
  return withTemporaryFolder((folder) => {
    writeRandomModel(folder, { layers: 2, ...options });
    return planWeights(readModelConfig(folder), changed(openCheckpoint(folder), changes));
  });
}

function changed(checkpoint: Checkpoint, changes: Changes): Checkpoint {
  const tensors = new Map(checkpoint.tensors);
  for (const [name, change] of Object.entries(changes)) {
    const from = tensors.get(name) ?? tensors.get("model.norm.weight");
    if (change === null) tensors.delete(name);
    else tensors.set(name, { ...from as TensorInfo, name, ...change });
  }
  return { ...checkpoint, tensors };
}

const names = (weight: { parts: readonly { name: string }[] } | null | undefined) =>
  weight?.parts.map(({ name }) => name);

test("planWeights() stacks q, k, v and gate, up in this order", () => {
  const { layers } = planOf({ hiddenSize: 64, heads: 4, kvHeads: 2, headDim: 24, ffnSize: 96, dtype: "F16" });
  assertEquals(layers.length, 2);
  const layer = layers[1];
  assert(layer !== undefined);
  const prefix = "model.layers.1";
  assertEquals(names(layer.qkv), ["q", "k", "v"].map((part) => `${prefix}.self_attn.${part}_proj.weight`));
  assertEquals(names(layer.gateUp), ["gate", "up"].map((part) => `${prefix}.mlp.${part}_proj.weight`));
  const { parts: _qkv, ...qkv } = layer.qkv;
  assertEquals(qkv, { dtype: "F16", rows: 4 * 24 + 2 * 2 * 24, columns: 64 });
  const { parts: _output, ...output } = layer.output;
  assertEquals(output, { dtype: "F16", rows: 64, columns: 4 * 24 });
  const { parts: _gateUp, ...gateUp } = layer.gateUp;
  assertEquals(gateUp, { dtype: "F16", rows: 192, columns: 64 });
  assertEquals([layer.down.rows, layer.down.columns], [64, 96]);
});

test("planWeights() gives each part the byte range that the file's header gives its tensor", () => {
  withTemporaryFolder((folder) => {
    writeRandomModel(folder, { family: "qwen3", shards: 3, dtype: "F32" });
    const checkpoint = openCheckpoint(folder);
    const plan = planWeights(readModelConfig(folder), checkpoint);
    for (const part of plan.layers.flatMap(({ qkv, queryNorm }) => [...qkv.parts, ...queryNorm?.parts ?? []])) {
      const tensor = checkpoint.tensors.get(part.name);
      assertEquals([part.file, part.offset, part.byteLength], [tensor?.file, tensor?.offset, tensor?.byteLength]);
      assertEquals(part.rows * part.columns * 4, part.byteLength);
    }
  });
});

test("planWeights() has the biases and norms of the family and no others", () => {
  const has = (plan: WeightPlan) => {
    const { qkvBias, outputBias, gateUpBias, downBias, queryNorm, keyNorm } = plan.layers[0] as WeightPlan["layers"][0];
    return [qkvBias, outputBias, gateUpBias, downBias, queryNorm, keyNorm].map((weight) => weight?.length ?? 0);
  };
  assertEquals(has(planOf({ family: "llama" })), [0, 0, 0, 0, 0, 0]);
  assertEquals(has(planOf({ family: "mistral", slidingWindow: 8 })), [0, 0, 0, 0, 0, 0]);
  assertEquals(has(planOf({ family: "llama", attentionBias: true, mlpBias: true })), [128, 64, 192, 64, 0, 0]);
  assertEquals(has(planOf({ family: "qwen2" })), [128, 0, 0, 0, 0, 0]);
  assertEquals(has(planOf({ family: "qwen3", headDim: 32 })), [0, 0, 0, 0, 32, 32]);
});

test("planWeights() leaves no tensor of any written model unused", () => {
  for (const family of ["llama", "mistral", "qwen2", "qwen3"] as const) {
    for (const tieWordEmbeddings of [true, false]) {
      assertEquals(planOf({ family, tieWordEmbeddings, attentionBias: family === "qwen3" }).unusedTensors, []);
    }
  }
});

test("planWeights() lists what it does not need without complaint", () => {
  const name = "model.layers.0.self_attn.rotary_emb.inv_freq";
  assertEquals(planOf({}, { [name]: { dtype: "F64", shape: [8] } }).unusedTensors, [name]);
});

test("planWeights() uses one matrix for embedding and head when they are tied, whichever is stored", () => {
  for (const tiedAs of ["embedding", "head"] as const) {
    const { embedding, languageModelHead } = planOf({ tieWordEmbeddings: true, tiedAs });
    assertStrictEquals(embedding, languageModelHead);
    assertEquals(names(embedding), [tiedAs === "head" ? "lm_head.weight" : "model.embed_tokens.weight"]);
  }
  const both = planOf({ tieWordEmbeddings: true }, { "lm_head.weight": { shape: [320, 64] } });
  assertEquals(names(both.languageModelHead), ["model.embed_tokens.weight"]);
  assertEquals(both.unusedTensors, ["lm_head.weight"]);
});

test("planWeights() counts the bytes of every tensor once", () => {
  for (const tieWordEmbeddings of [true, false]) {
    withTemporaryFolder((folder) => {
      writeRandomModel(folder, { tieWordEmbeddings });
      const file = join(folder, "model.safetensors");
      const data = readFileSync(file).length - 8 - Number(readFileSync(file).readBigUInt64LE());
      assertEquals(planWeights(readModelConfig(folder), openCheckpoint(folder)).weightBytes, data);
    });
  }
});

test("planWeights() names the tensor when it is missing", () => {
  const missing = (name: string, options: RandomModelOptions = {}) =>
    assertUpbeatError(() => planOf(options, { [name]: null }), "WEIGHTS_MISSING_TENSOR", name);
  missing("model.norm.weight");
  missing("model.embed_tokens.weight");
  missing("model.embed_tokens.weight", { tieWordEmbeddings: true });
  missing("model.layers.1.mlp.up_proj.weight");
  missing("model.layers.0.self_attn.k_proj.bias", { family: "qwen2" });
  missing("model.layers.0.self_attn.q_norm.weight", { family: "qwen3" });
  const error = missing("lm_head.weight");
  assert(error.message.includes("tie_word_embeddings"));
});

test("planWeights() names tensor and shapes when a shape is wrong", () => {
  const wrong = (name: string, shape: number[], ...parts: string[]) =>
    assertUpbeatError(() => planOf({}, { [name]: { shape } }), "WEIGHTS_WRONG_SHAPE", name, ...parts);
  wrong("model.layers.1.mlp.down_proj.weight", [96, 64], "[96, 64]", "[64, 96]");
  wrong("model.layers.0.self_attn.k_proj.weight", [64, 64], "[64, 64]", "[32, 64]");
  wrong("model.norm.weight", [64, 1], "[64, 1]", "[64]");
  wrong("model.norm.weight", [], "[]", "[64]");
  wrong("model.embed_tokens.weight", [321, 64], "[321, 64]", "[320, 64]");
});

test("planWeights() names tensor and dtype when it cannot be loaded, or differs within a stacked matrix", () => {
  const unsupported = (name: string, dtype: string) =>
    assertUpbeatError(() => planOf({}, { [name]: { dtype } }), "WEIGHTS_UNSUPPORTED_DTYPE", name, dtype);
  unsupported("model.layers.0.mlp.down_proj.weight", "F8_E4M3");
  unsupported("model.norm.weight", "I8");
  unsupported("lm_head.weight", "Z99");
  unsupported("model.layers.0.self_attn.v_proj.weight", "F16");
});

test("planWeights() allows norms of another dtype than the matrices", () => {
  const plan = planOf({ dtype: "BF16", normDtype: "F32" });
  assertEquals([plan.finalNorm.parts[0]?.dtype, plan.embedding.dtype], ["F32", "BF16"]);
});

test("planWeights() works from a file on disk when a tensor's dtype is one it does not know", () => {
  withTemporaryFolder((folder) => {
    writeRandomModel(folder, { dtype: "BF16" });
    const file = join(folder, "model.safetensors");
    const bytes = readFileSync(file);
    const at = bytes.indexOf('"dtype":"BF16"');
    bytes.write('"dtype":"XY16"', at);
    writeFileSync(file, bytes);
    const run = () => planWeights(readModelConfig(folder), openCheckpoint(folder));
    assertUpbeatError(run, "WEIGHTS_UNSUPPORTED_DTYPE", "XY16", file);
  });
});

test("estimateMemory() adds the weights, with vectors as F32, and the caches", () => {
  withTemporaryFolder((folder) => {
    writeRandomModel(folder, { family: "qwen2", tieWordEmbeddings: true, maxPositions: 100 });
    const config = readModelConfig(folder);
    const plan = planWeights(config, openCheckpoint(folder));
    const vectors = 2 * (64 + 64 + 128) + 64;
    const estimate = estimateMemory(config, plan, "BF16");
    assertEquals(kvBytesPerToken(config, "F32"), 2 * 2 * 2 * 16 * 4);
    assertEquals(estimate, {
      fileBytes: plan.weightBytes,
      weightBytes: plan.weightBytes + 2 * vectors,
      kvBytesPerToken: 2 * 2 * 2 * 16 * 2,
      fullContextBytes: plan.weightBytes + 2 * vectors + 100 * 2 * 2 * 2 * 16 * 2,
    });
  });
});

const shared = sharedModels();
const name = "planWeights() finds all weights of the shared models and leaves none unused";
if (shared === null) test.skip(`${name} (the folder of shared models is not here)`, () => {});
else {
  test(name, () => {
    const families = ["llama3-rope", "mistral", "mistral-sliding-window", "qwen2", "qwen3"];
    const trained = ["stories260K", "tinystories-656k", "tinystories-27m-sharded"];
    for (const folder of [...trained, ...families.map((family) => join("families", family))]) {
      const path = join(shared, folder);
      assertEquals(planWeights(readModelConfig(path), openCheckpoint(path)).unusedTensors, [], folder);
    }
  });
}
