/**
 * Loading a model: every weight, activation, cache and table of its plan gets its place on a device.
 *
 * @module
 */
import { DTYPE } from "../../ffi/abi.ts";
import type { Device, HostMemory } from "../../ffi/interface.ts";
import type { Pointer, StreamHandle } from "../../ffi/types.ts";
import type { CacheDtype } from "./memory.ts";
import type { Activation, JoinIndices, Place } from "./memory_plan.ts";
import type { ModelPlan } from "./model_plan.ts";
import { Ops, type StepPointers } from "./ops.ts";
import { type ActivationType, WeightLoader, type WeightProgress } from "./weight_loader.ts";

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
   * Enqueue one forward pass over the step that lies in the inputs. Nothing is allocated.
   *
   * @param tokens Token rows of the step.
   * @param requests Requests that they belong to.
   * @param logitRows Rows whose logits are wanted.
   * @throws {UpbeatError} `DEVICE_INVALID_ARGUMENT` or `DEVICE_FAULT`.
   */
  forward(tokens: number, requests: number, logitRows: number): void;
}

/**
 * Load a model.
 *
 * @param device The device; it owns all memory.
 * @param stream The stream that reads the files, and that forward passes are enqueued on.
 * @param plan The model.
 * @param limits The largest step and the KV cache.
 * @param inputs Where each step's inputs will be.
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
  const loader = new WeightLoader(device, stream, limits.activations, weightSeed);
  loader.load(plan.memory, plan.weightBytes, onProgress);
  const { weights, addresses } = loader;
  placeActivations(device, plan, limits, addresses);
  placeCaches(device, plan, limits, addresses);
  placeTables(device, stream, plan, limits, addresses);
  const ops = new Ops(device, stream, {
    weights,
    addresses,
    maxTokens: limits.maxBatchTokens,
    cacheDtype: DTYPE[limits.kvDtype],
    blockSize: limits.blockSize,
  }, inputs);
  const { network } = plan;
  return {
    logits: addresses[network.logits.index]!,
    forward(tokens, requests, logitRows) {
      ops.begin(tokens, requests, logitRows);
      network.forward(ops);
    },
  };
}

function placeActivations(device: Device, { memory }: ModelPlan, limits: ModelLimits, addresses: Pointer[]): void {
  const { maxBatchTokens, maxBatchRequests } = limits;
  const allocated = new Map<Activation, ReturnType<Device["allocate"]>>();
  for (const activation of memory.activations) {
    const rows = activation.rows === "tokens" ? maxBatchTokens : maxBatchRequests;
    const allocation = device.allocate(rows * activation.columns * 4);
    allocated.set(activation, allocation);
    addresses[activation.index] = allocation.pointer;
  }
  for (const { index, within, firstColumn } of memory.regions) {
    addresses[index] = allocated.get(within)!.at(firstColumn * maxBatchTokens * 4);
  }
}

function placeCaches(device: Device, { memory }: ModelPlan, limits: ModelLimits, addresses: Pointer[]): void {
  const { kvDtype, kvBlocks, blockSize } = limits;
  for (const { keys, values, kvHeads, headDim } of memory.caches) {
    const bytes = device.kvCacheBytes(DTYPE[kvDtype], kvBlocks, blockSize, kvHeads, headDim);
    for (const { index } of [keys, values]) addresses[index] = device.allocate(bytes).pointer;
  }
}

/** Constants: written in pinned memory, which is freed once the device has read it. */
function placeTables(
  device: Device,
  stream: StreamHandle,
  { memory }: ModelPlan,
  { maxContext, maxBatchTokens }: ModelLimits,
  addresses: Pointer[],
): void {
  const staging: HostMemory[] = [];
  const stage = (elements: Float64Array | Int32Array): Pointer => {
    const host = device.allocateHost(elements.byteLength);
    new Uint8Array(host.view).set(new Uint8Array(elements.buffer));
    staging.push(host);
    return host.pointer;
  };
  const place = ({ index }: Place, bytes: number): Pointer => addresses[index] = device.allocate(bytes).pointer;
  const { symbols } = device;
  for (const table of memory.rotaryTables) {
    const { headDim, inverseFrequencies } = table;
    const target = place(table, maxContext * headDim * 4);
    const source = stage(inverseFrequencies);
    device.check(symbols.upbeat_rotary_table(stream, source, 1, maxContext, headDim, target));
  }
  for (const indices of memory.joinIndices) {
    const elements = joinedUnits(indices, maxBatchTokens);
    const target = place(indices, elements.byteLength);
    device.check(symbols.upbeat_copy_to_device(stream, target, stage(elements), elements.byteLength));
  }
  device.synchronize(stream);
  for (const host of staging) host.free();
}

/** For each unit of each row: its position among the regions, each of which has room for `maxTokens` rows. */
function joinedUnits({ units }: JoinIndices, maxTokens: number): Int32Array {
  const elements: number[] = [];
  for (let row = 0; row < maxTokens; row++) {
    let before = 0;
    for (const count of units) {
      for (let unit = 0; unit < count; unit++) elements.push(before * maxTokens + row * count + unit);
      before += count;
    }
  }
  return Int32Array.from(elements);
}
