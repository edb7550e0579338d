import { assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import { BytePairEncoder, compileModel } from "../../../../engine/text/bpe/bpe.ts";
import { pieceMerges } from "../../../../engine/text/gguf/piece_merges.ts";
import { pick, randomFrom } from "../../../support/damage.ts";

/** SentencePiece's algorithm as it is described: join the neighbours whose piece has the best score, the leftmost first. */
function joinPieces(text: string, scores: ReadonlyMap<string, number>): string[] {
  const symbols = Array.from(text);
  for (;;) {
    let [best, bestScore] = [-1, -Infinity];
    for (let at = 0; at + 1 < symbols.length; at++) {
      const score = scores.get(symbols[at]! + symbols[at + 1]!);
      if (score !== undefined && score > bestScore) [best, bestScore] = [at, score];
    }
    if (best < 0) return symbols;
    symbols.splice(best, 2, symbols[best]! + symbols[best + 1]!);
  }
}

test("merges ranked by scores join the pieces that SentencePiece joins, equal scores included", () => {
  const seed = 20_261_202;
  const random = randomFrom(seed);
  const letters = ["a", "b", "▁", "é", "𝄞"];
  let joined = 0;
  for (let run = 0; run < 300; run++) {
    const scores = new Map(letters.map((letter) => [letter, 0]));
    for (let piece = 0; piece < 25; piece++) {
      const text = Array.from({ length: 2 + random(4) }, () => pick(random, letters)).join("");
      scores.set(text, -random(6));
    }
    const tokens = [...scores.keys()];
    const { merges, ranks } = pieceMerges(scores, 1000)!;
    const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
    const encoder = new BytePairEncoder(compileModel({ vocab, merges, ranks }));
    for (const length of [6, 60]) {
      const text = Array.from({ length }, () => pick(random, letters)).join("");
      const ids: number[] = [];
      encoder.encode(text, ids);
      const expected = joinPieces(text, scores);
      assertEquals(ids.map((id) => tokens[id]), expected, `seed ${seed}, run ${run}`);
      joined += length - expected.length;
    }
  }
  assertGreater(joined, 1000);
});

test("pieceMerges() gives up when pieces divide in more ways than any model's", () => {
  const scores = new Map(Array.from({ length: 40 }, (_, length) => ["a".repeat(length + 1), -length]));
  assertEquals(pieceMerges(scores, 100), null);
  const long = new Map(Array.from({ length: 33_000 }, (_, index) => [`${index}`.padStart(250, "x"), 0]));
  assertEquals(pieceMerges(long, 100), null);
});
