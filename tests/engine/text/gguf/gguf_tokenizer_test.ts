import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ChatTemplate } from "../../../../engine/text/chat_template.ts";
import { Tokenizer } from "../../../../engine/text/tokenizer/tokenizer.ts";
import { UpbeatError } from "../../../../errors.ts";
import { ggufBytes, type GgufEntry } from "../../../support/models/gguf_writer.ts";
import { sharedModels } from "../../../support/models/shared_models.ts";
import { withTemporaryFolder } from "../../../support/temporary_folder.ts";
import { byteLevelJson, sentencePieceJson, tokenizerOf } from "../../../support/tokenizers/small_tokenizers.ts";

const TEXTS = [
  "",
  "once upon a time",
  " Then there  was été, 你好 мир 👩‍💻!\n\nIt's 1234",
  "aaaaaaa <|end|><s>then</s>  ",
  "\u0000\u{10ffff}",
];

/** Token types of the format. */
const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE] = [1, 2, 3, 4, 6];

/** A model of `tokenizer.json`. */
interface Model {
  readonly vocab: Record<string, number>;
  readonly merges: [string, string][];
}

/** The tokens of a vocabulary by their ids; the keys of an object that are numbers come first. */
function byId(vocab: Readonly<Record<string, number>>): string[] {
  return Object.keys(vocab).sort((a, b) => vocab[a]! - vocab[b]!);
}

function load(metadata: readonly GgufEntry[]): Promise<Tokenizer> {
  return withTemporaryFolder((folder) => {
    const file = join(folder, "vocab");
    writeFileSync(file, ggufBytes(metadata));
    return Tokenizer.load(file);
  });
}

/** The vocabulary of a byte-level tokenizer, whose pattern is that of Qwen2. */
function byteLevelMetadata(): GgufEntry[] {
  const json = byteLevelJson();
  const { vocab, merges } = json["model"] as Model;
  const added = json["added_tokens"] as { content: string; special: boolean }[];
  const tokens = [...byId(vocab), ...added.map(({ content }) => content)];
  const types = [
    ...Object.keys(vocab).map(() => NORMAL),
    ...added.map(({ special }) => special ? CONTROL : USER_DEFINED),
  ];
  return [
    ["tokenizer.ggml.model", "string", "gpt2"],
    ["tokenizer.ggml.pre", "string", "qwen2"],
    ["tokenizer.ggml.tokens", "strings", tokens],
    ["tokenizer.ggml.token_type", "int32s", types as number[]],
    ["tokenizer.ggml.merges", "strings", merges.map((pair) => pair.join(" "))],
  ];
}

test("a byte-level tokenizer encodes and decodes as its tokenizer.json does", async () => {
  const json = byteLevelJson();
  const [split] = (json["pre_tokenizer"] as { pretokenizers: { pattern: unknown }[] }).pretokenizers;
  split!.pattern = {
    Regex:
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  };
  const expected = tokenizerOf({ ...json, post_processor: null });
  const actual = await load([...byteLevelMetadata(), ["tokenizer.ggml.add_bos_token", "bool", false]]);
  assertEquals(actual.vocabularySize, expected.vocabularySize);
  for (const text of TEXTS) {
    for (const options of [{}, { allowSpecialTokens: false }]) {
      const ids = expected.encode(text, options);
      assertEquals(actual.encode(text, options), ids, JSON.stringify(text));
      for (const decode of [{}, { skipSpecialTokens: true }]) {
        assertEquals(actual.decode(ids, decode), expected.decode(ids, decode), JSON.stringify(text));
      }
    }
  }
});

/** The vocabulary of a SentencePiece tokenizer: longer pieces have better scores. */
function sentencePieceMetadata(): GgufEntry[] {
  const { vocab } = sentencePieceJson()["model"] as Model;
  const tokens = byId(vocab);
  const typeOf = (token: string) =>
    token === "<unk>" ? UNKNOWN : /^<\/?s>$/.test(token) ? CONTROL : /^<0x..>$/.test(token) ? BYTE : NORMAL;
  return [
    ["tokenizer.ggml.model", "string", "llama"],
    ["tokenizer.ggml.tokens", "strings", tokens],
    ["tokenizer.ggml.token_type", "int32s", tokens.map((token) => typeOf(token)!)],
    ["tokenizer.ggml.scores", "float32s", tokens.map((token) => token.length)],
    ["tokenizer.ggml.bos_token_id", "uint32", 1],
    ["tokenizer.ggml.eos_token_id", "uint32", 2],
    ["tokenizer.ggml.unknown_token_id", "uint32", 0],
  ];
}

test("a SentencePiece tokenizer has BOS, a space before texts, and bytes for other characters", async () => {
  const tokenizer = await load(sentencePieceMetadata());
  const text = (ids: readonly number[]) => ids.map((id) => tokenizer.idToToken(id));
  assertEquals(text(tokenizer.encode("then")), ["<s>", "▁then"]);
  assertEquals(text(tokenizer.encode("é 🎵", { addSpecialTokens: false })).slice(-4), [
    "<0xF0>",
    "<0x9F>",
    "<0x8E>",
    "<0xB5>",
  ]);
  for (const sample of TEXTS.slice(0, 3)) {
    assertEquals(tokenizer.decode(tokenizer.encode(sample), { skipSpecialTokens: true }), sample);
  }
  const bare = await load([
    ...sentencePieceMetadata(),
    ["tokenizer.ggml.add_space_prefix", "bool", false],
    ["tokenizer.ggml.add_bos_token", "bool", false],
    ["tokenizer.ggml.add_eos_token", "bool", true],
  ]);
  assertEquals(text(bare.encode("then")), ["then", "</s>"]);
});

