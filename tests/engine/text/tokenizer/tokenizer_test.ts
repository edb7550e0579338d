import { test } from "node:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UpbeatError } from "../../../../errors.ts";
import { Tokenizer } from "../../../../engine/text/tokenizer/tokenizer.ts";
import type { JsonObject } from "../../../../engine/text/tokenizer/tokenizer_files.ts";
import { withTemporaryFolder } from "../../../support/temporary_folder.ts";
import {
  addedToken,
  byteLevelJson,
  sentencePieceJson,
  smallTokenizers,
  tokenizerOf,
} from "../../../support/tokenizers/small_tokenizers.ts";
import { listShared, MODELS, readShared, sharedTokenizer } from "../../../support/tokenizers/shared_tokenizers.ts";

const SEED = 77;

interface Vector {
  readonly text: string;
  readonly ids: number[];
  readonly ids_with_special: number[];
  readonly decoded: string;
  readonly decoded_skip_special: string;
}

for (const file of listShared("goldens", "tokenizers")) {
  test(`Tokenizer() reproduces every vector of ${file}`, async () => {
    const golden = readShared<{ tokenizer: string; vectors: Vector[] }>("goldens", "tokenizers", file);
    const tokenizer = await sharedTokenizer(golden.tokenizer);
    assert(golden.vectors.length > 0);
    for (const vector of golden.vectors) {
      const skip = { skipSpecialTokens: true };
      assertEquals(tokenizer.encode(vector.text, { addSpecialTokens: false }), vector.ids, vector.text);
      assertEquals(tokenizer.encode(vector.text), vector.ids_with_special, vector.text);
      assertEquals(tokenizer.decode(vector.ids), vector.decoded, vector.text);
      assertEquals(tokenizer.decode(vector.ids_with_special, skip), vector.decoded_skip_special, vector.text);
    }
  });
}

if (MODELS === null) test.skip("Tokenizer() reproduces golden vectors (the shared models are not available)", () => {});

