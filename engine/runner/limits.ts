/**
 * Sizes of steps, sequences and the KV cache, derived from the options, the model and the device.
 *
 * @module
 */
import type { DeviceInfo } from "../../ffi/interface.ts";
import { UpbeatError } from "../../errors.ts";
import { invalid } from "../config/checks.ts";
import type { ResolvedEngineOptions } from "../config/resolved_options.ts";
import type { ModelConfig } from "../models/config/model_config.ts";
import { activationBytes, kvBytesPerToken, loadedWeightBytes } from "../models/memory.ts";
import type { ModelPlan } from "../models/model_plan.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { RunnerLimits } from "./model_runner.ts";

/** Upper bound of the default for `maxContext`: the KV cache must hold one such sequence. */
const DEFAULT_MAX_CONTEXT = 8192;

/** The shortest sequence: a prompt of one token, and a generated one. */
const MIN_CONTEXT = 2;

/** Tokens in the KV pool for each request that may run, by default. */
const DEFAULT_TOKENS_PER_REQUEST = 1024;

/** Share of the memory left by weights and activations that the KV pool takes at most, by default. */
const DEFAULT_KV_SHARE = 0.5;

/**
 * Choose the sizes and check them against the free memory.
 *
 * @param options The engine's options.
 * @param config The model's configuration.
 * @param plan The model.
 * @param device The device.
 * @param now The engine's clock.
 * @returns Sizes of steps, sequences and the KV cache.
 * @throws {UpbeatError} `INVALID_PARAMETER`; `DEVICE_OUT_OF_MEMORY` with needed and free bytes, before any memory is
 * taken.
 */
export function resolveLimits(
  options: ResolvedEngineOptions,
  config: ModelConfig,
  plan: ModelPlan,
  device: DeviceInfo,
  now: Clock,
): RunnerLimits {
  const { blockSize, activations, maxBatchTokens, stallTimeout } = options;
  const kvDtype = (options.kvDtype ?? (device.library === "cuda" ? "bf16" : "f32")) === "bf16" ? "BF16" : "F32";
  // A step has at least one token of each request.
  const maxBatchRequests = Math.min(options.maxBatchRequests, maxBatchTokens);
  const wantedContext = options.maxContext ?? Math.min(config.maxPositions, DEFAULT_MAX_CONTEXT);
  if (wantedContext > config.maxPositions) {
    throw invalid("maxContext", `must be at most ${config.maxPositions}, the model's own length`, wantedContext);
  }

  const weights = loadedWeightBytes(plan.memory);
  const stepBytes = activationBytes(plan.memory, { maxBatchTokens, maxBatchRequests });
  const blockBytes = kvBytesPerToken(plan.memory, kvDtype) * blockSize;
  const available = device.memoryFree - weights - stepBytes;
  const kvBlocks = options.kvBlocks ?? Math.max(
    Math.ceil(wantedContext / blockSize),
    Math.min(
      Math.ceil((maxBatchRequests * Math.min(wantedContext, DEFAULT_TOKENS_PER_REQUEST)) / blockSize),
      Math.floor((available * DEFAULT_KV_SHARE) / blockBytes),
    ),
  );
  if (kvBlocks * blockBytes > available) {
    throw new UpbeatError(
      "DEVICE_OUT_OF_MEMORY",
      `${config.folder} needs ${gibibytes(weights)} for weights, ${gibibytes(stepBytes)} for activations and ` +
        `${gibibytes(kvBlocks * blockBytes)} for the KV cache of ${kvBlocks * blockSize} tokens; ${device.name} has ` +
        `${
          gibibytes(device.memoryFree)
        } free: lower maxContext or kvBlocks, set kvDtype to "bf16", or use a smaller model`,
      { weights, activations: stepBytes, kvCache: kvBlocks * blockBytes, free: device.memoryFree },
    );
  }
  if (kvBlocks * blockSize < MIN_CONTEXT) {
    throw invalid("kvBlocks", `must hold ${MIN_CONTEXT} tokens or more, with a blockSize of ${blockSize}`, kvBlocks);
  }
  // A pool smaller than the context is legal: it bounds the longest sequence.
  const maxContext = Math.min(wantedContext, kvBlocks * blockSize);
  const deviceClock = options.trackSteps ? now : null;
  const graphSizes = graphSizesOf(device);
  return {
    maxBatchTokens,
    maxBatchRequests,
    maxContext,
    blockSize,
    kvBlocks,
    kvDtype,
    activations,
    stallTimeout,
    deviceClock,
    graphSizes,
  };
}

/**
 * Batch sizes that decode steps are captured for. On a GPU a few rows more take the same time, and capturing is slow;
 * on a CPU each row takes time, and capturing takes microseconds.
 */
function graphSizesOf({ library }: DeviceInfo): readonly number[] {
  if (library === "cpu") return [];
  const small = [1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256];
  return [...small, ...Array.from({ length: 60 }, (_, i) => 256 + 64 * (i + 1))];
}

function gibibytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
