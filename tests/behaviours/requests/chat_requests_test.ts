import { test } from "node:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { Engine, type LogEntry, UpbeatError } from "../../../mod.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { withModelFolder } from "../../support/test_engine.ts";

/** Writes a model whose chat template is another one. */
function writeModel(folder: string, template?: string): void {
  writeRandomModel(folder, { tokenizer: true });
  if (template === undefined) return;
  const file = join(folder, "tokenizer_config.json");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), chat_template: template }));
}

/** The text of the prompt that messages become. */
async function promptOf(engine: Engine, messages: Parameters<Engine["generate"]>[0], options = {}): Promise<string> {
  const { record } = await engine.generate(messages, { maxTokens: 1, ...options }).result;
  const ids = [...record.merge().promptTokenIds!];
  return engine.tokenizer!.decode(ids, { skipSpecialTokens: true }).trim();
}

test("continueFinalMessage continues the assistant's last message; without it, a new one begins", async () => {
  await withModelFolder(async (folder) => {
    writeModel(folder);
    await using engine = await Engine.load(folder, { threads: 1 });
    const messages = [{ role: "user", content: "Hi" }, { role: "assistant", content: "One, " }];
    assertEquals(await promptOf(engine, messages), "user: Hi\nassistant: One, \nassistant:");
    const open = "user: Hi\nassistant: One,";
    assertEquals(await promptOf(engine, messages, { continueFinalMessage: true }), open);
    assertEquals(await promptOf(engine, messages, { templateVariables: { continue_final_message: true } }), open);
    const wrong = engine.generate([{ role: "user", content: "Hi" }], { continueFinalMessage: true });
    assertEquals((await assertRejects(() => wrong.result, UpbeatError)).code, "PROMPT_INVALID");
  });
});

test("a list of parts is their text, and a part that is not text fails its own request", async () => {
  await withModelFolder(async (folder) => {
    writeModel(folder);
    await using engine = await Engine.load(folder, { threads: 1 });
    const parts = ["Hi", " there"].map((text) => ({ type: "text", text }));
    assertEquals(await promptOf(engine, [{ role: "user", content: parts }]), "user: Hi there\nassistant:");
    const wrong = engine.generate([{ role: "user", content: [{ type: "image_url", image_url: "x" }] }], {
      maxTokens: 1,
    });
    const error = await assertRejects(() => wrong.result, UpbeatError, "image_url");
    assertEquals([error.code, error.details["part"]], ["PROMPT_INVALID", 0]);
  });
});

test("a prompt that begins with two BOS tokens is logged; a chat's does not", async () => {
  await withModelFolder(async (folder) => {
    writeModel(folder);
    const entries: LogEntry[] = [];
    await using engine = await Engine.load(folder, { threads: 1, onLog: (entry) => entries.push(entry) });
    const doubled = () => entries.filter(({ point }) => point.includes("two BOS tokens")).length;
    await promptOf(engine, [{ role: "user", content: "Hi" }]);
    await promptOf(engine, "Hi");
    assertEquals(doubled(), 0);
    await promptOf(engine, `${engine.tokenizer!.specialTokens.bos!.text}Hi`);
    assertEquals(doubled(), 1);
  });
});

test("a template without end fails its own requests, and neither loading nor streams wait for it", async () => {
  const endless = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}";
  await withModelFolder(async (folder) => {
    writeModel(folder, endless);
    const start = performance.now();
    await using engine = await Engine.load(folder, { threads: 1 });
    const other = engine.generate("Hi", { maxTokens: 20, ignoreEos: true });
    for (let round = 0; round < 5; round++) {
      const generation = engine.generate([{ role: "user", content: "Hi" }], { maxTokens: 1 });
      const error = await assertRejects(() => generation.result, UpbeatError, "too many steps");
      assertEquals(error.code, "CHAT_TEMPLATE_INVALID");
    }
    assertEquals((await other.result).tokenIds.length, 20);
    assertLess(performance.now() - start, 10_000);
    assert(engine.stats().running === 0);
  });
});
