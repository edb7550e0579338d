import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readModelConfig } from "../../../engine/models/config.ts";
import { isMatrix, type Matrix, type Vector } from "../../../engine/models/memory_plan.ts";
import { planModel } from "../../../engine/models/model_plan.ts";
import type { ModelPlan } from "../../../engine/models/model_plan.ts";
import { openCheckpoint } from "../../../engine/weights/checkpoint.ts";
import type { Checkpoint } from "../../../engine/weights/tensor_info.ts";
import type { TensorInfo } from "../../../engine/weights/tensor_info.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import type { RandomModelOptions } from "../../support/models/random_model.ts";
import { sharedModels } from "../../support/models/shared_models.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

/** Changes of a checkpoint's tensors by name; null removes one. */
type Changes = Readonly<Record<string, Partial<TensorInfo> | null>>;

/** The plan of a random model, with tensors changed as in a damaged or foreign checkpoint. */
function planOf(options: RandomModelOptions, changes: Changes = {}): ModelPlan {
  return withTemporaryFolder((folder) => {
    writeRandomModel(folder, { layers: 2, ...options });
    return planModel(readModelConfig(folder), changed(openCheckpoint(folder), changes));
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

/** The weight that contains a tensor. */
function weightOf(plan: ModelPlan, tensor: string): Matrix | Vector | undefined {
  return plan.memory.sections.flat().find(({ parts }) => parts.some(({ name }) => name === tensor));
}

function matrixOf(plan: ModelPlan, tensor: string): Matrix {
  const weight = weightOf(plan, tensor);
  assert(weight !== undefined && isMatrix(weight), tensor);
  return weight;
}

const names = (weight: { parts: readonly { name: string }[] } | undefined) => weight?.parts.map(({ name }) => name);

test("planModel() stacks q, k, v and gate, up in this order", () => {
  const plan = planOf({ hiddenSize: 64, heads: 4, kvHeads: 2, headDim: 24, ffnSize: 96, dtype: "F16" });
  const prefix = "model.layers.1";
  const shape = (tensor: string) => {
    const { dtype, rows, columns } = matrixOf(plan, `${prefix}.${tensor}.weight`);
    return { dtype, rows, columns };
  };
  const qkv = matrixOf(plan, `${prefix}.self_attn.q_proj.weight`);
  assertEquals(names(qkv), ["q", "k", "v"].map((part) => `${prefix}.self_attn.${part}_proj.weight`));
  const gateUp = matrixOf(plan, `${prefix}.mlp.gate_proj.weight`);
  assertEquals(names(gateUp), ["gate", "up"].map((part) => `${prefix}.mlp.${part}_proj.weight`));
  assertEquals(shape("self_attn.q_proj"), { dtype: "F16", rows: 4 * 24 + 2 * 2 * 24, columns: 64 });
  assertEquals(shape("self_attn.o_proj"), { dtype: "F16", rows: 64, columns: 4 * 24 });
  assertEquals(shape("mlp.gate_proj"), { dtype: "F16", rows: 192, columns: 64 });
  assertEquals(shape("mlp.down_proj"), { dtype: "F16", rows: 64, columns: 96 });
});

test("planModel() makes a matrix of each run of one dtype when stacked tensors have several", () => {
  const plan = planOf({ family: "qwen2", dtype: "BF16" }, {
    "model.layers.0.self_attn.v_proj.weight": { dtype: "F16" },
    "model.layers.1.mlp.gate_proj.weight": { dtype: "F16" },
  });
  const attention = "model.layers.0.self_attn";
  const qk = matrixOf(plan, `${attention}.k_proj.weight`);
  assertEquals([qk.dtype, names(qk)], ["BF16", [`${attention}.q_proj.weight`, `${attention}.k_proj.weight`]]);
  const v = matrixOf(plan, `${attention}.v_proj.weight`);
  assertEquals([v.dtype, names(v)], ["F16", [`${attention}.v_proj.weight`]]);
  assertEquals(names(weightOf(plan, `${attention}.q_proj.bias`)), [
    `${attention}.q_proj.bias`,
    `${attention}.k_proj.bias`,
  ]);
  assertEquals(names(weightOf(plan, `${attention}.v_proj.bias`)), [`${attention}.v_proj.bias`]);
  assertEquals(names(matrixOf(plan, "model.layers.1.mlp.gate_proj.weight")), ["model.layers.1.mlp.gate_proj.weight"]);
  const joints = plan.memory.joints.map(({ unit, parts }) => parts.map(({ units }) => units * unit));
  assertEquals(joints, [[96, 32], [96, 96]]);
});

test("planModel() gives each part the byte range that the file's header gives its tensor", () => {
  withTemporaryFolder((folder) => {
    writeRandomModel(folder, { family: "qwen3", shards: 3, dtype: "F32" });
    const checkpoint = openCheckpoint(folder);
    const plan = planModel(readModelConfig(folder), checkpoint);
    for (const part of plan.memory.sections.flat().flatMap(({ parts }) => parts)) {
      const tensor = checkpoint.tensors.get(part.name);
      assertEquals([part.file, part.offset, part.byteLength], [tensor?.file, tensor?.offset, tensor?.byteLength]);
      assertEquals(part.rows * part.columns * 4, part.byteLength);
    }
  });
});

test("planModel() has the biases and norms of the family and no others", () => {
  const has = (plan: ModelPlan) => {
    const tensors = ["self_attn.q_proj.bias", "self_attn.o_proj.bias", "mlp.up_proj.bias", "mlp.down_proj.bias"];
    return [...tensors, "self_attn.q_norm.weight", "self_attn.k_norm.weight"].map((tensor) => {
      const weight = weightOf(plan, `model.layers.0.${tensor}`);
      return weight === undefined || isMatrix(weight) ? 0 : weight.length;
    });
  };
  assertEquals(has(planOf({ family: "llama" })), [0, 0, 0, 0, 0, 0]);
  assertEquals(has(planOf({ family: "mistral", slidingWindow: 8 })), [0, 0, 0, 0, 0, 0]);
  assertEquals(has(planOf({ family: "llama", attentionBias: true, mlpBias: true })), [128, 64, 192, 64, 0, 0]);
  assertEquals(has(planOf({ family: "qwen2" })), [128, 0, 0, 0, 0, 0]);
  assertEquals(has(planOf({ family: "qwen3", headDim: 32 })), [0, 0, 0, 0, 32, 32]);
});

test("planModel() leaves no tensor of a random model unused", () => {
  for (const family of ["llama", "mistral", "qwen2", "qwen3"] as const) {
    for (const tieWordEmbeddings of [true, false]) {
      assertEquals(planOf({ family, tieWordEmbeddings, attentionBias: family === "qwen3" }).unusedTensors, []);
    }
  }
});

test("planModel() lists unneeded tensors without an error", () => {
  const name = "model.layers.0.self_attn.rotary_emb.inv_freq";
  assertEquals(planOf({}, { [name]: { dtype: "F64", shape: [8] } }).unusedTensors, [name]);
});

test("planModel() uses one matrix for embedding and head when they are tied, whichever is stored", () => {
  const matrices = (plan: ModelPlan) => plan.memory.sections.flat().filter((weight) => isMatrix(weight));
  const untied = planOf({ layers: 1, tieWordEmbeddings: false });
  assertEquals(matrices(untied).map(({ isMultiplied }) => isMultiplied), [false, true, true, true, true, true]);
  for (const tiedAs of ["embedding", "head"] as const) {
    const [embedding, ...others] = matrices(planOf({ layers: 1, tieWordEmbeddings: true, tiedAs }));
    assertEquals(names(embedding), [tiedAs === "head" ? "lm_head.weight" : "model.embed_tokens.weight"]);
    assertEquals([embedding?.isMultiplied, others.length], [true, 4]);
  }
  const both = planOf({ tieWordEmbeddings: true }, { "lm_head.weight": { shape: [320, 64] } });
  assertEquals(names(matrices(both)[0]), ["model.embed_tokens.weight"]);
  assertEquals(both.unusedTensors, ["lm_head.weight"]);
});

test("planModel() counts the bytes of every tensor once", () => {
  for (const tieWordEmbeddings of [true, false]) {
    withTemporaryFolder((folder) => {
      writeRandomModel(folder, { tieWordEmbeddings });
      const file = join(folder, "model.safetensors");
      const data = readFileSync(file).length - 8 - Number(readFileSync(file).readBigUInt64LE());
      assertEquals(planModel(readModelConfig(folder), openCheckpoint(folder)).weightBytes, data);
    });
  }
});

test("planModel() names the tensor when it is missing", () => {
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

test("planModel() names tensor and shapes when a shape is wrong", () => {
  const wrong = (name: string, shape: number[], ...parts: string[]) =>
    assertUpbeatError(() => planOf({}, { [name]: { shape } }), "WEIGHTS_WRONG_SHAPE", name, ...parts);
  wrong("model.layers.1.mlp.down_proj.weight", [96, 64], "[96, 64]", "[64, 96]");
  wrong("model.layers.0.self_attn.k_proj.weight", [64, 64], "[64, 64]", "[32, 64]");
  wrong("model.norm.weight", [64, 1], "[64, 1]", "[64]");
  wrong("model.norm.weight", [], "[]", "[64]");
  wrong("model.embed_tokens.weight", [321, 64], "[321, 64]", "[320, 64]");
});

test("planModel() names tensor and dtype when it cannot be loaded", () => {
  const unsupported = (name: string, dtype: string) =>
    assertUpbeatError(() => planOf({}, { [name]: { dtype } }), "WEIGHTS_UNSUPPORTED_DTYPE", name, dtype);
  unsupported("model.layers.0.mlp.down_proj.weight", "F8_E4M3");
  unsupported("model.norm.weight", "I8");
  unsupported("lm_head.weight", "Z99");
});

test("planModel() allows norms of another dtype than the matrices", () => {
  const plan = planOf({ dtype: "BF16", normDtype: "F32" });
  const dtypes = ["model.norm.weight", "model.embed_tokens.weight"].map((name) =>
    weightOf(plan, name)?.parts[0]?.dtype
  );
  assertEquals(dtypes, ["F32", "BF16"]);
});

test("planModel() names the file when a tensor in it has an unknown dtype", () => {
  withTemporaryFolder((folder) => {
    writeRandomModel(folder, { dtype: "BF16" });
    const file = join(folder, "model.safetensors");
    const bytes = readFileSync(file);
    const at = bytes.indexOf('"dtype":"BF16"');
    bytes.write('"dtype":"XY16"', at);
    writeFileSync(file, bytes);
    const run = () => planModel(readModelConfig(folder), openCheckpoint(folder));
    assertUpbeatError(run, "WEIGHTS_UNSUPPORTED_DTYPE", "XY16", file);
  });
});

const shared = sharedModels();
const name = "planModel() finds all weights of the shared models and leaves none unused";
if (shared === null) test.skip(`${name} (the shared models are not available)`, () => {});
else {
  test(name, () => {
    const families = ["llama3-rope", "mistral", "mistral-sliding-window", "qwen2", "qwen3"];
    const trained = ["stories260K", "tinystories-656k", "tinystories-27m-sharded"];
    for (const folder of [...trained, ...families.map((family) => join("families", family))]) {
      const path = join(shared, folder);
      assertEquals(planModel(readModelConfig(path), openCheckpoint(path)).unusedTensors, [], folder);
    }
  });
}
