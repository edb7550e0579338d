/** `bun run pack`: the npm packages, as tarballs in dist/. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { mustRun } from "./support/command.ts";
import { Failure, main } from "./support/failure.ts";
import { ensureInstalled } from "./support/install.ts";
import { ensureBuilt, RELEASE } from "./support/native.ts";
import {
  mainManifest,
  type Manifest,
  PACKAGE,
  type Platform,
  platformManifest,
  PLATFORMS,
} from "./support/packages.ts";
import { BUILD, BUN, ROOT, TSC } from "./support/paths.ts";

const HELP = `Usage: bun run pack [--out FOLDER]

Builds the npm packages into dist/: ${PACKAGE}, with the library's JavaScript, its types,
the upbeat command and the bundled model, and a package with the CPU library for this
platform and for each other one whose library is in build/NAME/.
`;

/** Files of the project that go into the main package as they are. */
const COPIED = ["LICENSE", "README.md", "assets/story-2m"];

/** Modules that npm does not have under these names. */
const OWN_MODULES: Readonly<Record<string, string>> = { "@std/cli/parse-args": "std/cli/parse_args.js" };

await main(async () => {
  const args = process.argv.slice(2);
  if (args.includes("--help")) return void process.stdout.write(HELP);
  const [flag, given, ...others] = args;
  if (others.length > 0 || (flag !== undefined && (flag !== "--out" || given === undefined))) throw new Failure(HELP);
  const out = given ?? join(ROOT, "dist");
  await ensureInstalled();
  await ensureBuilt(RELEASE);
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
  const folder = join(BUILD, "packages");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });

  const platforms = PLATFORMS.filter((platform) => libraryOf(platform) !== null);
  await writeMainPackage(join(folder, PACKAGE), mainManifest(manifest, platforms));
  for (const platform of platforms) {
    const target = join(folder, `${PACKAGE}-${platform.name}`);
    mkdirSync(target, { recursive: true });
    cpSync(libraryOf(platform)!, join(target, platform.library));
    writeManifest(target, platformManifest(manifest, platform));
  }
  for (const name of readdirSync(folder)) {
    await mustRun(`packing ${name}`, BUN, ["pm", "pack", "--destination", out, "--quiet"], { cwd: join(folder, name) });
    process.stdout.write(`${relative(process.cwd(), join(out, `${name}-${manifest.version}.tgz`))}\n`);
  }
});

/** The library of a platform, where it is built. */
function libraryOf({ name, library }: Platform): string | null {
  const isOwn = name === `${process.platform}-${process.arch}`;
  const path = isOwn ? join(BUILD, library) : join(BUILD, name, library);
  return existsSync(path) ? path : null;
}

async function writeMainPackage(target: string, manifest: Record<string, unknown>): Promise<void> {
  const config = join(BUILD, "packages.tsconfig.json");
  const { compilerOptions } = JSON.parse(readFileSync(join(ROOT, "tsconfig.json"), "utf8"));
  writeFileSync(
    config,
    JSON.stringify({
      compilerOptions: {
        ...compilerOptions,
        noEmit: false,
        declaration: true,
        rewriteRelativeImportExtensions: true,
        resolveJsonModule: true,
        rootDir: ROOT,
        outDir: target,
        baseUrl: undefined,
        paths: Object.fromEntries(
          Object.entries(compilerOptions.paths as Record<string, string[]>).map(([name, files]) => [
            name,
            files.map((file) => join(ROOT, file)),
          ]),
        ),
        typeRoots: [join(ROOT, "node_modules"), join(ROOT, "node_modules/@types")],
      },
      // Modules that are imported when they are used are reached from these, except the adapters of other runtimes.
      files: ["mod.ts", "cli/main.ts", "ffi/bun.ts", "ffi/deno.ts", "ffi/node.ts", "std/cli/parse_args.ts"].map((
        file,
      ) => join(ROOT, file)),
    }),
  );
  await mustRun("compiling the package", BUN, [TSC, "-p", config]);
  rmSync(join(target, "package.json"), { force: true });
  for (const file of readdirSync(target, { recursive: true }) as string[]) {
    if (/\.(?:d\.ts|js)$/.test(file)) rewriteImports(target, file);
  }
  for (const path of COPIED) cpSync(join(ROOT, path), join(target, path), { recursive: true });
  writeManifest(target, manifest);
}

/** Names modules as the package has them. */
function rewriteImports(target: string, file: string): void {
  const path = join(target, file);
  let text = readFileSync(path, "utf8");
  for (const [name, own] of Object.entries(OWN_MODULES)) {
    const from = relative(dirname(file), own).replaceAll("\\", "/");
    text = text.replaceAll(`"${name}"`, `"${from.startsWith(".") ? from : `./${from}`}"`);
  }
  // The compiler leaves the extensions in declarations as they are in the sources.
  if (file.endsWith(".d.ts")) text = text.replace(/((?:from|import)\s*\(?\s*")(\.[^"]*)\.ts"/g, '$1$2.js"');
  writeFileSync(path, text);
}

function writeManifest(folder: string, manifest: Record<string, unknown>): void {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}
