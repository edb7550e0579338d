/** Keeps the structure: imports point one way, files and folders stay small, and documents name what exists. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { importCircles, importsOf, layerOf, type Layers, withoutComments, wrongImports } from "./support/imports.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/**
 * The layers from the bottom up. A file may import from its own folder and from lower layers; folders of one row do not import
 * each other.
 */
const LAYERS: Layers = [
  ["errors.ts"],
  ["ffi/"],
  ["hub/"],
  ["engine/files/"],
  ["engine/telemetry/", "engine/text/", "engine/weights/"],
  ["engine/models/"],
  ["engine/config/"],
  ["engine/events/"],
  ["engine/channel/", "engine/scheduler/"],
  ["engine/runner/"],
  ["engine/executor/"],
  ["engine/threads/"],
  ["engine/caller/"],
  ["mod.ts"],
  ["cli/"],
];

/** The maximum number of lines of a source file. */
const MOST_LINES = 400;

/** The maximum number of source files of a folder. */
const MOST_FILES = 16;

/** Files and folders that are not the project's own sources. */
const IGNORED = /^(?:node_modules|build|dist|\.git|assets|bench\/results|tests\/goldens)(?:\/|$)/;

const SOURCE = /\.(?:ts|h|c|cpp|inl|cu|cuh|py|sh)$/;

/** All files of the project below a folder, as paths relative to the root. */
function filesBelow(folder = ""): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (IGNORED.test(path)) return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const FILES = filesBelow().sort();

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** Whether a path exists, relative to the root or to the folder of the file that names it. */
function exists(path: string, file: string): boolean {
  return existsSync(join(ROOT, path)) || existsSync(join(ROOT, relative("/", join("/", dirname(file), path))));
}

/** The sources of the product, which are those in layers. */
const PRODUCT = new Map(
  FILES.filter((file) => file.endsWith(".ts") && layerOf(LAYERS, file) !== null).map((file) => [file, read(file)]),
);

// ---- Imports -----------------------------------------------------------------------------------------------------------

test("imports point from upper layers to lower ones, never up or sideways", () => {
  assertEquals(wrongImports(PRODUCT, LAYERS), []);
});

test("imports of the product form no circle, including types", () => {
  assertEquals(importCircles(PRODUCT), []);
});

test("wrongImports() finds every kind of import between every two layers", () => {
  const fileOf = (part: string) => part.endsWith("/") ? `${part}file.ts` : part;
  const forms: ((path: string) => string)[] = [
    (path) => `import { a } from "${path}";`,
    (path) => `import type { A } from "${path}";`,
    (path) => `import {\n  a,\n  type B,\n} from "${path}";`,
    (path) => `import "${path}";`,
    (path) => `export * from "${path}";`,
    (path) => `export const glob = "/*";\nconst a = await import("${path}");`,
    (path) => `let a: import("${path}").A;`,
  ];
  for (const [row, parts] of LAYERS.entries()) {
    for (const [otherRow, otherParts] of LAYERS.entries()) {
      for (const part of parts) {
        for (const other of otherParts) {
          const [file, target] = [fileOf(part), fileOf(other)];
          const path = relative(dirname(`/${file}`), `/${target}`).replace(/^(?!\.)/, "./");
          for (const form of forms) {
            const expected = part === other || otherRow < row ? [] : [`${file} imports ${target}`];
            assertEquals(wrongImports(new Map([[file, form(path)]]), LAYERS), expected, `${file}: ${form(path)}`);
          }
        }
      }
    }
  }
  const outside = new Map([["mod.ts", 'import { a } from "./tests/support/a.ts";\n// import "./cli/main.ts";']]);
  assertEquals(wrongImports(outside, LAYERS), ["mod.ts imports tests/support/a.ts"]);
});

test("importCircles() finds circles of any length", () => {
  const sources = new Map([
    ["a/a.ts", 'import type { B } from "../b.ts";'],
    ["b.ts", 'export { c } from "./a/c.ts";'],
    ["a/c.ts", 'import "./a.ts";'],
    ["d.ts", 'import "./d.ts";\nimport "./b.ts";'],
  ]);
  assertEquals(importCircles(sources), ["a/a.ts -> b.ts -> a/c.ts -> a/a.ts", "d.ts -> d.ts"]);
});

test("every folder of the engine belongs to a layer", () => {
  assertEquals(FILES.filter((file) => file.startsWith("engine/") && layerOf(LAYERS, file) === null), []);
  for (const part of LAYERS.flat()) assert(existsSync(join(ROOT, part)), part);
});

