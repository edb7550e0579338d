/** A pipe, a device, a folder, a link or a file without end in the place of any file: a typed error, at once. */
import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Engine, UpbeatError } from "../../../mod.ts";
import { runCli } from "../../support/run/run_cli.ts";
import { runScript } from "../../support/run/run_script.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { replaceFile, SPECIAL_FILES } from "../../support/special_files.ts";
import { withModelFolder } from "../../support/test_engine.ts";

/** Milliseconds for a load that fails, a new thread included. */
const MAX_LOAD = 2000;

const INDEX = "model.safetensors.index.json";

const FILES = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
  "model.safetensors",
  INDEX,
  "shard.safetensors",
];

/** Replaces the weights by a shard with an index, or the index itself by something else. */
function makeShards(folder: string): void {
  rmSync(join(folder, "model.safetensors"));
  writeFileSync(join(folder, INDEX), JSON.stringify({ weight_map: { "model.norm.weight": "shard.safetensors" } }));
}

/** For kinds that differ only in their message: one file per reader. */
const SOME_FILES = ["config.json", "tokenizer.json", "model.safetensors"];

for (const kind of Object.keys(SPECIAL_FILES)) {
  const files = ["pipe", "endless device"].includes(kind) ? FILES : SOME_FILES;
  test(`load() refuses a ${kind} in the place of ${files === FILES ? "any file" : files.join(", ")}`, async () => {
    await withModelFolder(async (folder) => {
      for (const file of files) {
        writeRandomModel(folder, { tokenizer: true });
        if (file === INDEX || file === "shard.safetensors") makeShards(folder);
        const part = replaceFile(join(folder, file), kind);
        const start = performance.now();
        const error = await assertRejects(() => Engine.load(folder), UpbeatError);
        assertLess(performance.now() - start, MAX_LOAD);
        assertStringIncludes(error.message, file);
        assertStringIncludes(error.message, part);
        assert(!["INTERNAL", "ENGINE_FAILED"].includes(error.code), error.code);
        rmSync(folder, { recursive: true });
      }
    });
  });
}

test("load() of a pipe leaves a process that ends by itself", async () => {
  await withModelFolder(async (folder) => {
    for (const file of ["config.json", "tokenizer.json", "model.safetensors"]) {
      writeRandomModel(folder, { tokenizer: true });
      replaceFile(join(folder, file), "pipe");
      const { code, stdout, stderr } = await runScript(`
        import { Engine } from "./mod.ts";
        await Engine.load(${JSON.stringify(folder)}).catch(({ code }) => console.log(code));
      `);
      assertEquals([code, stderr], [0, ""]);
      assert(/_INVALID\n$/.test(stdout), stdout);
      rmSync(folder, { recursive: true });
    }
  });
});

test("load() of a pipe as library fails at once", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder);
    for (const name of ["libupbeat.so", "device.ts"]) {
      const library = join(folder, name);
      replaceFile(library, "pipe");
      const error = await assertRejects(() => Engine.load(folder, { library, device: "cpu" }), UpbeatError);
      assertEquals(error.code, "LIBRARY_INVALID");
      assertStringIncludes(error.message, library);
    }
  });
});

test("upbeat ends with code 1 and one line when a file is a pipe or has no end", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const cases: [string, string[]][] = [
      ["config.json", ["inspect", folder]],
      ["tokenizer.json", ["tokenize", folder, "text"]],
      ["chat_template.jinja", ["chat", folder]],
      ["model.safetensors", ["generate", folder, "text"]],
    ];
    for (const kind of ["pipe", "endless device"]) {
      for (const [file, args] of cases) {
        writeRandomModel(folder, { tokenizer: true });
        replaceFile(join(folder, file), kind);
        const { code, stdout, stderr } = await runCli(args);
        assertEquals([code, stdout], [1, ""], args.join(" "));
        assertStringIncludes(stderr, file);
        assert(/^upbeat: [^\n]+\n$/.test(stderr), stderr);
        rmSync(join(folder, file));
      }
    }
  });
});

test("upbeat reads prompts from a pipe, and refuses a folder and a file without end", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    for (const [file, part] of [[folder, "it is a folder"], ["/dev/zero", "it is longer than 256 MiB"]] as const) {
      const { code, stderr } = await runCli(["generate", folder, "--prompts-file", file]);
      assertEquals(code, 1);
      assertStringIncludes(stderr, `--prompts-file: cannot read ${file}: ${part}`);
    }
    const pipe = join(folder, "texts.json");
    replaceFile(pipe, "pipe");
    const [{ code, stdout }] = await Promise.all([
      runCli(["tokenize", folder, "--texts-file", pipe]),
      writeFile(pipe, '["a b"]'),
    ]);
    assertEquals(code, 0);
    assert(/^\d+(,\d+)*\n$/.test(stdout), stdout);
  });
});
