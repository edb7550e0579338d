import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { runCli } from "../../support/run/run_cli.ts";
import { withModelFolder } from "../../support/test_engine.ts";

/** Ids 0 to 4 are a to e, 5 "ab", 6 the beginning token, which the post-processor adds. */
function writeTokenizer(folder: string): void {
  const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const template = "{{ bos_token }}{% for m in messages %}{{ m.role[0] }}{{ m.content }}{% endfor %}" +
    "{% if tools %}{{ tools | length }}{% endif %}{% if add_generation_prompt %}d{% endif %}" +
    "{% if mood is defined %}{{ mood }}{% endif %}";
  writeFileSync(
    join(folder, "tokenizer.json"),
    JSON.stringify({
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: [{ id: 6, content: "<s>", ...special }],
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
        pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
        special_tokens: { "<s>": { id: "<s>", ids: [6], tokens: ["<s>"] } },
      },
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: { a: 0, b: 1, c: 2, d: 3, e: 4, ab: 5 },
        merges: ["a b"],
      },
    }),
  );
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ bos_token: "<s>", chat_template: template }));
}

test("upbeat tokenize encodes the argument, standard input and files, and decodes", async () => {
  await withModelFolder(async (folder) => {
    writeTokenizer(folder);
    const texts = join(folder, "texts.json");
    writeFileSync(texts, JSON.stringify(["abc", "", "<s>b"]));
    const runs: [string[], string][] = [
      [["abc"], "6,5,2\n"],
      [["abc", "--no-special"], "5,2\n"],
      [["abc", "--json"], '[{"text":"abc","ids":[6,5,2]}]\n'],
      [["--", "a"], "6,0\n"],
      [
        ["--texts-file", texts, "--json"],
        '[{"text":"abc","ids":[6,5,2]},{"text":"","ids":[6]},{"text":"<s>b","ids":[6,6,1]}]\n',
      ],
      [["--texts-file", texts, "--no-special"], "5,2\n\n6,1\n"],
      [["--decode", "6,5,2"], "<s>abc\n"],
      [["--decode", "6,5,2", "--no-special"], "abc\n"],
      [["--decode", "5", "--json"], '[{"text":"ab","ids":[5]}]\n'],
    ];
    for (const [args, expected] of runs) {
      const { code, stdout, stderr } = await runCli(["tokenize", folder, ...args]);
      assertEquals({ code, stdout, stderr }, { code: 0, stdout: expected, stderr: "" }, args.join(" "));
    }
    const piped = await runCli(["tokenize", folder, "-"], { stdin: "ab" });
    assertEquals([piped.code, piped.stdout], [0, "6,5\n"]);
  });
});

test("upbeat tokenize --chat renders messages and encodes them without further special tokens", async () => {
  await withModelFolder(async (folder) => {
    writeTokenizer(folder);
    const chat = join(folder, "chat.json");
    const messages = [{ role: "assistant", content: "b" }];
    const runs: [unknown, string[], string][] = [
      [messages, ["--json"], '[{"text":"<s>ab","ids":[6,5]}]\n'],
      [messages, [], "<s>ab"],
      [messages, ["--add-generation-prompt"], "<s>abd"],
      [{ messages, add_generation_prompt: true, mood: "e" }, ["--json"], '[{"text":"<s>abde","ids":[6,5,3,4]}]\n'],
      [{ messages, tools: [{}, {}], bos_token: "c" }, [], "cab2"],
    ];
    for (const [content, args, expected] of runs) {
      writeFileSync(chat, JSON.stringify(content));
      const { code, stdout, stderr } = await runCli(["tokenize", folder, "--chat", chat, ...args]);
      assertEquals({ code, stdout, stderr }, { code: 0, stdout: expected, stderr: "" });
    }
  });
});

test("upbeat tokenize ends with code 1 when its input cannot be used", async () => {
  await withModelFolder(async (folder) => {
    writeTokenizer(folder);
    const file = join(folder, "file.json");
    const runs: [string, string[], string][] = [
      ["{", ["--texts-file", file], "is not valid JSON"],
      ['"a"', ["--texts-file", file], "must hold an array of texts"],
      ['["a", 1]', ["--texts-file", file], "element 1"],
      ["[1]", ["--chat", file], "must hold messages"],
      ["null", ["--chat", file], "must hold messages"],
      ["", ["--decode", "5,7"], "there is no token 7"],
    ];
    for (const [content, args, message] of runs) {
      writeFileSync(file, content);
      const { code, stdout, stderr } = await runCli(["tokenize", folder, ...args]);
      assertEquals([code, stdout], [1, ""], args.join(" "));
      assertStringIncludes(stderr, message);
    }
  });
});
