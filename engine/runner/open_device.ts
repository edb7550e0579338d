/**
 * Selects and opens the device that an engine computes on.
 *
 * @module
 */
import { toUpbeatError, UpbeatError } from "../../errors.ts";
import { openDevice, type SimdName } from "../../ffi/device.ts";
import type { Device } from "../../ffi/interface.ts";
import { findLibrary, type LibraryKind, namedLibrary } from "../../ffi/library.ts";
import { importLibraryModule, isLibraryModule } from "../../ffi/library_module.ts";
import type { ResolvedEngineOptions } from "../config/resolved_options.ts";

/** The options that select a device. */
export type DeviceChoice = Pick<ResolvedEngineOptions, "device" | "library" | "threads" | "simd">;

/** An open device and how it was selected. */
export interface ChosenDevice {
  readonly device: Device;
  /** The file of its library. */
  readonly libraryPath: string;
  /** With `"auto"`, why the CUDA library was not used; null if it was, or if a device or a file was named. */
  readonly fallback: string | null;
}

/**
 * Open the device. `"auto"` selects CUDA if its library is found and can open a GPU, else the CPU. A library file that
 * is named in the options or in `UPBEAT_LIBRARY` is used without fallback.
 *
 * @param choice The engine's options.
 * @returns The open device; the caller closes it.
 * @throws {UpbeatError} `LIBRARY_NOT_FOUND`, `LIBRARY_INVALID`, `LIBRARY_VERSION_MISMATCH`, `DEVICE_UNAVAILABLE`: what
 * is missing and how to fix it. With `"auto"` it is the CPU library's error.
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
