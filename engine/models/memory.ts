/**
 * How much memory a model takes, from its headers alone, without the library's padding.
 *
 * @module
 */
import { matrixBytes, weightElementBytes } from "../weights/dtypes.ts";
import { isMatrix, type MemoryPlan } from "./memory_plan.ts";

/** Element type of the KV cache. */
export type CacheDtype = "F32" | "BF16";

/**
 * Bytes of the weights once loaded: matrices in their own dtype, vectors as F32.
 *
 * @param memory What the model keeps on a device.
 * @returns Bytes.
 */
export function loadedWeightBytes({ sections }: MemoryPlan): number {
  return sections.flat().reduce(
    (sum, weight) =>
      sum + (isMatrix(weight) ? matrixBytes(weight.dtype, weight.rows * weight.columns) : weight.length * 4),
    0,
  );
}

/**
 * Bytes of the activations, with the constants that join them.
 *
 * @param memory What the model keeps on a device.
 * @param limits Tokens and requests of the largest step.
 * @returns Bytes.
 */
export function activationBytes(
  { activations, joints }: MemoryPlan,
  limits: { readonly maxBatchTokens: number; readonly maxBatchRequests: number },
): number {
  const { maxBatchTokens, maxBatchRequests } = limits;
  const elements = [
    ...activations.map(({ rows, columns }) => (rows === "tokens" ? maxBatchTokens : maxBatchRequests) * columns),
    ...joints.map(({ units, unit }) => maxBatchTokens * units * (unit + 1)),
  ];
  return elements.reduce((sum, count) => sum + count * 4, 0);
}

/**
 * Bytes of the key and value caches of all layers, for one token.
 *
 * @param memory What the model keeps on a device.
 * @param dtype Element type of the cache.
 * @returns Bytes per token.
 */
export function kvBytesPerToken({ caches }: MemoryPlan, dtype: CacheDtype): number {
  return caches.reduce((sum, { kvHeads, headDim }) => sum + 2 * kvHeads * headDim, 0) * weightElementBytes(dtype);
}
