import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { StreamingDetokenizer } from "../../../../engine/text/streaming/detokenizer.ts";
import type { Tokenizer } from "../../../../engine/text/tokenizer/tokenizer.ts";
import { smallTokenizers } from "../../../support/tokenizers/small_tokenizers.ts";
import { listShared, MODELS, readShared, sharedTokenizer } from "../../../support/tokenizers/shared_tokenizers.ts";

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

/** Sequences of ids: real text, arbitrary bytes, special and unknown ids. */
function idSequences(tokenizer: Tokenizer): fc.Arbitrary<number[]> {
  const size = tokenizer.vocabularySize;
  const allIds = Array.from({ length: size }, (_, id) => id);
  const bytes = allIds.filter((id) => tokenizer.tokenTable.bytesOf(id).length === 1);
  const added = allIds.filter((id) => tokenizer.isAdded(id));
  const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: "binary", maxLength: 8 })).map((value) =>
    tokenizer.encode(value, { addSpecialTokens: false })
  );
  const one = fc.oneof(
    fc.integer({ min: 0, max: size - 1 }),
    fc.constantFrom(...bytes),
    ...(added.length > 0 ? [fc.constantFrom(...added)] : []),
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

/** Deltas concatenate to the decoded text, and none of them ends inside a surrogate pair. */
function checkDeltas(tokenizer: Tokenizer, numRuns: number): void {
  fc.assert(
    fc.property(idSequences(tokenizer), fc.boolean(), (ids, skipSpecialTokens) => {
      const deltas = stream(tokenizer, ids, skipSpecialTokens);
      assertEquals(deltas.join(""), tokenizer.decode(ids, { skipSpecialTokens }));
      for (const delta of deltas) assertEquals(delta.isWellFormed(), true);
    }),
    { seed: SEED, numRuns },
  );
}

/** After a prompt, deltas are what decoding prompt and generation together adds to decoding the prompt. */
function checkPrompt(tokenizer: Tokenizer, numRuns: number): void {
  fc.assert(
    fc.property(idSequences(tokenizer), idSequences(tokenizer), fc.boolean(), (prompt, ids, skipSpecialTokens) => {
      const before = tokenizer.decode(prompt, { skipSpecialTokens });
      const whole = tokenizer.decode([...prompt, ...ids], { skipSpecialTokens });
      const text = stream(tokenizer, ids, skipSpecialTokens, prompt).join("");
      // Undefined when the generation completes a character that the prompt cut off.
      if (whole.startsWith(before)) assertEquals(text, whole.slice(before.length));
    }),
    { seed: SEED, numRuns },
  );
}

for (const [name, tokenizer] of smallTokenizers()) {
  test(`StreamingDetokenizer() returns the text of decode() for any ids with ${name}`, () =>
    checkDeltas(tokenizer, 400));
  test(`StreamingDetokenizer() continues the text of a prompt with ${name}`, () => checkPrompt(tokenizer, 400));
}

for (const name of listShared("tokenizers")) {
  test(`StreamingDetokenizer() returns the text of decode() with the real tokenizer ${name}`, async () => {
    const tokenizer = await sharedTokenizer(name);
    checkDeltas(tokenizer, 60);
    checkPrompt(tokenizer, 60);
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
  test(`StreamingDetokenizer() reproduces the generated text of ${file}`, async () => {
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

if (MODELS === null) {
  test.skip("StreamingDetokenizer() with real tokenizers (the shared models are not available)", () => {});
}

const small = smallTokenizers();
const sentencePiece = small.get("SentencePiece with byte fallback") as Tokenizer;
const byteLevel = small.get("byte-level BPE") as Tokenizer;

/** Ids of tokens by their text. */
function idsOf(tokenizer: Tokenizer, ...tokens: string[]): number[] {
  return tokens.map((token) => tokenizer.tokenToId(token) as number);
}

test("push() keeps the first token's leading space after a prompt and strips it at the start of the text", () => {
  const [upon] = idsOf(sentencePiece, "▁upon");
  const options = { skipSpecialTokens: true };
  const prompt = sentencePiece.encode("once");
  const table = sentencePiece.tokenTable;
  assertEquals(new StreamingDetokenizer(table, options).push(upon as number), "upon");
  assertEquals(new StreamingDetokenizer(table, { ...options, prompt: [1] }).push(upon as number), "upon");
  assertEquals(new StreamingDetokenizer(table, { ...options, prompt }).push(upon as number), " upon");
  assertEquals(new StreamingDetokenizer(table, { prompt: [1] }).push(upon as number), " upon");
});

test("push() returns a character when its last byte arrives", () => {
  const ids = byteLevel.encode("日", { addSpecialTokens: false });
  assertEquals(stream(byteLevel, ids, false), ["", "", "日", ""]);
});

test("push() returns a run of byte tokens when it ends", () => {
  const ids = [...idsOf(sentencePiece, "<0xE6>", "<0x97>", "<0xA5>"), ...idsOf(sentencePiece, "▁upon")];
  assertEquals(stream(sentencePiece, ids, false), ["", "", "", "日 upon", ""]);
});

test("push() returns a run of byte tokens at once when it can no longer be valid", () => {
  const ids = idsOf(sentencePiece, "<0xE6>", "<0x97>", "<0x41>", "<0x41>");
  assertEquals(stream(sentencePiece, ids, false), ["", "", "\uFFFD\uFFFD\uFFFD", "\uFFFD", ""]);
});

test("flush() returns U+FFFD for an incomplete character", () => {
  const ids = byteLevel.encode("日", { addSpecialTokens: false }).slice(0, 2);
  assertEquals(stream(byteLevel, ids, false), ["", "", "\uFFFD"]);
});

test("push() completes a character that the prompt cut off", () => {
  const ids = byteLevel.encode("日", { addSpecialTokens: false });
  assertEquals(stream(byteLevel, ids.slice(2), false, ids.slice(0, 2)).join(""), "日");
  assertEquals(stream(byteLevel, [], false, ids.slice(0, 2)).join(""), "");
});
