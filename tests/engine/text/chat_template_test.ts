import { test } from "node:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { UpbeatError } from "../../../errors.ts";
import { ChatTemplate, type ChatVariables } from "../../../engine/text/chat_template.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";
import { listShared, MODELS, readShared, sharedTokenizer } from "../../support/tokenizers/shared_tokenizers.ts";

interface ChatCase {
  readonly name: string;
  readonly variables: ChatVariables & { readonly add_generation_prompt: boolean };
  readonly rendered?: string;
  readonly ids?: number[];
  readonly error?: string;
}

interface ChatGolden {
  readonly template?: string;
  readonly tokenizer?: string;
  readonly special: Record<string, string>;
  readonly cases: ChatCase[];
}

for (const file of listShared("chat").filter((name) => /^[^.]*(?:\.\d[^.]*)*\.json$/.test(name))) {
  test(`render() reproduces every conversation of ${file}`, async () => {
    const golden = readShared<ChatGolden>("chat", file);
    const tokenizer = golden.tokenizer === undefined ? null : await sharedTokenizer(golden.tokenizer);
    const template = tokenizer === null
      ? new ChatTemplate(
        readFileSync(join(MODELS as string, "chat", `${golden.template}.jinja`), "utf8"),
        golden.special,
      )
      : ChatTemplate.fromTokenizer(tokenizer);
    assert(golden.cases.length > 0);
    for (const { name, variables, rendered, ids, error } of golden.cases) {
      const { add_generation_prompt, ...rest } = variables;
      // Special tokens must come from the tokenizer, not from the golden's variables.
      for (const token of Object.keys(golden.special)) delete (rest as Record<string, unknown>)[token];
      const render = (): string =>
        template.render({ ...rest, addGenerationPrompt: add_generation_prompt } as ChatVariables);
      if (error !== undefined) {
        const thrown = assertThrows(render, UpbeatError);
        assertEquals(thrown.code, "CHAT_TEMPLATE_INVALID");
        assertStringIncludes(thrown.message, error.replace(/^\w+: /, ""), name);
      } else {
        assertEquals(render(), rendered, name);
        if (ids !== undefined && tokenizer !== null) {
          assertEquals(tokenizer.encode(render(), { addSpecialTokens: false }), ids, name);
        }
      }
    }
  });
}
if (MODELS === null) {
  test.skip("render() reproduces golden conversations (the shared models are not available)", () => {});
}

const SIMPLE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}" +
  "{% if add_generation_prompt %}<assistant>{% endif %}";
const HELLO = [{ role: "user", content: "Hello" }];

function withFolder<T>(files: Record<string, unknown>, use: (folder: string) => Promise<T>): Promise<T> {
  return withTemporaryFolder((folder) => {
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
    }
    return use(folder);
  });
}

test("fromFolder() reads a template from the config, from a list of named ones, and from its own file", async () => {
  const eos = { eos_token: { content: "|" } };
  const named = [{ name: "default", template: SIMPLE }, { name: "tool_use", template: "tools!" }];
  for (
    const files of [
      { "tokenizer_config.json": { chat_template: SIMPLE, ...eos } },
      { "tokenizer_config.json": { chat_template: named, ...eos } },
      { "tokenizer_config.json": { chat_template: "old", ...eos }, "chat_template.jinja": SIMPLE },
      { "special_tokens_map.json": eos, "chat_template.jinja": SIMPLE },
    ]
  ) {
    const text = await withFolder(files, async (folder) => {
      const template = await ChatTemplate.fromFolder(folder);
      return template.render({ messages: HELLO, addGenerationPrompt: true });
    });
    assertEquals(text, "<user>Hello|<assistant>");
  }
});

test("render() uses the tool template when tools are given", () => {
  const template = new ChatTemplate([{ name: "default", template: "d" }, { name: "tool_use", template: "t" }]);
  assertEquals(template.render({ messages: HELLO }), "d");
  assertEquals(template.render({ messages: HELLO, tools: [] }), "t");
});

test("render() passes further variables, which take precedence over special tokens", () => {
  const template = new ChatTemplate("{{ enable_thinking }} {{ bos_token }} {{ tools }}", { bos_token: "<s>" });
  assertEquals(template.render({ messages: [], enable_thinking: false }), "False <s> None");
  assertEquals(template.render({ messages: [], bos_token: "" }), "  None");
});

test("render() throws with the message of raise_exception()", () => {
  const template = new ChatTemplate("{{ raise_exception('no ' + messages[0].role) }}");
  const error = assertThrows(() => template.render({ messages: HELLO }), UpbeatError);
  assertEquals(error.code, "CHAT_TEMPLATE_INVALID");
  assertEquals(error.details["templateMessage"], "no user");
  assertStringIncludes(error.message, "no user");
});

test("ChatTemplate() rejects a template that does not parse, and a list without a default", () => {
  for (const template of ["{% if %}", "{{ x", [{ name: "rag", template: "x" }], 3]) {
    assertEquals(assertThrows(() => new ChatTemplate(template), UpbeatError).code, "CHAT_TEMPLATE_INVALID");
  }
});

test("fromFolder() rejects a folder without a template and a missing folder", async () => {
  const error = await withFolder({}, (folder) => assertRejects(() => ChatTemplate.fromFolder(folder), UpbeatError));
  assertEquals(error.code, "CHAT_TEMPLATE_INVALID");
  assertEquals((await assertRejects(() => ChatTemplate.fromFolder("no/such"), UpbeatError)).code, "MODEL_NOT_FOUND");
});
