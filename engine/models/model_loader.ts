/**
 * Loading a model: every weight, activation, cache and table of its plan gets its place on a device.
 *
 * @module
 */
import { DTYPE } from "../../ffi/abi.ts";
import type { Device } from "../../ffi/interface.ts";
import type { Pointer, StreamHandle } from "../../ffi/types.ts";
import { ForwardPass, type StepPointers } from "./forward_pass.ts";
import type { CacheDtype } from "./memory.ts";
import type { Joint, MemoryPlan } from "./memory_plan.ts";
import type { ModelPlan } from "./model_plan.ts";
import { type ActivationType, loadWeights, type WeightProgress } from "./weight_loader.ts";

/** Sizes that a model is loaded for. */
export interface ModelLimits {
  /** Tokens in a step, at most. */
  readonly maxBatchTokens: number;
  /** Requests in a step, at most: rows of logits. */
  readonly maxBatchRequests: number;
  /** Tokens in a sequence, at most. */
  readonly maxContext: number;
  /** KV blocks in the pool. */
  readonly kvBlocks: number;
  /** Tokens per KV block. */
  readonly blockSize: number;
  /** Element type of the KV cache. */
  readonly kvDtype: CacheDtype;
  /** What weight matrices are multiplied with. */
  readonly activations: ActivationType;
}

/** A model on a device. */
export interface Model {
  /** Logits of the last forward pass, F32 `[logit rows, vocabulary]`. */
  readonly logits: Pointer;

  /**
   * Enqueue one forward pass over the step in the input buffers. Nothing is allocated.
   *
   * @param tokens Token rows of the step.
   * @param requests Requests that they belong to.
   * @param logitRows Rows whose logits are computed.
   * @throws {UpbeatError} `DEVICE_INVALID_ARGUMENT` or `DEVICE_FAULT`.
   */
  forward(tokens: number, requests: number, logitRows: number): void;
}

/**
 * Load a model.
 *
 * @param device The device; it owns all memory.
 * @param stream The stream that reads the files, and that forward passes are enqueued on.
 * @param plan The model; a plan is loaded once.
 * @param limits The largest step and the KV cache.
 * @param inputs Addresses of each step's inputs.
 * @param onProgress Called as weights arrive; when it throws, loading ends.
 * @param weightSeed Seed of dummy weights.
 * @returns The model, once all of it has arrived.
 * @throws {UpbeatError} `WEIGHTS_INVALID` when a file cannot be read, `DEVICE_OUT_OF_MEMORY`, `DEVICE_FAULT`;
 *   `DEVICE_UNAVAILABLE` when the device has no kernels for these activations.
 */
export function loadModel(
  device: Device,
  stream: StreamHandle,
  plan: ModelPlan,
  limits: ModelLimits,
  inputs: StepPointers,
  onProgress: WeightProgress,
  weightSeed = 0,
): Model {
  const { network, memory } = plan;
  loadWeights(device, stream, plan, limits.activations, onProgress, weightSeed);
  placeMemory(device, stream, memory, limits);
  const pass = new ForwardPass(device, stream, limits, inputs);
  return {
    logits: network.logits.pointer,
    forward(tokens, requests, logitRows) {
      pass.tokens = pass.rows = tokens;
      pass.requests = requests;
      pass.logitRows = logitRows;
      network.forward(pass);
    },
  };
}

/** Allocate everything but the weights, and fill the constants. */
function placeMemory(
  device: Device,
  stream: StreamHandle,
  { activations, caches, rotaryTables, joints }: MemoryPlan,
  { maxBatchTokens, maxBatchRequests, maxContext, kvDtype, kvBlocks, blockSize }: ModelLimits,
): void {
  const { symbols } = device;
  for (const activation of activations) {
    const maxRows = activation.rows === "tokens" ? maxBatchTokens : maxBatchRequests;
    activation.pointer = device.allocate(maxRows * activation.columns * 4).pointer;
  }
  for (const { keys, values, kvHeads, headDim } of caches) {
    const bytes = device.kvCacheBytes(DTYPE[kvDtype], kvBlocks, blockSize, kvHeads, headDim);
    for (const cache of [keys, values]) cache.pointer = device.allocate(bytes).pointer;
  }
  for (const table of rotaryTables) {
    const { headDim, inverseFrequencies } = table;
    table.pointer = device.allocate(maxContext * headDim * 4).pointer;
    using staging = device.allocateHost(inverseFrequencies.byteLength);
    new Float64Array(staging.view).set(inverseFrequencies);
    device.check(symbols.upbeat_rotary_table(stream, staging.pointer, 1, maxContext, headDim, table.pointer));
    device.synchronize(stream);
  }
  for (const joint of joints) {
    const { unit, units, parts, indices } = joint;
    const memory = device.allocate(maxBatchTokens * units * unit * 4);
    joint.pointer = memory.pointer;
    for (const part of parts) part.pointer = memory.at(maxBatchTokens * part.firstUnit * unit * 4);
    const bytes = maxBatchTokens * units * 4;
    indices.pointer = device.allocate(bytes).pointer;
    using staging = device.allocateHost(bytes);
    writeJoinIndices(new Int32Array(staging.view), joint, maxBatchTokens);
    device.check(symbols.upbeat_copy_to_device(stream, indices.pointer, staging.pointer, bytes));
    device.synchronize(stream);
  }
}

/** A joint holds the rows of one part after the other; a joined row holds the units of one part after the other. */
function writeJoinIndices(indices: Int32Array, { parts, units }: Joint, maxTokens: number): void {
  for (const part of parts) {
    for (let row = 0; row < maxTokens; row++) {
      for (let unit = 0; unit < part.units; unit++) {
        indices[row * units + part.firstUnit + unit] = maxTokens * part.firstUnit + row * part.units + unit;
      }
    }
  }
}
