/**
 * Find, check and open a device library.
 *
 * @module
 */

import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { foreign } from "#ffi";
import { UpbeatError } from "../errors.ts";
import { environmentVariable } from "./environment.ts";
import { ABI_VERSION, type SymbolName, SYMBOLS } from "./abi.ts";
import type { DeviceLibrary, OpenLibrary } from "./interface.ts";
import { realFile, VIRTUAL_ROOT } from "./virtual_file.ts";

/** The kinds of libraries. */
export type LibraryKind = "cpu" | "cuda";

/** The library to find, and where. */
export interface FindLibraryOptions {
  /** The kind of library. */
  readonly device: LibraryKind;
  /** A file, or the folder that has it; no other place is searched then. */
  readonly path?: string | undefined;
}

/** The commands that build libraries. */
const BUILD_COMMANDS: Readonly<Record<LibraryKind, string>> = { cpu: "bun run build", cuda: "bun run build --cuda" };

/** The command that builds a library, judging by its file name. */
function buildCommand(path: string): string {
  return BUILD_COMMANDS[basename(path) === libraryFileName("cuda") ? "cuda" : "cpu"];
}

/**
 * The file name of a library on this operating system.
 *
 * @param device The kind of library.
 * @returns As in `libupbeat_cpu.so`.
 */
export function libraryFileName(device: LibraryKind): string {
  if (process.platform === "win32") return `upbeat_${device}.dll`;
  return `libupbeat_${device}.${process.platform === "darwin" ? "dylib" : "so"}`;
}

/**
 * Find a library's file: at `path`, else at the environment variable `UPBEAT_LIBRARY` (a file or a folder), else in the
 * first of these places that has it: `lib/` and `build/` next to the `ffi/` folder of this module; the npm package of this
 * platform; the folder of a bundle or a compiled program, and `lib/` in it; the files in a compiled program. There is no
 * fallback from a path or variable that is set.
 *
 * @param options The library, and where.
 * @returns The absolute path of an existing file.
 * @throws {UpbeatError} `LIBRARY_NOT_FOUND`, naming all places searched; `LIBRARY_INVALID` for a pipe or a device.
 *
 * @example
 * ```ts
 * const path = findLibrary({ device: "cpu" }); // "/home/ada/upbeat/build/libupbeat_cpu.so"
 * ```
 */
export function findLibrary(options: FindLibraryOptions): string {
  const name = libraryFileName(options.device);
  const given = options.path ?? fromEnvironment();
  const places = given === undefined
    ? [...defaultFolders().map((folder) => join(folder, name)), ...fromPackage(options.device, name)]
    : [fileAt(given, name)];
  for (const place of places) if (existsSync(place)) return requireFile(place);
  const command = BUILD_COMMANDS[options.device];
  const source = given === undefined ? "" : options.path === undefined ? " (from UPBEAT_LIBRARY)" : " (as given)";
  throw new UpbeatError(
    "LIBRARY_NOT_FOUND",
    `Upbeat's ${options.device} library was not found at ${places.join(" or ")}${source}: ` +
      `build it with \`${command}\`, or set UPBEAT_LIBRARY to its path.`,
    { device: options.device, places: places.join("\n"), command },
  );
}

/**
 * Check that a path leads to a regular file: opening a pipe would wait for its writer.
 *
 * @param path The path of something that exists.
 * @returns The path.
 * @throws {UpbeatError} `LIBRARY_INVALID`.
 */
export function requireFile(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() ?? true) return path;
  throw new UpbeatError("LIBRARY_INVALID", `The library ${path} is not a regular file.`, { path });
}

/**
 * The library file named by a path or by `UPBEAT_LIBRARY`, of whichever kind.
 *
 * @param path A file or a folder.
 * @returns The absolute path of the file, which need not exist; null for a folder, or where neither is set.
 */
export function namedLibrary(path: string | undefined): string | null {
  const given = path ?? fromEnvironment();
  if (given === undefined) return null;
  const absolute = resolve(given);
  return existsSync(absolute) && statSync(absolute).isDirectory() ? null : absolute;
}

