/**
 * Which device an engine computes on.
 *
 * @module
 */
import { toUpbeatError, UpbeatError } from "../../errors.ts";
import { openDevice, type SimdName } from "../../ffi/device.ts";
import type { Device } from "../../ffi/interface.ts";
import { findLibrary, type LibraryKind, namedLibrary } from "../../ffi/library.ts";
import { importLibraryModule, isLibraryModule } from "../../ffi/library_module.ts";
import type { ResolvedEngineOptions } from "../config/resolved_options.ts";

/** What of an engine's options says which device it is. */
export type DeviceChoice = Pick<ResolvedEngineOptions, "device" | "library" | "threads" | "simd">;

/** An open device, and how it was come by. */
export interface ChosenDevice {
  readonly device: Device;
  /** The file of its library. */
  readonly libraryPath: string;
  /** With `"auto"`, why it is not the CUDA library; null where it is, and where a device or a file was named. */
  readonly fallback: string | null;
}

/**
 * Open the device that an engine is to compute on. `"auto"` is CUDA where its library is found and can open a GPU, else the
 * CPU; a library's file that was named, or that `UPBEAT_LIBRARY` names, is meant and never fallen back from.
 *
 * @param choice The engine's options.
 * @returns The open device; the caller closes it.
 * @throws {UpbeatError} `LIBRARY_NOT_FOUND`, `LIBRARY_INVALID`, `LIBRARY_VERSION_MISMATCH`, `DEVICE_UNAVAILABLE`: what is
 * missing and what to do about it. With `"auto"` it is the CPU library's error, for that one must be there.
 */
export async function chooseDevice(choice: DeviceChoice): Promise<ChosenDevice> {
  const { threads, library: given } = choice;
  const simd = simdName(choice);
  if (given !== null && isLibraryModule(given)) {
    const library = await importLibraryModule(given);
    return { device: openDevice({ library, threads, simd }), libraryPath: given, fallback: null };
  }
  const named = namedLibrary(given ?? undefined);
  if (choice.device === "auto" && named !== null) {
    return { device: openDevice({ libraryPath: named, threads, simd }), libraryPath: named, fallback: null };
  }
  if (choice.device !== "auto") return { ...open(choice, choice.device), fallback: null };
  let fallback: string;
  try {
    return { ...open(choice, "cuda"), fallback: null };
  } catch (error) {
    fallback = toUpbeatError(error).message;
  }
  return { ...open(choice, "cpu"), fallback };
}

function open(choice: DeviceChoice, kind: LibraryKind): Omit<ChosenDevice, "fallback"> {
  const libraryPath = findLibrary({ device: kind, path: choice.library ?? undefined });
  const device = openDevice({ libraryPath, threads: choice.threads, simd: simdName(choice) });
  const { library } = device.info();
  if (library === kind) return { device, libraryPath };
  device.close();
  throw new UpbeatError(
    "LIBRARY_INVALID",
    `The library ${libraryPath} is the ${library} library, and device is ${JSON.stringify(kind)}: ` +
      `name the file of the ${kind} library, or let device be "auto".`,
    { path: libraryPath, library, device: kind },
  );
}

/** The ABI's name of an instruction set. */
function simdName({ simd }: DeviceChoice): SimdName {
  return simd.toUpperCase() as Uppercase<typeof simd>;
}
