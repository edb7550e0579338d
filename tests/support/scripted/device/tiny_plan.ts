/**
 * The smallest model that the engine runs, without files: a scripted device does not read them.
 *
 * @module
 */
import type { ModelConfig } from "../../../../engine/models/config.ts";
import type { LayerPlan, MatrixPlan, VectorPlan, WeightPlan } from "../../../../engine/models/weight_plan.ts";
import { VOCABULARY_SIZE } from "./toy_model.ts";

const HIDDEN_SIZE = 4;
const HEADS = 2;
const HEAD_DIM = 2;
const FFN_SIZE = 4;

/**
 * The model's configuration.
 *
 * @param layers Its layers.
 * @param maxPositions The longest sequence.
 * @param vocabularySize Tokens there are.
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
 * Where its weights would be.
 *
 * @param config From {@linkcode tinyConfig}.
 */
export function tinyPlan(config: ModelConfig): WeightPlan {
  const layer: LayerPlan = {
    inputNorm: vector(HIDDEN_SIZE),
    qkv: matrix((HEADS + 2) * HEAD_DIM, HIDDEN_SIZE),
    qkvBias: null,
    queryNorm: null,
    keyNorm: null,
    output: matrix(HIDDEN_SIZE, HEADS * HEAD_DIM),
    outputBias: null,
    postAttentionNorm: vector(HIDDEN_SIZE),
    gateUp: matrix(2 * FFN_SIZE, HIDDEN_SIZE),
    gateUpBias: null,
    down: matrix(HIDDEN_SIZE, FFN_SIZE),
    downBias: null,
  };
  const embedding = matrix(config.vocabularySize, HIDDEN_SIZE);
  return {
    embedding,
    layers: new Array<LayerPlan>(config.layers).fill(layer),
    finalNorm: vector(HIDDEN_SIZE),
    languageModelHead: embedding,
    weightBytes: 0,
    unusedTensors: [],
  };
}

function matrix(rows: number, columns: number): MatrixPlan {
  const byteLength = rows * columns * 4;
  const part = { name: "matrix", file: "scripted", offset: 0, byteLength, dtype: "F32", rows, columns } as const;
  return { dtype: "F32", rows, columns, parts: [part] };
}

function vector(length: number): VectorPlan {
  const part = {
    name: "vector",
    file: "scripted",
    offset: 0,
    byteLength: length * 4,
    dtype: "F32",
    rows: length,
    columns: 1,
  } as const;
  return { length, parts: [part] };
}
