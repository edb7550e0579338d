/**
 * Facts about an engine: its model, its device, and the options in effect.
 *
 * @module
 */
import type { DeviceInfo, DeviceUsage } from "../../ffi/interface.ts";
import type { ModelConfig } from "../models/config/model_config.ts";
import type { CacheDtype } from "../models/memory.ts";
import { ENGINE_OPTIONS } from "./engine_options.ts";
import type { EngineOptionValues, ResolvedEngineOptions } from "./resolved_options.ts";

/** Every option of an engine that is a plain value, as it is in effect for its model and device. */
export interface OptionsInEffect extends EngineOptionValues {
  readonly maxContext: number;
  readonly kvBlocks: number;
  readonly kvDtype: NonNullable<EngineOptionValues["kvDtype"]>;
  readonly overlap: boolean;
}

/** Options that are also fields of {@linkcode EngineInfo} itself. */
const INFO_FIELDS = [
  ...["maxContext", "maxBatchTokens", "maxBatchRequests", "kvBlocks", "blockSize", "activations"] as const,
  ...["overlap", "lateLaunch", "earlyFirstToken", "streamInterval"] as const,
] as const;

/** Those whose value depends on the model and the device. */
const DEPENDENT_FIELDS = [
  ...["maxContext", "maxBatchRequests", "kvBlocks", "kvDtype"] as const,
  ...["overlap", "lateLaunch", "earlyFirstToken"] as const,
] as const;

/** The model, the device and the options of an engine. */
export interface EngineInfo extends Pick<OptionsInEffect, typeof INFO_FIELDS[number]> {
  readonly modelFolder: string;
  /** Its shape, and the sampling that its authors suggest. */
  readonly model: Omit<ModelConfig, "folder">;
  readonly weightBytes: number;
  readonly device: DeviceInfo;
  readonly deviceUsage: DeviceUsage;
  readonly libraryPath: string;
  /** With `device: "auto"`, why it is not a GPU; null where it is one, or where device or library were named. */
  readonly deviceFallback: string | null;
  /** Whether kernels of captured steps begin before the previous kernel has ended (`docs/cuda.md`). */
  readonly dependentLaunches: boolean;
  /** As `options.kvDtype`, under the dtype's name. */
  readonly kvDtype: CacheDtype;
  readonly options: OptionsInEffect;
}

/**
 * The fields of {@linkcode EngineInfo} that are options.
 *
 * @param options The engine's options.
 * @param values Those whose value depends on model and device.
 * @returns The fields.
 */
export function describeOptions(
  options: ResolvedEngineOptions,
  values: Pick<EngineInfo, typeof DEPENDENT_FIELDS[number]>,
): Pick<EngineInfo, typeof INFO_FIELDS[number] | "kvDtype" | "options"> {
  const kvDtype: OptionsInEffect["kvDtype"] = values.kvDtype === "BF16" ? "bf16" : "f32";
  const inEffect: OptionsInEffect = {
    ...pick(options, Object.keys(ENGINE_OPTIONS) as (keyof EngineOptionValues)[]),
    ...pick(values, DEPENDENT_FIELDS),
    kvDtype,
  };
  return { ...pick(inEffect, INFO_FIELDS), kvDtype: values.kvDtype, options: inEffect };
}

function pick<Source, Name extends keyof Source>(source: Source, names: readonly Name[]): Pick<Source, Name> {
  return Object.fromEntries(names.map((name) => [name, source[name]])) as Pick<Source, Name>;
}
