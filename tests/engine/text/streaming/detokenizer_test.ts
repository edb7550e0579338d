import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { StreamingDetokenizer } from "../../../../engine/text/streaming/detokenizer.ts";
import { TokenTable } from "../../../../engine/text/tokenizer/token_table.ts";
import type { Tokenizer } from "../../../../engine/text/tokenizer/tokenizer.ts";
import { smallTokenizers } from "../tokenizer/small_tokenizers.ts";
import { listShared, MODELS, sharedTokenizer } from "../tokenizer/shared_tokenizers.ts";

const SEED = 20240607;

const TEXTS = [
  "once upon a time, there",
  " leading and trailing ",
  "été naïve Ünïcödé — “quotes”",
  "你好，世界。こんにちは 안녕하세요",
  "Привет мир שלום مرحبا สวัสดี हिन्दी",
  "👨‍👩‍👧‍👦 👩🏽‍💻 🇩🇪 ❤️ 1️⃣",
  "\n\n  indented\n\ttab\r\n",
  "\u{feff}mark \u{fffd} \u{0} end",
];

/** Ids a stream may meet: real text, bytes in disorder, special and unknown ids. */
function idSequences(tokenizer: Tokenizer): fc.Arbitrary<number[]> {
  const size = tokenizer.vocabularySize;
  const bytes = tokenizer.tokenTable.flags.reduce<number[]>((ids, flags, id) => {
    if ((flags & 8) !== 0 || tokenizer.tokenTable.bytesOf(id).length === 1) ids.push(id);
    return ids;
  }, []);
  const marked = tokenizer.tokenTable.flags.reduce<number[]>((ids, flags, id) => {
    if ((flags & 16) !== 0) ids.push(id);
    return ids;
  }, []);
  const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: "binary", maxLength: 8 })).map((value) =>
    tokenizer.encode(value, { addSpecialTokens: false })
  );
  const one = fc.oneof(
    fc.integer({ min: 0, max: size - 1 }),
    fc.constantFrom(...bytes),
    ...(marked.length > 0 ? [fc.constantFrom(...marked)] : []),
    fc.constantFrom(size, size + 7, -1),
  ).map((id) => [id]);
  return fc.array(fc.oneof(text, one, one, one), { maxLength: 12 }).map((parts) => parts.flat());
}

function stream(tokenizer: Tokenizer, ids: readonly number[], skipSpecialTokens: boolean, prompt?: number[]): string[] {
  const detokenizer = new StreamingDetokenizer(tokenizer.tokenTable, {
    skipSpecialTokens,
    ...(prompt === undefined ? {} : { prompt }),
  });
  return [...ids.map((id) => detokenizer.push(id)), detokenizer.flush()];
}

/** Deltas add up to the whole, and none of them ends inside a surrogate pair. */
function checkWhole(tokenizer: Tokenizer, numRuns: number): void {
  fc.assert(
    fc.property(idSequences(tokenizer), fc.boolean(), (ids, skipSpecialTokens) => {
      const deltas = stream(tokenizer, ids, skipSpecialTokens);
      assertEquals(deltas.join(""), tokenizer.decode(ids, { skipSpecialTokens }));
      for (const delta of deltas) assertEquals(delta.isWellFormed(), true);
    }),
    { seed: SEED, numRuns },
  );
}

/** After a prompt, deltas are what decoding prompt and generation adds to decoding the prompt. */
function checkPrompt(tokenizer: Tokenizer, numRuns: number): void {
  fc.assert(
    fc.property(idSequences(tokenizer), idSequences(tokenizer), fc.boolean(), (prompt, ids, skipSpecialTokens) => {
      const before = tokenizer.decode(prompt, { skipSpecialTokens });
      const whole = tokenizer.decode([...prompt, ...ids], { skipSpecialTokens });
      const text = stream(tokenizer, ids, skipSpecialTokens, prompt).join("");
      // Not well defined when the generation completes a character that the prompt broke off.
      if (whole.startsWith(before)) assertEquals(text, whole.slice(before.length));
    }),
    { seed: SEED, numRuns },
  );
}

