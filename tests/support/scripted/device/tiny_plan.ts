/**
 * The smallest model that the engine runs; it has no files, as a scripted device does not read them.
 *
 * @module
 */
import type { ModelConfig } from "../../../../engine/models/config/model_config.ts";
import { type ModelPlan, planDummyModel } from "../../../../engine/models/model_plan.ts";
import { VOCABULARY_SIZE } from "./toy_model.ts";

const HIDDEN_SIZE = 4;
const HEADS = 2;
const HEAD_DIM = 2;
const FFN_SIZE = 4;

/**
 * The model's configuration.
 *
 * @param layers Number of layers.
 * @param maxPositions Maximum sequence length, in tokens.
 * @param vocabularySize Number of tokens.
 */
export function tinyConfig(layers = 1, maxPositions = 4096, vocabularySize = VOCABULARY_SIZE): ModelConfig {
  return {
    family: "llama",
    hiddenSize: HIDDEN_SIZE,
    layers,
    heads: HEADS,
    kvHeads: 1,
    headDim: HEAD_DIM,
    ffnSize: FFN_SIZE,
    vocabularySize,
    rmsNormEpsilon: 1e-6,
    maxPositions,
    tieWordEmbeddings: true,
    qkvBias: false,
    outputBias: false,
    mlpBias: false,
    qkNorm: false,
    slidingWindows: new Array<null>(layers).fill(null),
    rope: { theta: 10_000, scaling: { type: "none" } },
    dtype: "float32",
    bosTokenId: null,
    eosTokenIds: [],
    folder: "scripted model",
    sampling: { doSample: null, temperature: null, topK: null, topP: null, minP: null, repetitionPenalty: null },
  };
}

/**
 * The model's plan, with dummy weights.
 *
 * @param config From {@linkcode tinyConfig}.
 */
export function tinyPlan(config: ModelConfig): ModelPlan {
  return planDummyModel(config, "F32");
}