/** The library in the npm package of this platform, where that is installed. */
function fromPackage(device: LibraryKind, name: string): string[] {
  const platform = `${process.platform}-${process.arch}`;
  const packageName = device === "cuda" ? `upbeat-llm-cuda-${platform}` : `upbeat-llm-${platform}`;
  try {
    return [createRequire(import.meta.url).resolve(`${packageName}/${name}`)];
  } catch {
    return [];
  }
}

function fromEnvironment(): string | undefined {
  return environmentVariable("UPBEAT_LIBRARY");
}

function fileAt(path: string, name: string): string {
  const absolute = resolve(path);
  return existsSync(absolute) && statSync(absolute).isDirectory() ? join(absolute, name) : absolute;
}

function defaultFolders(): string[] {
  const folders: string[] = [];
  const module = new URL(import.meta.url);
  if (module.protocol === "file:") {
    const root = dirname(dirname(fileURLToPath(module)));
    folders.push(join(root, "lib"), join(root, "build"));
    // A bundle is a single file in place of all modules.
    if (basename(dirname(fileURLToPath(module))) !== "ffi") {
      folders.push(...folderAndLib(dirname(fileURLToPath(module))));
    }
  }
  // In a compiled program the module's folder is virtual.
  if (!/^(bun|deno|node)/.test(basename(process.execPath))) {
    folders.push(...folderAndLib(dirname(process.execPath)), `${VIRTUAL_ROOT}/build`);
    folders.push(`${VIRTUAL_ROOT}/build/${process.platform}-${process.arch}`);
  }
  return folders;
}

function folderAndLib(folder: string): string[] {
  return [folder, join(folder, "lib")];
}

const opened = new Map<string, DeviceLibrary>();

/**
 * Open a library and check its ABI version. It is opened once and stays loaded for the life of the thread: unloading it
 * while one of its functions is still referenced would crash the process.
 *
 * @param path The file.
 * @param expectedVersion The required ABI version.
 * @returns The library.
 * @throws {UpbeatError} `LIBRARY_INVALID` when the file is not a library for this machine or lacks a function;
 * `LIBRARY_VERSION_MISMATCH` when it was built for another version of Upbeat; `RUNTIME_UNSUPPORTED`.
 */
export function openDeviceLibrary(path: string, expectedVersion: number = ABI_VERSION): DeviceLibrary {
  // Checked first and alone: a library of another version may lack functions, and the version is the clearer error.
  const probe = open(path, ["upbeat_abi_version"]);
  const version = probe.symbols.upbeat_abi_version();
  probe.close();
  if (version !== expectedVersion) {
    throw new UpbeatError(
      "LIBRARY_VERSION_MISMATCH",
      `The library ${path} has ABI version ${version}, this Upbeat needs ${expectedVersion}: ` +
        `rebuild it with \`${buildCommand(path)}\`.`,
      { path, version, expectedVersion, command: buildCommand(path) },
    );
  }
  const known = opened.get(path);
  if (known !== undefined) return known;
  const { symbols } = open(path, Object.keys(SYMBOLS) as SymbolName[]);
  const library = { path, symbols, pointerFrom: foreign.pointerFrom, viewMemory: foreign.viewMemory };
  opened.set(path, library);
  return library;
}

function open<Name extends SymbolName>(path: string, names: readonly Name[]): OpenLibrary<Name> {
  try {
    return foreign.openLibrary(realFile(path), names);
  } catch (error) {
    if (error instanceof UpbeatError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const denied = error instanceof Error && isDenied(error);
    const command = buildCommand(path);
    const remedy = denied
      ? `allow it with --allow-ffi${foreign.runtime === "deno" ? " (or -A)" : ""}`
      : `rebuild it with \`${command}\``;
    throw new UpbeatError(
      "LIBRARY_INVALID",
      `The library ${path} cannot be opened (${reason}): ${remedy}.`,
      { path, reason, command: denied ? "--allow-ffi" : command },
      { cause: error },
    );
  }
}

/** Whether a permission is missing: Deno's names of errors, and Node's code. */
function isDenied(error: Error): boolean {
  return error.name === "NotCapable" || error.name === "PermissionDenied" ||
    (error as NodeJS.ErrnoException).code === "ERR_ACCESS_DENIED";
}
