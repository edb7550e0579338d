/** What holds the house together: imports point one way, files and folders stay small, and paths in documents exist. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { assertEquals } from "@std/assert";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/**
 * The layers from the ground up. A file may import from its own folder and from layers below its own: folders in one row do
 * not know each other.
 */
const LAYERS: readonly (readonly string[])[] = [
  ["errors.ts"],
  ["ffi/"],
  ["engine/telemetry/", "engine/text/", "engine/weights/"],
  ["engine/models/"],
  ["engine/config/"],
  ["engine/events/"],
  ["engine/channel/", "engine/scheduler/"],
  ["engine/runner/"],
  ["engine/executor/", "engine/caller/"],
  ["mod.ts"],
  ["cli/"],
];

/** The most lines of a source file. */
const MOST_LINES = 400;

/** The most files of a folder. */
const MOST_FILES = 16;

/** Folders and files that are no source of ours. */
const IGNORED = /^(?:node_modules|build|dist|\.git|assets|bench\/results|tests\/goldens)(?:\/|$)/;

/** All files of the project below a folder, as paths relative to the root. */
function filesBelow(folder = ""): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (IGNORED.test(path)) return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const FILES = filesBelow().sort();
const PRODUCT = FILES.filter((file) => file.endsWith(".ts") && layerOf(file) !== -1);

function layerOf(file: string): number {
  return LAYERS.findIndex((row) => row.some((part) => part === file || (part.endsWith("/") && file.startsWith(part))));
}

function folderOf(file: string): string | undefined {
  return LAYERS.flat().find((part) => part === file || (part.endsWith("/") && file.startsWith(part)));
}

/** The files that a file imports, types included. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(ROOT, file), "utf8").replaceAll(/^ \*.*$/gm, "");
  return [...source.matchAll(/^(?:import|export|\} from)\b[^;]*?"(\.{1,2}\/[^"]+)"/gm)]
    .map(([, specifier]) => normalize(join(dirname(file), specifier!)).replaceAll("\\", "/"));
}

test("imports point from upper layers to lower ones, never up or sideways", () => {
  const wrong = PRODUCT.flatMap((file) =>
    importsOf(file)
      .filter((target) => folderOf(file) !== folderOf(target) && layerOf(target) >= layerOf(file))
      .map((target) => `${file} imports ${target}`)
  );
  assertEquals(wrong, []);
});

test("imports of the product form no circle, types included", () => {
  const state = new Map<string, "open" | "done">();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === "done") return;
    if (state.get(file) === "open") {
      circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      return;
    }
    state.set(file, "open");
    for (const target of importsOf(file)) if (PRODUCT.includes(target)) visit(target, [...path, file]);
    state.set(file, "done");
  };
  for (const file of PRODUCT) visit(file, []);
  assertEquals(circles, []);
});

test("every folder of the engine belongs to a layer", () => {
  const folders = new Set(FILES.filter((file) => file.startsWith("engine/")).map((file) => folderOf(file) ?? file));
  assertEquals([...folders].filter((folder) => !folder.endsWith("/")), []);
});

test("the engine names no runtime's global", () => {
  const engine = FILES.filter((file) => file.startsWith("engine/") && file.endsWith(".ts"));
  const globals = /(?<![.\w"`])(?:Bun|Deno)\.[a-z]\w*|from "bun(?::\w+)?"/;
  const wrong = engine.filter((file) => globals.test(withoutComments(readFileSync(join(ROOT, file), "utf8"))));
  assertEquals(wrong, []);
});

test("source files are short and folders are small", () => {
  const sources = FILES.filter((file) => /\.(?:ts|h|c|cpp|inl|cu|cuh|py|sh)$/.test(file));
  const long = sources.filter((file) => readFileSync(join(ROOT, file), "utf8").split("\n").length - 1 > MOST_LINES);
  const counts = new Map<string, number>();
  for (const file of sources) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  const large = [...counts].filter(([, count]) => count > MOST_FILES).map(([folder, count]) => `${folder}: ${count}`);
  assertEquals({ long, large }, { long: [], large: [] });
});

test("the test of a file of the engine lies where the file does", () => {
  const tests = FILES.filter((file) => file.startsWith("tests/engine/") && file.endsWith("_test.ts"));
  // A file's test, or one of several of it: `safetensors_property_test.ts` is about `safetensors.ts`.
  const lost = tests.filter((file) => {
    const folder = dirname(file).replace(/^tests\//, "");
    const words = file.split("/").at(-1)!.replace(/_test\.ts$/, "").split("_");
    return !words.some((_, index) => {
      const name = `${folder}/${words.slice(0, index + 1).join("_")}`;
      return existsSync(join(ROOT, `${name}.ts`)) || existsSync(join(ROOT, name));
    });
  });
  assertEquals(lost, []);
});

test("paths that documents and comments name exist", () => {
  const documents = FILES.filter((file) =>
    !file.startsWith("tests/scripts/") && /\.(?:md|ts|h|cpp|inl|cu|cuh|sh|cmake|txt)$/.test(file)
  );
  const path =
    /(?<![\w./-])((?:abi|assets|bench|cli|cpu|cuda|docs|engine|ffi|scripts|std|tests)\/[\w./-]*\w\.(?:ts|md|h|cpp|inl|cuh?|sh|py|json|txt))(?![\w/])/g;
  const missing = documents.flatMap((file) =>
    [...readFileSync(join(ROOT, file), "utf8").matchAll(path)]
      .filter(([, named]) =>
        !existsSync(join(ROOT, named!)) && !existsSync(join(ROOT, relative("/", join("/", dirname(file), named!))))
      )
      .map(([, named]) => `${file}: ${named}`)
  );
  assertEquals(missing, []);
});

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[^]*?\*\//g, "").replaceAll(/\/\/.*$/gm, "");
}