test("decode() inverts encode() for any text with byte-level BPE", () => {
  const tokenizer = tokenizerOf({ ...byteLevelJson(), normalizer: null });
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

test("encode() reads an unpaired surrogate as U+FFFD", () => {
  const tokenizer = smallTokenizers().get("byte-level BPE") as Tokenizer;
  assertEquals(tokenizer.encode("a\ud800b"), tokenizer.encode("a\ufffdb"));
});

test("encode() finishes on 300 KB of text without a space", () => {
  for (const tokenizer of smallTokenizers().values()) {
    const text = "thenupontimeaaaa".repeat(20_000);
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    assertEquals(tokenizer.decode(ids).replaceAll(" ", "").length >= text.length, true);
  }
});

test("encode() falls back to bytes before merging, or to one unknown token per run", () => {
  const json = sentencePieceJson();
  const tokenizer = tokenizerOf(json);
  assertEquals(tokenizer.encode("日").map((id) => tokenizer.idToToken(id)), ["<s>", "▁", "<0xE6>", "<0x97>", "<0xA5>"]);
  const model = json["model"] as JsonObject;
  const without = (fuse: boolean): Tokenizer =>
    tokenizerOf({ ...json, model: { ...model, byte_fallback: false, fuse_unk: fuse } });
  assertEquals(without(true).encode("日本", { addSpecialTokens: false }).length, 2);
  assertEquals(without(false).encode("日本", { addSpecialTokens: false }).length, 3);
});

/** How the small byte-level tokenizer, with other added tokens, splits a text. */
function split(tokens: JsonObject[], text: string, normalizer: JsonObject | null = null): (string | null)[] {
  const tokenizer = tokenizerOf({ ...byteLevelJson(), normalizer, added_tokens: tokens });
  return tokenizer.encode(text).map((id) => (tokenizer.isAdded(id) ? tokenizer.idToToken(id) : tokenizer.decode([id])));
}

test("encode() includes white space in the match of added tokens with lstrip or rstrip", () => {
  assertEquals(split([addedToken(0, "<m>")], "a <m> b"), ["a", " ", "<m>", " ", "b"]);
  assertEquals(split([addedToken(0, "<m>", { lstrip: true })], "a  <m> b"), ["a", "<m>", " ", "b"]);
  assertEquals(split([addedToken(0, "<m>", { rstrip: true })], "a <m>\n b"), ["a", " ", "<m>", "b"]);
});

test("encode() matches a single-word token between non-word characters only", () => {
  const tokens = [addedToken(0, "xy", { single_word: true })];
  assertEquals(split(tokens, "xy.xyz"), ["xy", ".", "x", "y", "z"]);
  assertEquals(split(tokens, "xyéxy"), ["x", "y", "é", "x", "y"]);
});

test("encode() matches the longest of the added tokens that start at the same position", () => {
  assertEquals(split([addedToken(0, "<m"), addedToken(1, "<m>x")], "<m>x<m>"), ["<m>x", "<m", ">"]);
});

test("encode() matches normalized tokens in normalized text, and others in the original text", () => {
  const lower = { type: "Lowercase" };
  assertEquals(split([addedToken(0, "<X>", { normalized: true })], "<x><X>", lower), ["<x>", "<x>"]);
  assertEquals(split([addedToken(0, "<X>")], "<X>a<x>", lower), ["<X>", "a", "<", "x", ">"]);
});

test("decode() skips ids that do not exist", () => {
  const tokenizer = smallTokenizers().get("byte-level BPE") as Tokenizer;
  const ids = tokenizer.encode("once");
  assertEquals(tokenizer.decode([-1, ...ids, tokenizer.vocabularySize]), "once");
  assertEquals(tokenizer.decode([]), "");
});

test("decode() omits special tokens, but not other added tokens", () => {
  const tokenizer = smallTokenizers().get("byte-level BPE") as Tokenizer;
  const ids = tokenizer.encode("a<|end|>b<think>");
  assertEquals(tokenizer.decode(ids), "a<|end|>b<think>");
  assertEquals(tokenizer.decode(ids, { skipSpecialTokens: true }), "ab<think>");
});

test("decode() returns one U+FFFD for each byte of an invalid run", () => {
  const tokenizer = tokenizerOf(sentencePieceJson());
  const ids = ["<0xE6>", "<0x97>", "a"].map((token) => tokenizer.tokenToId(token) as number);
  assertEquals(tokenizer.decode(ids), "\uFFFD\uFFFDa");
});

test("specialTokens names the tokens of the config and their ids", () => {
  const config = { bos_token: "<s>", eos_token: { content: "</s>" }, pad_token: null };
  const { specialTokens } = tokenizerOf(sentencePieceJson(), config);
  assertEquals(specialTokens, {
    bos: { text: "<s>", id: 1 },
    eos: { text: "</s>", id: 2 },
    pad: null,
    unk: { text: "<unk>", id: 0 },
  });
});

/** The error of loading a folder with these files. */
function loadError(files: Record<string, string>): Promise<UpbeatError> {
  return withTemporaryFolder((folder) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return assertRejects(() => Tokenizer.load(folder), UpbeatError);
  });
}

test("load() names the missing file", async () => {
  const error = await loadError({});
  assertEquals(error.code, "TOKENIZER_MISSING");
  assertStringIncludes(error.message, "tokenizer.json");
});

test("load() names the malformed file and the part of it", async () => {
  for (
    const [files, part] of [
      [{ "tokenizer.json": "{" }, "tokenizer.json is not valid JSON"],
      [{ "tokenizer.json": "[]" }, "must contain a JSON object"],
      [{ "tokenizer.json": "{}" }, "model"],
      [{ "tokenizer.json": JSON.stringify(byteLevelJson()), "tokenizer_config.json": "x" }, "tokenizer_config.json"],
    ] as const
  ) {
    const error = await loadError(files);
    assertEquals(error.code, "TOKENIZER_INVALID");
    assertStringIncludes(error.message, part);
    assertStringIncludes(String(error.details["file"]), ".json");
  }
});

test("Tokenizer() rejects what it cannot reproduce exactly", () => {
  const base = byteLevelJson();
  const model = base["model"] as JsonObject;
  for (
    const [change, part] of [
      [{ model: { type: "Unigram", vocab: [] } }, "Unigram"],
      [{ model: { ...model, vocab: { a: 1.5 } } }, "model.vocab"],
      [{ model: { ...model, merges: [["a", "nothing"]] } }, "model.merges[0]"],
      [{ model: { ...model, merges: ["ab"] } }, "model.merges[0]"],
      [{ normalizer: { type: "Precompiled" } }, "Precompiled"],
      [{ pre_tokenizer: { type: "UnicodeScripts" } }, "UnicodeScripts"],
      [{ pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Isolated" } }, "regular expression"],
      [{ pre_tokenizer: { type: "Split", pattern: { String: "x" }, behavior: "Odd" } }, "behavior"],
      [{ decoder: { type: "CTC" } }, "CTC"],
      [{ post_processor: { type: "Odd" } }, "post_processor"],
      [{ added_tokens: [{ content: 1 }] }, "added_tokens[0]"],
    ] as [JsonObject, string][]
  ) {
    const error = assertThrows(() => tokenizerOf({ ...base, ...change }), UpbeatError);
    assertEquals(error.code, "TOKENIZER_INVALID");
    assertEquals(error.details["file"], "small/tokenizer.json");
    assertStringIncludes(error.message, part);
  }
});

test("encode() adds BOS and EOS as tokenizer_config.json says, whatever the post-processor adds", () => {
  const config = { bos_token: "<s>", eos_token: { content: "</s>" } };
  const adding = sentencePieceJson();
  const without: JsonObject = { ...adding, post_processor: null };
  const text = tokenizerOf(without, config).encode("once");
  for (
    const [json, flags, expected] of [
      [adding, {}, [1, ...text]],
      [adding, { add_bos_token: true, add_eos_token: false }, [1, ...text]],
      [adding, { add_bos_token: false }, text],
      [adding, { add_bos_token: true, add_eos_token: true }, [1, ...text, 2]],
      [adding, { add_eos_token: true }, [...text, 2]],
      [without, {}, text],
      [without, { add_bos_token: true }, [1, ...text]],
      [without, { add_bos_token: null }, text],
    ] as [JsonObject, JsonObject, number[]][]
  ) assertEquals(tokenizerOf(json, { ...config, ...flags }).encode("once"), expected, JSON.stringify(flags));
  const error = assertThrows(() => tokenizerOf(adding, { bos_token: null, add_bos_token: true }), UpbeatError);
  assertStringIncludes(error.message, "add_bos_token");
});
