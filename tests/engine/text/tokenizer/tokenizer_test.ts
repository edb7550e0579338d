import { test } from "node:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UpbeatError } from "../../../../errors.ts";
import { BytePairEncoder } from "../../../../engine/text/tokenizer/bpe.ts";
import { StreamingDetokenizer } from "../../../../engine/text/streaming/detokenizer.ts";
import { emulateAtomic } from "../../../../engine/text/tokenizer/patterns.ts";
import { Tokenizer } from "../../../../engine/text/tokenizer/tokenizer.ts";
import type { JsonObject } from "../../../../engine/text/tokenizer/tokenizer_files.ts";
import { addedToken, byteLevelJson, sentencePieceJson, smallTokenizers, tokenizerOf } from "./small_tokenizers.ts";
import { listShared, MODELS, readShared, sharedTokenizer } from "./shared_tokenizers.ts";

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

interface Generation {
  readonly prompt: string;
  readonly prompt_ids: number[];
  readonly greedy_ids: number[];
  readonly first_stop_index: number | null;
  readonly text: string;
  readonly completion_until_stop: string;
}

for (const file of listShared("goldens").filter((name) => name.endsWith(".json"))) {
  test(`StreamingDetokenizer() writes the generated text of ${file}`, async () => {
    const golden = readShared<{ model: string; cases: Generation[] }>("goldens", file);
    const tokenizer = await sharedTokenizer(golden.model);
    for (const { prompt, prompt_ids, greedy_ids, first_stop_index, text, completion_until_stop } of golden.cases) {
      assertEquals(tokenizer.encode(prompt), prompt_ids);
      const until = first_stop_index ?? greedy_ids.length;
      for (
        const [ids, skipSpecialTokens, whole] of [
          [greedy_ids, false, text],
          [greedy_ids.slice(0, until), true, completion_until_stop],
        ] as const
      ) {
        const detokenizer = new StreamingDetokenizer(tokenizer.tokenTable, { skipSpecialTokens, prompt: prompt_ids });
        const written = ids.map((id) => detokenizer.push(id)).join("") + detokenizer.flush();
        assertEquals(tokenizer.decode(prompt_ids, { skipSpecialTokens }) + written, whole);
      }
    }
  });
}

if (MODELS === null) test.skip("Tokenizer() against golden vectors: the shared models are not here", () => {});

test("encode() and decode() are inverse for any text with byte-level BPE", () => {
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

test("encode() merges in the order of ranks, leftmost first, for words of any length", () => {
  const vocab = Object.fromEntries(
    ["a", "b", "c", "ab", "bc", "abc", "aa", "aaaa", "ca"].map((token, id) => [token, id]),
  );
  const merges = [["b", "c"], ["a", "a"], ["a", "b"], ["a", "bc"], ["aa", "aa"], ["c", "a"]];
  const model = new BytePairEncoder({ vocab, merges: merges.map((pair) => pair.join(" ")) });
  const naive = (word: string): string[] => {
    const symbols = Array.from(word);
    for (;;) {
      let best: [rank: number, at: number] = [Infinity, -1];
      for (let i = 0; i + 1 < symbols.length; i++) {
        const rank = merges.findIndex(([left, right]) => left === symbols[i] && right === symbols[i + 1]);
        if (rank >= 0 && rank < best[0]) best = [rank, i];
      }
      if (best[1] < 0) return symbols;
      symbols.splice(best[1], 2, (symbols[best[1]] as string) + symbols[best[1] + 1]);
    }
  };
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 120 }), (word) => {
      const ids: number[] = [];
      model.encode(word, ids);
      assertEquals(ids, naive(word).map((token) => vocab[token] as number));
    }),
    { seed: SEED, numRuns: 400 },
  );
});

test("encode() finishes on 300 KB without a space", () => {
  for (const tokenizer of smallTokenizers().values()) {
    const text = "thenupontimeaaaa".repeat(20_000);
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    assertEquals(tokenizer.decode(ids).replaceAll(" ", "").length >= text.length, true);
  }
});

test("encode() falls back to bytes before merging and to one unknown token for a run", () => {
  const json = sentencePieceJson();
  const tokenizer = tokenizerOf(json);
  assertEquals(tokenizer.encode("日").map((id) => tokenizer.idToToken(id)), ["<s>", "▁", "<0xE6>", "<0x97>", "<0xA5>"]);
  const model = json["model"] as JsonObject;
  const without = (fuse: boolean): Tokenizer =>
    tokenizerOf({ ...json, model: { ...model, byte_fallback: false, fuse_unk: fuse } });
  assertEquals(without(true).encode("日本", { addSpecialTokens: false }).length, 2);
  assertEquals(without(false).encode("日本", { addSpecialTokens: false }).length, 3);
});

/** The small byte-level tokenizer with other added tokens, and how it cuts a text. */
function cut(tokens: JsonObject[], text: string, normalizer: JsonObject | null = null): (string | null)[] {
  const tokenizer = tokenizerOf({ ...byteLevelJson(), normalizer, added_tokens: tokens });
  return tokenizer.encode(text).map((id) => (tokenizer.isAdded(id) ? tokenizer.idToToken(id) : tokenizer.decode([id])));
}

