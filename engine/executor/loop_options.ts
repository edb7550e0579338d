/**
 * How the loop runs on a device.
 *
 * @module
 */
import type { DeviceInfo } from "../../ffi/interface.ts";
import type { ResolvedEngineOptions } from "../config/resolved_options.ts";

/** The options of the loop in effect. */
export interface LoopOptions {
  /** Whether a step is launched before the tokens of the last one are read. */
  readonly overlap: boolean;
  /** Whether launches wait for requests that arrive. */
  readonly lateLaunch: boolean;
  /** Whether first tokens are emitted before any other work. */
  readonly earlyFirstToken: boolean;
  /** Tokens per chunk, after the first one. */
  readonly streamInterval: number;
}

/**
 * Resolves the options of the loop whose default depends on the device.
 *
 * The CPU library computes on the cores that the loop and the caller need. A step that was launched ahead holds up the requests
 * that arrive during the one before it, and the end of a step cannot be predicted (`docs/overlap.md` has figures). So steps
 * overlap there only on request, and launches are never delayed.
 *
 * @param options The engine's options.
 * @param device The device.
 * @returns The options in effect.
 */
export function resolveLoopOptions(
  options: ResolvedEngineOptions,
  { library }: Pick<DeviceInfo, "library">,
): LoopOptions {
  const hasOwnProcessor = library !== "cpu";
  const overlap = options.overlap ?? hasOwnProcessor;
  return {
    overlap,
    lateLaunch: overlap && hasOwnProcessor && options.lateLaunch,
    earlyFirstToken: overlap && options.earlyFirstToken,
    streamInterval: options.streamInterval,
  };
}
