/**
 * The plan of a model: its forward pass and all that it keeps on a device, made from headers alone. Every tensor that
 * the model needs is found, and its shape and dtype checked, before any memory is taken; unneeded tensors are listed
 * and ignored.
 *
 * @module
 */
import type { Checkpoint } from "../weights/tensor_info.ts";
import type { WeightDtype } from "../weights/dtypes.ts";
import type { ModelConfig } from "./config/model_config.ts";
import { FAMILIES } from "./families/registry.ts";
import type { Network } from "./layers/decoder.ts";
import type { MemoryPlan } from "./memory_plan.ts";
import { ModelBuilder } from "./model_builder.ts";
import { CheckpointTensors, DummyTensors, type TensorSource } from "./tensor_source.ts";

/** A model that is not loaded. */
export interface ModelPlan {
  /** Its forward pass. */
  readonly network: Network;
  /** What it keeps on a device. */
  readonly memory: MemoryPlan;
  /** Bytes of its tensors as they are stored, each counted once. */
  readonly weightBytes: number;
  /** Names of tensors in the checkpoint that it does not need, such as stored rotary frequencies. */
  readonly unusedTensors: readonly string[];
}

/**
 * Compose a model from the tensors of a checkpoint.
 *
 * @param config The model's configuration.
 * @param checkpoint The model's tensors.
 * @returns The plan.
 * @throws {UpbeatError} `WEIGHTS_MISSING_TENSOR`, `WEIGHTS_WRONG_SHAPE` or `WEIGHTS_UNSUPPORTED_DTYPE`, naming the
 * tensor and its file or folder.
 * @example
 * ```ts
 * const plan = planModel(readModelConfig(folder), openCheckpoint(folder));
 * console.log(plan.weightBytes, plan.unusedTensors);
 * ```
 */
export function planModel(config: ModelConfig, checkpoint: Checkpoint): ModelPlan {
  return compose(config, new CheckpointTensors(checkpoint));
}

/**
 * Compose a model with random weights, for measuring its shape without its files.
 *
 * @param config The model's configuration.
 * @param dtype Element type of all weights.
 * @returns A plan whose weights are in no file.
 * @example
 * ```ts
 * const plan = planDummyModel(readModelConfig(folder), "BF16");
 * console.log(plan.weightBytes);
 * ```
 */
export function planDummyModel(config: ModelConfig, dtype: WeightDtype): ModelPlan {
  return compose(config, new DummyTensors(dtype));
}

function compose(config: ModelConfig, tensors: TensorSource): ModelPlan {
  const builder = new ModelBuilder(tensors);
  const network = FAMILIES[config.family].compose(builder, config);
  return { network, memory: builder.memory, ...tensors.account() };
}
