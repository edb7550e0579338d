import { test } from "node:test";
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { LiteralText } from "../../../../engine/text/tokenizer/literal_text.ts";
import type { Tokenizer } from "../../../../engine/text/tokenizer/tokenizer.ts";
import {
  addedToken,
  byteLevelJson,
  smallTokenizers,
  tokenizerOf,
} from "../../../support/tokenizers/small_tokenizers.ts";
import { listShared, sharedTokenizer } from "../../../support/tokenizers/shared_tokenizers.ts";

const SEED = 2718;

/** Texts of whole special tokens, of their parts, and of other characters. */
function piecesOf(tokenizer: Tokenizer): fc.Arbitrary<string> {
  const tokens = tokenizer.shared.addedTokens.filter(({ special }) => special).map(({ content }) => content).slice(
    0,
    40,
  );
  const part = fc.tuple(fc.constantFrom(...tokens), fc.nat(), fc.nat()).map(([token, from, to]) => {
    const [start, end] = [from % token.length, to % (token.length + 1)].sort((a, b) => a - b);
    return token.slice(start, end);
  });
  return fc.oneof(fc.constantFrom(...tokens), part, fc.constantFrom("a", " ", "\n", "é", "👍", "<", "|>"));
}

function countSpecial(tokenizer: Tokenizer, ids: readonly number[]): number {
  return ids.filter((id) => tokenizer.isSpecial(id)).length;
}

/** Literal text has no special tokens, decodes to itself, and has the usual ids where there are none to avoid. */
function checkEncode(tokenizer: Tokenizer, numRuns: number): void {
  const literal = { addSpecialTokens: false, allowSpecialTokens: false };
  fc.assert(
    fc.property(fc.array(piecesOf(tokenizer), { maxLength: 10 }), (pieces) => {
      const text = pieces.join("");
      const ids = tokenizer.encode(text, literal);
      assertEquals(countSpecial(tokenizer, ids), 0, text);
      const usual = tokenizer.encode(text, { addSpecialTokens: false });
      if (countSpecial(tokenizer, usual) === 0) assertEquals(ids, usual, text);
      if (tokenizer.tokenTable.kind === "byte_level") {
        assertEquals(tokenizer.decode(ids), tokenizer.decode(usual), text);
      }
    }),
    { seed: SEED, numRuns },
  );
}

/** Of a text that is put together, only what the template wrote becomes special tokens. */
function checkParts(tokenizer: Tokenizer, numRuns: number): void {
  const piece = fc.array(piecesOf(tokenizer), { maxLength: 3 }).map((pieces) => pieces.join(""));
  const own = tokenizer.shared.addedTokens.find(({ special }) => special)!.content;
  const hasNormalized = tokenizer.shared.addedTokens.some(({ special, normalized }) => special && normalized);
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 4 }), fc.constantFrom("", own, "x", "<", "|>"), (parts, between) => {
      const { value, mark } = tokenizer.literalText.markValue(parts)!;
      const ids = tokenizer.encodeMarked(value.join(between), { addSpecialTokens: false, mark });
      const expected = between === own ? Math.max(0, parts.length - 1) : 0;
      // A normalized token is not matched everywhere: Llama 2's only after a space.
      if (hasNormalized && expected > 0) assertLessOrEqual(countSpecial(tokenizer, ids), expected);
      else assertEquals(countSpecial(tokenizer, ids), expected, JSON.stringify(parts));
    }),
    { seed: SEED, numRuns },
  );
}

for (const name of ["byte-level BPE", "SentencePiece with byte fallback"]) {
  const tokenizer = smallTokenizers().get(name) as Tokenizer;
  test(`encode() makes no special tokens of literal text with ${name}`, () => checkEncode(tokenizer, 500));
  test(`encodeMarked() makes no special tokens of parts of a text with ${name}`, () => checkParts(tokenizer, 500));
}

for (const name of listShared("tokenizers")) {
  test(`encode() makes no special tokens of literal text with the real tokenizer ${name}`, async () => {
    const tokenizer = await sharedTokenizer(name);
    checkEncode(tokenizer, 100);
    checkParts(tokenizer, 100);
  });
}

test("encode() encodes a special token of one character as text", () => {
  const json = byteLevelJson();
  const size = Object.keys((json["model"] as { vocab: object }).vocab).length;
  const tokenizer = tokenizerOf({ ...json, added_tokens: [addedToken(size, "→"), addedToken(size + 1, "👍")] });
  const ids = tokenizer.encode("a→👍b", { allowSpecialTokens: false });
  assertEquals(countSpecial(tokenizer, ids), 0);
  assertEquals(tokenizer.decode(ids), "a→👍b");
});

test("markValue() returns values without special tokens as they are, and takes a mark that is in none", () => {
  const literal = new LiteralText(["<|end|>"]);
  const value = { role: "user", content: ["a < b", 1, null, true], nested: { text: "x|y" } };
  assertEquals(literal.markValue(value)?.value, value);
  const first = literal.markValue("<|end|>")!;
  const other = literal.markValue(`${first.mark}<|end|>`)!;
  assert(first.mark !== other.mark);
  assertEquals(other.value, `${first.mark}<${other.mark}|end|>`);
});

test("markValue() marks where a text begins or ends within a special token", () => {
  const { value, mark } = new LiteralText(["<|end|>"]).markValue(["<|e", "nd|>", "a<", "|>b", "n"])!;
  assertEquals(value, [`<|e${mark}`, `${mark}nd|>`, `a<${mark}`, `${mark}|>b`, "n"]);
});