test("the engine imports only the packages that package.json declares", () => {
  const { dependencies } = JSON.parse(read("package.json")) as { dependencies: Record<string, string> };
  const wrong = [...PRODUCT].flatMap(([file, source]) =>
    importsOf(file, source)
      .filter((name) => !/\.(?:ts|json)$|^node:|^#ffi$/.test(name))
      .filter((name) => !(name in dependencies) && !(file.startsWith("cli/") && name.startsWith("@std/cli/")))
      .filter((name) => !(file === "ffi/bun.ts" && name === "bun:ffi"))
      .map((name) => `${file} imports ${name}`)
  );
  assertEquals(wrong, []);
});

test("the engine uses no global of a runtime", () => {
  const globals = /(?<![.\w"`])(?:Bun|Deno)\.[a-z]\w*/;
  const wrong = [...PRODUCT].filter(([file, source]) =>
    file.startsWith("engine/") && globals.test(withoutComments(source))
  );
  assertEquals(wrong.map(([file]) => file), []);
});

// ---- Files and folders -------------------------------------------------------------------------------------------------

test("source files are short and folders are small", () => {
  const sources = FILES.filter((file) => SOURCE.test(file));
  const long = sources.filter((file) => read(file).split("\n").length - 1 > MOST_LINES);
  const counts = new Map<string, number>();
  for (const file of sources) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  const large = [...counts].filter(([, count]) => count > MOST_FILES).map(([folder, count]) => `${folder}: ${count}`);
  assertEquals({ long, large }, { long: [], large: [] });
});

test("the test of an engine file has the same path below tests/", () => {
  const tests = FILES.filter((file) => file.startsWith("tests/engine/") && file.endsWith("_test.ts"));
  // A file may have several, such as `safetensors_property_test.ts`; a folder may have one of its name.
  const lost = tests.filter((file) => {
    const folder = dirname(file).replace(/^tests\//, "");
    const words = file.split("/").at(-1)!.replace(/_test\.ts$/, "").split("_");
    return !words.some((_, index) => {
      const name = join(ROOT, folder, words.slice(0, index + 1).join("_"));
      return existsSync(`${name}.ts`) || existsSync(name);
    });
  });
  assertEquals(lost, []);
});

test("the README of each behaviour lists its tests", () => {
  const tests = FILES.filter((file) => file.startsWith("tests/behaviours/") && file.endsWith("_test.ts"));
  assertGreater(tests.length, 0);
  const unlisted = tests.filter((file) => {
    const readme = join(ROOT, dirname(file), "README.md");
    return !existsSync(readme) || !readFileSync(readme, "utf8").includes(`\`${file.split("/").at(-1)}\``);
  });
  assertEquals(unlisted, []);
});

// ---- Documents ---------------------------------------------------------------------------------------------------------

const DOCUMENTS = FILES.filter((file) => file.endsWith(".md"));

test("paths in documents and comments exist", () => {
  const texts = FILES.filter((file) =>
    !file.startsWith("tests/scripts/") && file !== "tests/structure_test.ts" &&
    (SOURCE.test(file) || /\.(?:md|cmake|txt)$/.test(file))
  );
  const folders = "abi|assets|bench|cli|cpu|cuda|docs|engine|ffi|scripts|std|tests";
  const extensions = "ts|md|h|c|cpp|inl|cuh?|sh|py|json|txt|cmake|svg";
  const file = new RegExp(`(?<![\\w./-])((?:${folders})/[\\w./-]*\\w\\.(?:${extensions}))(?![\\w/])`, "g");
  const folder = new RegExp(`\`((?:${folders})/(?:[\\w-]+/)*)\``, "g");
  const missing = texts.flatMap((text) =>
    [...read(text).matchAll(file), ...read(text).matchAll(folder)]
      .filter(([, path]) => !exists(path!, text))
      .map(([, path]) => `${text}: ${path}`)
  );
  assertEquals(missing, []);
});

test("links in documents lead to files and headings that exist", () => {
  const slug = (heading: string) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
  const headings = (file: string) => [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => slug(heading!));
  const broken = DOCUMENTS.flatMap((document) =>
    [...read(document).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)]+))?\)/g)]
      .filter(([, path, anchor]) => {
        const target = path === "" ? document : relative("/", join("/", dirname(document), path!));
        return !existsSync(join(ROOT, target)) || (anchor !== undefined && !headings(target).includes(anchor));
      })
      .map(([link]) => `${document}: ${link}`)
  );
  assertEquals(broken, []);
});

test("functions that documents name are in the files that they name", () => {
  // As in: `Scheduler.schedule` (`engine/scheduler/scheduler.ts`).
  const reference = /`(?:\w+\.)?(#?\w+)(?:\(\))?` \(`([\w./-]+\.\w+)`/g;
  const references = DOCUMENTS.flatMap((document) =>
    [...read(document).replaceAll(/\s+/g, " ").matchAll(reference)].map(([, name, file]) => ({ document, name, file }))
  );
  assertGreater(references.length, 0);
  const missing = references.filter(({ name, file }) =>
    !existsSync(join(ROOT, file!)) || !new RegExp(`(?<![\\w#])${name}(?!\\w)`).test(read(file!))
  );
  assertEquals(missing, []);
});