test("an id beyond the vocabulary stands for no token, and a token without text has a name", async () => {
  const metadata = byteLevelMetadata();
  const tokens = [...metadata[2]![2] as string[], ""];
  const types = [...metadata[3]![2] as number[], NORMAL!];
  const tokenizer = await load([
    metadata[0]!,
    metadata[1]!,
    ["tokenizer.ggml.tokens", "strings", tokens],
    ["tokenizer.ggml.token_type", "int32s", types],
    metadata[4]!,
    ["tokenizer.ggml.bos_token_id", "uint32", 2 ** 32 - 1],
  ]);
  assertEquals(tokenizer.specialTokens.bos, null);
  assertEquals(tokenizer.idToToken(tokens.length - 1), `[EMPTY_${tokens.length - 1}]`);
});

test("the chat template is that of the metadata, also a named one", async () => {
  await withTemporaryFolder(async (folder) => {
    const file = join(folder, "vocab.gguf");
    const own: GgufEntry = ["tokenizer.chat_template", "string", "{{ messages[0].content }}{{ eos_token }}"];
    const named: GgufEntry[] = [
      ["tokenizer.chat_templates", "strings", ["tool_use"]],
      ["tokenizer.chat_template.tool_use", "string", "tools: {{ tools | length }}"],
    ];
    writeFileSync(file, ggufBytes([...sentencePieceMetadata(), own, ...named]));
    const template = await ChatTemplate.fromFolder(file);
    const messages = [{ role: "user", content: "Hi" }] as const;
    assertEquals(template.render({ messages }), "Hi</s>");
    assertEquals(template.render({ messages, tools: [{}, {}] }), "tools: 2");
    writeFileSync(file, ggufBytes(sentencePieceMetadata()));
    await assertRejects(() => ChatTemplate.fromFolder(file), UpbeatError, "has no chat template");
  });
});

test("a vocabulary that cannot be used is refused, naming file and key", async () => {
  const [model, pre, tokens, types, merges] = byteLevelMetadata() as [GgufEntry, ...GgufEntry[]];
  const piece = sentencePieceMetadata();
  const cases: [GgufEntry[], string, string][] = [
    [[], "TOKENIZER_MISSING", "has no tokenizer"],
    [[["tokenizer.ggml.model", "string", "no_vocab"]], "TOKENIZER_MISSING", "has no tokenizer"],
    [[["tokenizer.ggml.model", "string", "t5"], tokens!], "TOKENIZER_INVALID", 'model is "t5"'],
    [[model, pre!], "TOKENIZER_INVALID", "tokenizer.ggml.tokens is missing"],
    [
      [model, ["tokenizer.ggml.pre", "string", "gpt-9"], tokens!, merges!],
      "TOKENIZER_INVALID",
      '"gpt-9", which is not',
    ],
    [[model, pre!, tokens!], "TOKENIZER_INVALID", "tokenizer.ggml.merges is missing"],
    [[model, pre!, tokens!, merges!, ["tokenizer.ggml.token_type", "int32s", [1]]], "TOKENIZER_INVALID", "has 1 types"],
    [
      [model, pre!, ["tokenizer.ggml.tokens", "strings", ["a", "b", "a"]], merges!],
      "TOKENIZER_INVALID",
      'has "a" twice, with the ids 0 and 2',
    ],
    [[model, pre!, tokens!, types!, ["tokenizer.ggml.merges", "strings", ["a zzz"]]], "TOKENIZER_INVALID", "a zzz"],
    [piece.filter(([key]) => key !== "tokenizer.ggml.scores"), "TOKENIZER_INVALID", "has 0 scores"],
  ];
  for (const [metadata, code, message] of cases) {
    const error = await assertRejects(() => load(metadata), UpbeatError);
    assertEquals(error.code, code, message);
    assertStringIncludes(error.message, message);
    assertStringIncludes(error.message, "vocab");
  }
});

const shared = sharedModels();
const vectors = shared === null ? "" : join(shared, "gguf-vocab");

test("vocabularies of real models encode their vectors", {
  skip: !existsSync(vectors) && "the shared models are not available",
}, async () => {
  for (const file of readdirSync(vectors).filter((name) => name.endsWith(".gguf"))) {
    const tokenizer = await Tokenizer.load(join(vectors, file));
    const texts = readFileSync(join(vectors, `${file}.inp`), "utf8").split("\n__ggml_vocab_test__\n");
    const lines = readFileSync(join(vectors, `${file}.out`), "utf8").split("\n");
    assert(texts.length > 40);
    for (const [index, text] of texts.entries()) {
      const ids = tokenizer.encode(text, { addSpecialTokens: false });
      assertEquals(ids.join(" "), lines[index]!.trim(), `${file}: ${JSON.stringify(text)}`);
    }
  }
});
