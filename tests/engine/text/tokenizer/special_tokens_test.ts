import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { beginsWithTwoBos, type SpecialTokens } from "../../../../engine/text/tokenizer/special_tokens.ts";

test("beginsWithTwoBos() compares the first two tokens, where there is a BOS token", () => {
  const tokens = (id: number | null): SpecialTokens => ({ bos: { text: "<s>", id }, eos: null, pad: null, unk: null });
  assertEquals(beginsWithTwoBos([1, 1, 5], tokens(1)), true);
  for (const ids of [[1, 5, 1], [5, 1, 1], [1], [], null]) assertEquals(beginsWithTwoBos(ids, tokens(1)), false);
  assertEquals(beginsWithTwoBos([1, 1], tokens(null)), false);
  assertEquals(beginsWithTwoBos([1, 1], { ...tokens(1), bos: null }), false);
  assertEquals(beginsWithTwoBos([1, 1], undefined), false);
});