for (const [name, tokenizer] of smallTokenizers()) {
  test(`StreamingDetokenizer() adds up to decode() for any ids with ${name}`, () => checkWhole(tokenizer, 400));
  test(`StreamingDetokenizer() continues a prompt with ${name}`, () => checkPrompt(tokenizer, 400));
}

for (const name of listShared("tokenizers")) {
  test(`StreamingDetokenizer() adds up to decode() with the real tokenizer ${name}`, async () => {
    const tokenizer = await sharedTokenizer(name);
    checkWhole(tokenizer, 60);
    checkPrompt(tokenizer, 60);
  });
}
if (MODELS === null) test.skip("StreamingDetokenizer() with real tokenizers: the shared models are not here", () => {});

const small = smallTokenizers();
const sentencePiece = small.get("SentencePiece with byte fallback") as Tokenizer;
const byteLevel = small.get("byte-level BPE") as Tokenizer;

/** Ids of tokens by their text. */
function idsOf(tokenizer: Tokenizer, ...tokens: string[]): number[] {
  return tokens.map((token) => tokenizer.tokenToId(token) as number);
}

test("push() keeps the space of the first token after a prompt and drops it at the start", () => {
  const [upon] = idsOf(sentencePiece, "▁upon");
  const options = { skipSpecialTokens: true };
  const prompt = sentencePiece.encode("once");
  const table = sentencePiece.tokenTable;
  assertEquals(new StreamingDetokenizer(table, options).push(upon as number), "upon");
  assertEquals(new StreamingDetokenizer(table, { ...options, prompt: [1] }).push(upon as number), "upon");
  assertEquals(new StreamingDetokenizer(table, { ...options, prompt }).push(upon as number), " upon");
  assertEquals(new StreamingDetokenizer(table, { prompt: [1] }).push(upon as number), " upon");
});

test("push() writes a character when its last byte arrives", () => {
  const ids = byteLevel.encode("日", { addSpecialTokens: false });
  assertEquals(stream(byteLevel, ids, false), ["", "", "日", ""]);
});

test("push() writes a run of byte tokens when it ends", () => {
  const ids = [...idsOf(sentencePiece, "<0xE6>", "<0x97>", "<0xA5>"), ...idsOf(sentencePiece, "▁upon")];
  assertEquals(stream(sentencePiece, ids, false), ["", "", "", "日 upon", ""]);
});

test("push() writes a run of byte tokens at once when it can no longer be valid", () => {
  const ids = idsOf(sentencePiece, "<0xE6>", "<0x97>", "<0x41>", "<0x41>");
  assertEquals(stream(sentencePiece, ids, false), ["", "", "\uFFFD\uFFFD\uFFFD", "\uFFFD", ""]);
});

test("flush() writes U+FFFD for an unfinished character", () => {
  const ids = byteLevel.encode("日", { addSpecialTokens: false }).slice(0, 2);
  assertEquals(stream(byteLevel, ids, false), ["", "", "\uFFFD"]);
});

test("push() completes a character that the prompt broke off", () => {
  const ids = byteLevel.encode("日", { addSpecialTokens: false });
  assertEquals(stream(byteLevel, ids.slice(2), false, ids.slice(0, 2)).join(""), "日");
  assertEquals(stream(byteLevel, [], false, ids.slice(0, 2)).join(""), "");
});

test("TokenTable.fromShared() reads the memory that structuredClone() shares", () => {
  for (const tokenizer of small.values()) {
    const table = tokenizer.tokenTable;
    const copy = TokenTable.fromShared(structuredClone(table.shared));
    assertEquals(copy.size, tokenizer.vocabularySize);
    const flags = table.flags[0] as number;
    copy.flags[0] = 128;
    assertEquals(table.flags[0], 128);
    copy.flags[0] = flags;
    const ids = tokenizer.encode("once upon été 日");
    const detokenizer = new StreamingDetokenizer(copy, { skipSpecialTokens: true });
    const text = ids.map((id) => detokenizer.push(id)).join("") + detokenizer.flush();
    assertEquals(text, tokenizer.decode(ids, { skipSpecialTokens: true }));
  }
});
