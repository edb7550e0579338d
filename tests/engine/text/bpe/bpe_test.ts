import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { BytePairEncoder, compileModel } from "../../../../engine/text/bpe/bpe.ts";

test("encode() merges the lowest rank first, leftmost on a tie, in words of any length", () => {
  const vocab = Object.fromEntries(
    ["a", "b", "c", "ab", "bc", "abc", "aa", "aaaa", "ca"].map((token, id) => [token, id]),
  );
  const merges = [["b", "c"], ["a", "a"], ["a", "b"], ["a", "bc"], ["aa", "aa"], ["c", "a"]];
  const model = new BytePairEncoder(compileModel({ vocab, merges: merges.map((pair) => pair.join(" ")) }));
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
    { seed: 77, numRuns: 400 },
  );
});
