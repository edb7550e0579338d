import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { readModelConfig } from "../../../engine/models/config.ts";
import { activationBytes, kvBytesPerToken, loadedWeightBytes } from "../../../engine/models/memory.ts";
import { type ModelPlan, planModel } from "../../../engine/models/model_plan.ts";
import { openCheckpoint } from "../../../engine/weights/checkpoint.ts";
import { type RandomModelOptions, writeRandomModel } from "../../support/models/random_model.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

function planOf(options: RandomModelOptions): ModelPlan {
  return withTemporaryFolder((folder) => {
    writeRandomModel(folder, options);
    return planModel(readModelConfig(folder), openCheckpoint(folder));
  });
}

test("loadedWeightBytes() counts vectors as F32 and a tied matrix once", () => {
  const plan = planOf({ family: "qwen2", tieWordEmbeddings: true, dtype: "BF16" });
  const vectorElements = 2 * (64 + 64 + 128) + 64;
  assertEquals(loadedWeightBytes(plan.memory), plan.weightBytes + 2 * vectorElements);
});

test("kvBytesPerToken() counts keys and values of all layers", () => {
  const { memory } = planOf({ layers: 2, kvHeads: 2, headDim: 16 });
  assertEquals(kvBytesPerToken(memory, "F32"), 2 * 2 * 2 * 16 * 4);
  assertEquals(kvBytesPerToken(memory, "BF16"), 2 * 2 * 2 * 16 * 2);
});

test("activationBytes() counts memory that layers share once", () => {
  const bytes = (layers: number) =>
    activationBytes(planOf({ layers }).memory, { maxBatchTokens: 10, maxBatchRequests: 3 });
  // hidden, normed, qkv, attended, gateUp, gated of tokens; hidden, attended, logits of requests.
  assertEquals(bytes(1), 4 * (10 * (64 + 64 + 128 + 64 + 192 + 96) + 3 * (64 + 64 + 320)));
  assertEquals(bytes(3), bytes(1));
});
