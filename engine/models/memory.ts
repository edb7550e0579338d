/**
 * How much memory a model takes, from its headers alone.
 *
 * @module
 */
import { weightElementBytes } from "../weights/dtypes.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import type { MatrixPlan, VectorPlan, WeightPlan } from "./weight_plan.ts";

/** Element type of the KV cache. */
export type CacheDtype = "F32" | "BF16";

/** What a model takes on a device, without activations and the library's padding. */
export interface MemoryEstimate {
  /** Bytes of the weights as they are stored in the files. */
  readonly fileBytes: number;
  /** Bytes of the weights once loaded: matrices in their own dtype, vectors as F32. */
  readonly weightBytes: number;
  /** Bytes of the key and value caches of all layers, per token. */
  readonly kvBytesPerToken: number;
  /** Bytes of weights and caches for one sequence of the model's full length. */
  readonly fullContextBytes: number;
}

/**
 * Bytes of the key and value caches of all layers, for one token.
 *
 * @param config Layers, key/value heads and head size.
 * @param dtype Element type of the cache.
 * @returns Bytes per token.
 */
export function kvBytesPerToken(
  config: Pick<DecoderConfig, "layers" | "kvHeads" | "headDim">,
  dtype: CacheDtype,
): number {
  return 2 * config.layers * config.kvHeads * config.headDim * weightElementBytes(dtype);
}

/**
 * Estimate what a model takes.
 *
 * @param config The model's configuration.
 * @param plan Its weight plan.
 * @param dtype Element type of the KV cache.
 * @returns Bytes of weights and caches.
 */
export function estimateMemory(
  config: Pick<DecoderConfig, "layers" | "kvHeads" | "headDim" | "maxPositions">,
  plan: WeightPlan,
  dtype: CacheDtype = "F32",
): MemoryEstimate {
  const weightBytes = plannedWeights(plan).reduce(
    (sum, weight) => sum + ("columns" in weight ? matrixBytes(weight) : weight.length * 4),
    0,
  );
  const perToken = kvBytesPerToken(config, dtype);
  return {
    fileBytes: plan.weightBytes,
    weightBytes,
    kvBytesPerToken: perToken,
    fullContextBytes: weightBytes + perToken * config.maxPositions,
  };
}

/** Every matrix and vector of a plan, each once. */
function plannedWeights(plan: WeightPlan): (MatrixPlan | VectorPlan)[] {
  const layers = plan.layers.flatMap((layer) => Object.values(layer) as (MatrixPlan | VectorPlan | null)[]);
  const all = [plan.embedding, plan.languageModelHead, plan.finalNorm, ...layers];
  return [...new Set(all.filter((weight) => weight !== null))];
}

function matrixBytes(matrix: MatrixPlan): number {
  return matrix.rows * matrix.columns * weightElementBytes(matrix.dtype);
}
