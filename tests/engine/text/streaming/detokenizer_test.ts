import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { StreamingDetokenizer } from "../../../../engine/text/streaming/detokenizer.ts";
import { decodeTokens, fallbackByte } from "../../../../engine/text/tokenizer/token_decoder.ts";
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

/** The characters of bytes, and U+FFFD for each byte that belongs to none. */
function charactersOf(bytes: readonly number[]): string[] {
  const characters: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const lengths = [1, 2, 3, 4].filter((length) => at + length <= bytes.length);
    const length = lengths.find((count) => isUtf8(bytes.slice(at, at + count)));
    characters.push(
      length === undefined
        ? "\uFFFD"
        : new TextDecoder().decode(Uint8Array.from([0x2e, ...bytes.slice(at, at + length)])).slice(1),
    );
    at += length ?? 1;
  }
  return characters;
}

function isUtf8(bytes: readonly number[]): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
    return true;
  } catch {
    return false;
  }
}

/** The text of decode(), but for runs of byte-fallback tokens: their characters, and U+FFFD for each other byte. */
function textOf(tokenizer: Tokenizer, ids: readonly number[], skipSpecialTokens: boolean): string {
  if (tokenizer.tokenTable.kind !== "byte_fallback") return tokenizer.decode(ids, { skipSpecialTokens });
  const tokens: string[] = [];
  let run: number[] = [];
  const endRun = () => {
    tokens.push(...charactersOf(run));
    run = [];
  };
  for (const id of ids) {
    const token = tokenizer.idToToken(id);
    if (token === null || (skipSpecialTokens && tokenizer.isSkipped(id))) continue;
    const byte = fallbackByte(token);
    if (byte >= 0) run.push(byte);
    else {
      endRun();
      tokens.push(token);
    }
  }
  endRun();
  return decodeTokens(tokens, tokenizer.decoder);
}

/** Deltas concatenate to the decoded text, and none of them ends inside a surrogate pair. */
function checkDeltas(tokenizer: Tokenizer, numRuns: number): void {
  fc.assert(
    fc.property(idSequences(tokenizer), fc.boolean(), (ids, skipSpecialTokens) => {
      const deltas = stream(tokenizer, ids, skipSpecialTokens);
      assertEquals(deltas.join(""), textOf(tokenizer, ids, skipSpecialTokens));
      for (const delta of deltas) assertEquals(delta.isWellFormed(), true);
    }),
    { seed: SEED, numRuns },
  );
}

/** After a prompt, deltas are what decoding prompt and generation together adds to decoding the prompt. */
function checkPrompt(tokenizer: Tokenizer, numRuns: number): void {
  fc.assert(
    fc.property(idSequences(tokenizer), idSequences(tokenizer), fc.boolean(), (prompt, ids, skipSpecialTokens) => {
      const before = textOf(tokenizer, prompt, skipSpecialTokens);
      const whole = textOf(tokenizer, [...prompt, ...ids], skipSpecialTokens);
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

test("push() returns each character of byte tokens with its last byte", () => {
  const ids = [...idsOf(sentencePiece, "<0xE6>", "<0x97>", "<0xA5>", "<0x0A>"), ...idsOf(sentencePiece, "▁upon")];
  assertEquals(stream(sentencePiece, ids, false), ["", "", "日", "\n", " upon", ""]);
});

test("push() returns U+FFFD for each byte token that belongs to no character", () => {
  const ids = idsOf(sentencePiece, "<0xE6>", "<0x97>", "<0x41>", "<0xFF>", "<0xE6>", "<0xE6>", "<0x97>", "<0xA5>");
  assertEquals(stream(sentencePiece, ids, false), ["", "", "\uFFFD\uFFFDA", "\uFFFD", "", "\uFFFD", "", "日", ""]);
});

test("flush() keeps the complete characters of byte tokens that are cut off", () => {
  const ids = idsOf(sentencePiece, "<0xE6>", "<0x97>", "<0xA5>", "<0xE6>", "<0x97>");
  assertEquals(stream(sentencePiece, ids, false).join(""), "日\uFFFD\uFFFD");
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