test("encode() lets added tokens swallow white space where they say so", () => {
  assertEquals(cut([addedToken(0, "<m>")], "a <m> b"), ["a", " ", "<m>", " ", "b"]);
  assertEquals(cut([addedToken(0, "<m>", { lstrip: true })], "a  <m> b"), ["a", "<m>", " ", "b"]);
  assertEquals(cut([addedToken(0, "<m>", { rstrip: true })], "a <m>\n b"), ["a", " ", "<m>", "b"]);
});

test("encode() matches a single-word token between non-word characters only", () => {
  const tokens = [addedToken(0, "xy", { single_word: true })];
  assertEquals(cut(tokens, "xy.xyz"), ["xy", ".", "x", "y", "z"]);
  assertEquals(cut(tokens, "xyéxy"), ["x", "y", "é", "x", "y"]);
});

test("encode() takes the longest of the added tokens that start at one place", () => {
  assertEquals(cut([addedToken(0, "<m"), addedToken(1, "<m>x")], "<m>x<m>"), ["<m>x", "<m", ">"]);
});

test("encode() matches normalized tokens in normalized text, and others in the text as it is", () => {
  const lower = { type: "Lowercase" };
  assertEquals(cut([addedToken(0, "<X>", { normalized: true })], "<x><X>", lower), ["<x>", "<x>"]);
  assertEquals(cut([addedToken(0, "<X>")], "<X>a<x>", lower), ["<X>", "a", "<", "x", ">"]);
});

test("decode() leaves out ids that do not exist", () => {
  const tokenizer = smallTokenizers().get("byte-level BPE") as Tokenizer;
  const ids = tokenizer.encode("once");
  assertEquals(tokenizer.decode([-1, ...ids, tokenizer.vocabularySize]), "once");
  assertEquals(tokenizer.decode([]), "");
});

test("decode() skips special tokens, but not added ones that are not special", () => {
  const tokenizer = smallTokenizers().get("byte-level BPE") as Tokenizer;
  const ids = tokenizer.encode("a<|end|>b<think>");
  assertEquals(tokenizer.decode(ids), "a<|end|>b<think>");
  assertEquals(tokenizer.decode(ids, { skipSpecialTokens: true }), "ab<think>");
});

test("decode() writes one U+FFFD for each byte of an invalid run", () => {
  const tokenizer = tokenizerOf(sentencePieceJson());
  const ids = ["<0xE6>", "<0x97>", "a"].map((token) => tokenizer.tokenToId(token) as number);
  assertEquals(tokenizer.decode(ids), "\uFFFD\uFFFDa");
});

test("emulateAtomic() keeps a possessive quantifier and an atomic group from giving back", () => {
  const compiled = (source: string): RegExp => new RegExp(`^(?:${emulateAtomic(source)})$`, "u");
  assertEquals(compiled("a++b").test("aaab"), true);
  assertEquals(compiled("a++ab").test("aaab"), false);
  assertEquals(compiled("[ab]?+a").test("a"), false);
  assertEquals(compiled("(?>a|ab)c").test("abc"), false);
  assertEquals(compiled("(?>ab|a)c").test("abc"), true);
  assertEquals(compiled("(x(?>a*+b)++)c").test("xaabbc"), true);
  assertEquals(emulateAtomic("\\p{L}+|\\s+(?!\\S)"), "\\p{L}+|\\s+(?!\\S)");
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

/** Load a folder that holds one file. */
async function loadFolder(files: Record<string, string>): Promise<UpbeatError> {
  const folder = await mkdtemp(join(tmpdir(), "upbeat-tokenizer-"));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return await assertRejects(() => Tokenizer.load(folder), UpbeatError);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("load() says which file is missing", async () => {
  const error = await loadFolder({});
  assertEquals(error.code, "TOKENIZER_MISSING");
  assertStringIncludes(error.message, "tokenizer.json");
});

test("load() says which file is malformed, and where", async () => {
  for (
    const [files, part] of [
      [{ "tokenizer.json": "{" }, "tokenizer.json is not valid JSON"],
      [{ "tokenizer.json": "[]" }, "must hold a JSON object"],
      [{ "tokenizer.json": "{}" }, "model"],
      [{ "tokenizer.json": JSON.stringify(byteLevelJson()), "tokenizer_config.json": "x" }, "tokenizer_config.json"],
    ] as const
  ) {
    const error = await loadFolder(files);
    assertEquals(error.code, "TOKENIZER_INVALID");
    assertStringIncludes(error.message, part);
    assertStringIncludes(String(error.details["file"]), ".json");
  }
});

test("Tokenizer() refuses what it could not reproduce exactly", () => {
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

test("tokenTable refuses a decoder that could not be streamed", () => {
  const decoders = [{ type: "Fuse" }, { type: "Replace", pattern: { String: "ab" }, content: "c" }];
  const tokenizer = tokenizerOf({ ...byteLevelJson(), decoder: { type: "Sequence", decoders } });
  const error = assertThrows(() => tokenizer.tokenTable, UpbeatError);
  assertStringIncludes(error.message, "Replace");
});
