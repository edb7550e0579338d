import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { writeRandomModel } from "./support/models/random_model.ts";
import { sized } from "./support/libraries/emulated.ts";
import { runCli } from "./support/run/run_cli.ts";
import { withModelFolder } from "./support/test_engine.ts";

const ROOT = new URL("../", import.meta.url);

/** An example in a document, with the output stated there. */
interface Example {
  readonly heading: string;
  readonly language: string;
  readonly code: string;
  readonly output: string;
}

/** Every code block with a language, and the block after it, which is its output. */
function examplesOf(document: string): Example[] {
  const examples: Example[] = [];
  let heading = "";
  let open: Omit<Example, "output"> | null = null;
  for (const [, title, language, text] of document.matchAll(/^#+ (.+)$|^```(\w*)\n([^]*?)^```$/gm)) {
    if (title !== undefined) heading = title;
    else if (language === "ts" || language === "sh") {
      assert(open === null, `an example of "${heading}" is not followed by its output`);
      open = { heading, language, code: text! };
    } else if (open !== null) {
      examples.push({ ...open, output: text! });
      open = null;
    }
  }
  assert(open === null, `the last example of "${heading}" is not followed by its output`);
  return examples;
}

/** Masks what differs between runs and models: times, and the tokens of a random model. */
function masked(text: string): string {
  return oneLine(text.trim())
    .replace(/"(timestamp|emittedAt|\w+Ms)":[\d.]+/g, '"$1":#')
    .replace(/"text":"(?:[^"\\]|\\.)*"/g, '"text":#')
    .replace(/"tokenId":\d+/g, '"tokenId":#')
    .replace(/^(\w+Ms): [\d.,]+$/gm, "$1: #")
    .replace(/token=\d+/g, "token=#")
    // Tokens in compact form, alone and in a list.
    .replace(/^\d+$/gm, "#")
    .replace(/(?<=[[,])\d+(?=[,\]])/g, "#")
    .replace(/\d+\.\d+/g, "#");
}

/** Minifies JSON, which documents format for readers. */
function oneLine(text: string): string {
  return text.startsWith("{\n") ? JSON.stringify(JSON.parse(text)) : text;
}

/** Runs an example as a module and returns its console output. */
async function runModule(code: string, file: string, model: string): Promise<string> {
  const lines: string[] = [];
  const key = `upbeat.docs.${file}`;
  Reflect.set(globalThis, key, (...values: unknown[]) => lines.push(values.join(" ")));
  const text = code
    .replaceAll('"./upbeat/mod.ts"', JSON.stringify(new URL("mod.ts", ROOT).href))
    .replaceAll('"path/to/model"', JSON.stringify(model));
  assert(text.includes(ROOT.href), "an example does not import Upbeat");
  await writeFile(file, `const console = { log: globalThis[${JSON.stringify(key)}] };\n${text}export {};\n`);
  try {
    await import(pathToFileURL(file).href);
  } finally {
    Reflect.deleteProperty(globalThis, key);
  }
  return lines.join("\n");
}

/** Runs a command line and returns its standard output and standard error. */
async function runCommand(line: string, folder: string, model: string): Promise<string> {
  const [command, ...args] = Array.from(
    line.trim().matchAll(/"([^"]*)"|(\S+)/g),
    ([, quoted, bare]) => quoted ?? bare!,
  );
  assertEquals(command, "upbeat");
  const places: Record<string, string> = { "path/to/model": model, "trace.json": join(folder, "trace.json") };
  const { code, stdout, stderr } = await runCli(args.map((arg) => places[arg] ?? arg));
  assertEquals(code, 0, stderr);
  return `${stdout}${stderr}`.replaceAll(`${folder}/`, "");
}

/** Runs with a model that never ends a generation early. */
function withEndlessModel(use: (folder: string, model: string) => Promise<void>): Promise<void> {
  return withModelFolder(async (folder) => {
    const model = join(folder, "model");
    // With this seed the first tokens are letters.
    writeRandomModel(model, { tokenizer: true, eosTokenIds: [], seed: 21 });
    await use(folder, model);
  });
}

/** The documents with examples, and their minimum number. */
const DOCUMENTS = [["docs/events.md", 11], ["docs/overlap.md", 4]] as const;

for (const [document, least] of DOCUMENTS) {
  const examples = examplesOf(readFileSync(new URL(document, ROOT), "utf8"));

  test(`${document} has examples`, () => {
    assertGreater(examples.length, least - 1);
  });

  for (const [index, { heading, language, code, output }] of examples.entries()) {
    test(`${document}, ${heading}: example ${index + 1} prints the stated output`, async () => {
      await withEndlessModel(async (folder, model) => {
        const printed = language === "ts"
          ? await runModule(code, join(folder, "example.ts"), model)
          : await runCommand(code, folder, model);
        assertEquals(masked(printed), masked(output), `it prints:\n${printed}`);
      });
    });
  }
}

test("the example of README.md prints the model's text", async () => {
  const [, code] = /^```ts\n([^]*?)^```$/m.exec(readFileSync(new URL("README.md", ROOT), "utf8"))!;
  assertStringIncludes(code!, "maxTokens: 64");
  const brief = code!.replace("maxTokens: 64", `maxTokens: ${sized(64, 6)}`);
  await withEndlessModel(async (folder, model) => {
    assertGreater((await runModule(brief, join(folder, "readme.ts"), model)).length, 0);
  });
});
