/** The npm packages: what is in each, and its manifest. */

/** The name of the package that people install. */
export const PACKAGE = "upbeat-llm";

/** A platform that a library is built for. */
export interface Platform {
  /** As in `linux-x64`: `process.platform` and `process.arch`. */
  readonly name: string;
  readonly os: string;
  readonly cpu: string;
  /** The C library, where there are several. */
  readonly libc?: string;
  /** The library's file. */
  readonly library: string;
}

/** Every platform that has a package of its own, once a library is built for it. */
export const PLATFORMS: readonly Platform[] = [
  { name: "linux-x64", os: "linux", cpu: "x64", libc: "glibc", library: "libupbeat_cpu.so" },
  { name: "linux-arm64", os: "linux", cpu: "arm64", libc: "glibc", library: "libupbeat_cpu.so" },
  { name: "darwin-x64", os: "darwin", cpu: "x64", library: "libupbeat_cpu.dylib" },
  { name: "darwin-arm64", os: "darwin", cpu: "arm64", library: "libupbeat_cpu.dylib" },
  { name: "win32-x64", os: "win32", cpu: "x64", library: "upbeat_cpu.dll" },
];

/** The parts of `package.json` that the packages take over. */
export interface Manifest {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/**
 * The manifest of the main package.
 *
 * @param manifest The project's.
 * @param platforms The platforms that have packages.
 */
export function mainManifest(manifest: Manifest, platforms: readonly Platform[]): Record<string, unknown> {
  const { version, description, license, dependencies } = manifest;
  return {
    name: PACKAGE,
    version,
    description,
    license,
    type: "module",
    exports: { ".": { types: "./mod.d.ts", default: "./mod.js" }, "./package.json": "./package.json" },
    bin: { upbeat: "./cli/main.js" },
    imports: { "#ffi": { deno: "./ffi/deno.js", bun: "./ffi/bun.js", node: "./ffi/node.js" } },
    sideEffects: ["./engine/threads/start_thread.js"],
    dependencies,
    optionalDependencies: Object.fromEntries(platforms.map(({ name }) => [`${PACKAGE}-${name}`, version])),
  };
}

/**
 * The manifest of a platform's package.
 *
 * @param manifest The project's.
 * @param platform The platform.
 */
export function platformManifest(manifest: Manifest, platform: Platform): Record<string, unknown> {
  const { version, license } = manifest;
  const { name, os, cpu, libc, library } = platform;
  return {
    name: `${PACKAGE}-${name}`,
    version,
    description: `Upbeat's CPU library for ${name}`,
    license,
    os: [os],
    cpu: [cpu],
    ...(libc === undefined ? {} : { libc: [libc] }),
    files: [library],
  };
}
