/**
 * The minimum that a model's steps have to compute and read, from which floors of measured times follow.
 *
 * @module
 */
import type { EngineInfo } from "../mod.ts";

type Shape = EngineInfo["model"];

/** Elements of one layer's matrices. */
function layerElements({ hiddenSize, heads, kvHeads, headDim, ffnSize }: Shape): number {
  const qkv = hiddenSize * (heads + 2 * kvHeads) * headDim;
  return qkv + heads * headDim * hiddenSize + 3 * hiddenSize * ffnSize;
}

/**
 * Floating-point operations of a prefill that samples one token, as the engine computes it: after the last layer's
 * attention, only the sampled row is computed.
 *
 * @param model The model's shape.
 * @param tokens Length of the prompt.
 * @returns Multiplications and additions.
 */
export function prefillFlops(model: Shape, tokens: number): number {
  const { layers, hiddenSize, heads, kvHeads, headDim, vocabularySize } = model;
  const qkv = hiddenSize * (heads + 2 * kvHeads) * headDim;
  const matrices = 2 * tokens * ((layers - 1) * layerElements(model) + qkv) +
    2 * (layerElements(model) - qkv + hiddenSize * vocabularySize);
  // Each token attends to itself and all tokens before it: once for the scores, once for the values.
  const attention = layers * 2 * 2 * heads * headDim * ((tokens * (tokens + 1)) / 2);
  return matrices + attention;
}

/**
 * Bytes that a decode step of one request has to read: every matrix once, and its keys and values.
 *
 * @param model The model's shape.
 * @param cache Element type of the KV cache.
 * @param context Tokens in the cache.
 * @returns Bytes, for BF16 weights.
 */
export function decodeBytes(model: Shape, cache: Pick<EngineInfo, "kvDtype">, context: number): number {
  const { layers, kvHeads, headDim, hiddenSize, vocabularySize } = model;
  const weights = 2 * (layers * layerElements(model) + hiddenSize * vocabularySize);
  return weights + 2 * layers * kvHeads * headDim * context * (cache.kvDtype === "BF16" ? 2 : 4);
}
