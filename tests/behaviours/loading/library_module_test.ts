import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Engine, UpbeatError } from "../../../mod.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { scriptedTokens } from "../../support/scripted/scripted_device.ts";
import { withModelFolder } from "../../support/test_engine.ts";
import { resolveSampling } from "../../../engine/config/sampling_options.ts";

const SCRIPTED_DEVICE = new URL("../../support/scripted/scripted_device.ts", import.meta.url);
const PROMPT = [5, 6, 7, 8];

/** Runs with a model folder that also contains a module. */
function withModule(code: string, use: (folder: string, library: string) => Promise<void>): Promise<void> {
  return withModelFolder(async (folder) => {
    writeRandomModel(folder);
    const library = join(folder, "device.ts");
    await writeFile(library, code);
    await use(folder, library);
  });
}

test("load() uses a device written in JavaScript when the library is a module", async () => {
  const code = `import { createLibrary as create } from ${JSON.stringify(SCRIPTED_DEVICE.href)};\n` +
    'export const createLibrary = () => create({ clock: "real", script: ({ position }) => position });\n';
  await withModule(code, async (folder, library) => {
    await using engine = await Engine.load(folder, { library });
    assertEquals([engine.info.device.library, engine.info.libraryPath], ["scripted", library]);
    const { tokenIds } = await engine.generate(PROMPT, { maxTokens: 5, ignoreEos: true }).result;
    assertEquals(tokenIds, [4, 5, 6, 7, 8]);
  });
});

test("an engine generates the tokens of a JavaScript device in both loops", async () => {
  const code = `export { createLibrary } from ${JSON.stringify(SCRIPTED_DEVICE.href)};\n`;
  await withModule(code, async (folder, library) => {
    for (const overlap of [false, true]) {
      await using engine = await Engine.load(folder, { library, overlap });
      const { vocabularySize, sampling } = engine.info.model;
      const expected = scriptedTokens(PROMPT, resolveSampling({ temperature: 0 }, sampling, vocabularySize), 6, {
        vocabularySize,
      });
      const options = { maxTokens: 6, temperature: 0, ignoreEos: true };
      assertEquals((await engine.generate(PROMPT, options).result).tokenIds, expected);
    }
  });
});

for (
  const [title, code, reason] of [
    ["exports no createLibrary", "export const device = 1;\n", "it exports no function createLibrary"],
    ["fails", 'throw new Error("no such planet");\n', "no such planet"],
    [
      "returns a library that lacks functions",
      "export const createLibrary = () => ({ symbols: {} });\n",
      "lacks upbeat_",
    ],
  ] as const
) {
  test(`load() fails with LIBRARY_INVALID when the module ${title}`, async () => {
    await withModule(code, async (folder, library) => {
      const error = await assertRejects(() => Engine.load(folder, { library }), UpbeatError);
      assertEquals(error.code, "LIBRARY_INVALID");
      assertStringIncludes(error.message, reason);
    });
  });
}

test("load() fails with LIBRARY_NOT_FOUND when the module does not exist", async () => {
  await withModule("", async (folder) => {
    const error = await assertRejects(() => Engine.load(folder, { library: join(folder, "other.ts") }), UpbeatError);
    assertEquals(error.code, "LIBRARY_NOT_FOUND");
  });
});
