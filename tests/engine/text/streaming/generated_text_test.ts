import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { StopCriteria } from "../../../../engine/scheduler/stop_criteria.ts";
import { GeneratedText } from "../../../../engine/text/streaming/generated_text.ts";
import type { Tokenizer } from "../../../../engine/text/tokenizer/tokenizer.ts";
import { smallTokenizers } from "../../../support/tokenizers/small_tokenizers.ts";

const SEED = 31337;
const small = smallTokenizers();
const sentencePiece = small.get("SentencePiece with byte fallback") as Tokenizer;
const byteLevel = small.get("byte-level BPE") as Tokenizer;

interface Case {
  readonly maxTokens?: number;
  readonly eosTokenIds?: readonly number[];
  readonly stopStrings: readonly string[];
}

/** The text of each token up to the one that ends the text, and why it ends. */
function generate(
  tokenizer: Tokenizer,
  ids: readonly number[],
  { maxTokens = ids.length, eosTokenIds = [], stopStrings }: Case,
) {
  const options = { promptTokenIds: tokenizer.encode("once"), maxTokens, eosTokenIds, stopStrings };
  const text = new GeneratedText(tokenizer.tokenTable, options);
  const pieces: string[] = [];
  for (const id of ids.slice(0, maxTokens)) {
    pieces.push(text.push(id));
    if (text.stopReason !== null) break;
  }
  return { pieces, tail: text.end(), stopReason: text.stopReason };
}

test("push() ends at a stop string of byte-fallback tokens with the token that completes it", () => {
  const ids = sentencePiece.encode("once\nupon", { addSpecialTokens: false });
  const at = ids.indexOf(sentencePiece.tokenToId("<0x0A>")!);
  for (const maxTokens of [at + 1, ids.length]) {
    const { pieces, tail, stopReason } = generate(sentencePiece, ids, { stopStrings: ["\n"], maxTokens });
    assertEquals([pieces.length, pieces.join("") + tail, stopReason], [at + 1, " once", "\n"]);
  }
});

test("push() ends at a stop string that is a special token", () => {
  const ids = byteLevel.encode("once<|end|>upon", { addSpecialTokens: false });
  const { pieces, tail, stopReason } = generate(byteLevel, ids, { stopStrings: ["<|end|>"] });
  assertEquals([pieces.join("") + tail, stopReason], ["once", "<|end|>"]);
  const spanning = generate(byteLevel, ids, { stopStrings: ["ce<|end|>up"] });
  assertEquals([spanning.pieces.join("") + spanning.tail, spanning.stopReason], ["on", "ce<|end|>up"]);
});

test("push() finds a stop string in the text that is shown, across a special token that is not", () => {
  const ids = byteLevel.encode("on<|end|>ce", { addSpecialTokens: false });
  const { pieces, tail, stopReason } = generate(byteLevel, ids, { stopStrings: ["nc"] });
  assertEquals([pieces.join("") + tail, stopReason], ["o", "nc"]);
});

test("push() ends with a stop string that the last token's incomplete character completes", () => {
  const ids = byteLevel.encode("日", { addSpecialTokens: false }).slice(0, 2);
  assertEquals(generate(byteLevel, ids, { stopStrings: ["\uFFFD"] }).stopReason, "\uFFFD");
});

test("push() shows a script of byte-fallback tokens as it comes, and a cut loses the last character only", () => {
  const word = "መልካም";
  const ids = sentencePiece.encode(word, { addSpecialTokens: false }).slice(1);
  const { pieces } = generate(sentencePiece, ids, { stopStrings: [] });
  assertEquals(pieces.filter((piece) => piece !== ""), Array.from(word));
  const cut = generate(sentencePiece, ids.slice(0, -1), { stopStrings: [] });
  assertEquals(cut.pieces.join("") + cut.tail, `${word.slice(0, -1)}\uFFFD\uFFFD`);
});

for (const [name, tokenizer] of small) {
  test(`StopCriteria() ends where the text does, for any tokens, with ${name}`, () => {
    const id = fc.nat({ max: tokenizer.vocabularySize });
    const stop = fc.oneof(
      fc.constantFrom("\n", "<s>", "<|end|>", "\uFFFD", " the", "s>"),
      fc.string({ minLength: 1, maxLength: 2 }),
    );
    fc.assert(
      fc.property(fc.array(id, { maxLength: 30 }), fc.array(stop, { maxLength: 3 }), fc.array(id, { maxLength: 2 }), (
        ids,
        stopStrings,
        eosTokenIds,
      ) => {
        const { pieces, tail, stopReason } = generate(tokenizer, ids, { stopStrings, eosTokenIds });
        const criteria = new StopCriteria(
          { stopStrings, eosTokenIds, maxTokens: ids.length },
          tokenizer.tokenTable,
          tokenizer.encode("once"),
        );
        const ends = ids.map((token) => criteria.push(token));
        const at = ends.findIndex((end) => end !== null);
        assertEquals(at < 0 ? null : ends[at], stopReason);
        assertEquals(at < 0 ? ids.length : at + 1, pieces.length);
        const text = pieces.join("") + tail;
        if (stopReason === null) { for (const found of stopStrings) assertEquals(text.includes(found), false); }
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
}
