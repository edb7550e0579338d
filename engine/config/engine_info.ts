/**
 * What an engine runs: the model, the device and the sizes in effect.
 *
 * @module
 */
import type { DeviceInfo, DeviceUsage } from "../../ffi/interface.ts";
import type { ModelConfig } from "../models/config.ts";
import type { ActivationType } from "../models/weight_loader.ts";
import type { CacheDtype } from "../models/memory.ts";

/** What an engine runs, for people and for checks. */
export interface EngineInfo {
  readonly modelFolder: string;
  /** Its shape, and the sampling that its authors suggest. */
  readonly model: Omit<ModelConfig, "folder">;
  readonly weightBytes: number;
  readonly device: DeviceInfo;
  readonly deviceUsage: DeviceUsage;
  readonly libraryPath: string;
  /** With `device: "auto"`, why it is not a GPU; null where it is, or where it was said what to use. */
  readonly deviceFallback: string | null;
  /** Whether kernels of captured steps begin before the kernel before them has ended (`docs/cuda.md`). */
  readonly dependentLaunches: boolean;
  readonly maxContext: number;
  readonly maxBatchTokens: number;
  readonly maxBatchRequests: number;
  readonly kvBlocks: number;
  readonly blockSize: number;
  readonly kvDtype: CacheDtype;
  readonly activations: ActivationType;
  readonly overlap: boolean;
  readonly lateLaunch: boolean;
  readonly earlyFirstToken: boolean;
  readonly streamInterval: number;
}
