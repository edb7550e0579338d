/** Tokenizer files that ask for more than any model needs. */
import { test } from "node:test";
import { assert, assertEquals, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UpbeatError } from "../../../../errors.ts";
import { mostIdsOfModel } from "../../../../engine/text/tokenizer/limits.ts";
import type { JsonObject } from "../../../../engine/text/tokenizer/tokenizer_files.ts";
import {
  addedToken,
  byteLevelJson,
  sentencePieceJson,
  tokenizerOf,
} from "../../../support/tokenizers/small_tokenizers.ts";

const base = byteLevelJson();
const model = base["model"] as JsonObject;
const vocab = model["vocab"] as Record<string, number>;

function sequence(key: string, steps: unknown[]): JsonObject {
  return { type: "Sequence", [key]: steps };
}

function replace(from: string, to: string): JsonObject {
  return { type: "Replace", pattern: { String: from }, content: to };
}

/** A step within steps, many levels deep. */
function nested(key: string, depth: number): JsonObject {
  let step: JsonObject = { type: "ByteLevel", use_regex: false };
  for (let i = 0; i < depth; i++) step = sequence(key, [step]);
  return step;
}

const template = {
  type: "TemplateProcessing",
  single: [...Array(100_000).fill({ SpecialToken: { id: "e" } }), { Sequence: { id: "A" } }],
  special_tokens: { e: { ids: [0] } },
};

/** What is wrong, by the part that the error names. */
const CASES: readonly [part: string, change: JsonObject][] = [
  ["model.vocab", { model: { ...model, vocab: { ...vocab, zz: 2 ** 31 - 1 } } }],
  ["model.vocab", { model: { ...model, vocab: { ...vocab, zz: 200_000_000 } } }],
  ["model.merges", { model: { ...model, merges: Array(100_000).fill((model["merges"] as unknown[])[0]) } }],
  ["model.continuing_subword_prefix", { model: { ...model, continuing_subword_prefix: "#".repeat(1_000_000) } }],
  ["model.end_of_word_suffix", { model: { ...model, end_of_word_suffix: "#".repeat(1_000_000) } }],
  ["added_tokens[0]", { added_tokens: [addedToken(0, "x".repeat(100_000))] }],
  ["added_tokens", { added_tokens: Array.from({ length: 60_000 }, (_, id) => addedToken(id, `<a long token ${id}>`)) }],
  ["normalizer.prepend", { normalizer: { type: "Prepend", prepend: "x".repeat(10_000) } }],
  ["normalizer", { normalizer: { type: "Prepend", prepend: "x".repeat(10_000_000) } }],
  ["normalizer.content", { normalizer: replace("a", "b".repeat(10_000)) }],
  ["normalizer", { normalizer: sequence("normalizers", Array(10_000).fill({ type: "NFC" })) }],
  ["normalizer", { normalizer: nested("normalizers", 1_000) }],
  ["normalizer", {
    normalizer: sequence("normalizers", Array(40).fill(replace("e", "ee"))),
    added_tokens: [addedToken(0, "e", { normalized: true })],
  }],
  ["pre_tokenizer", { pre_tokenizer: sequence("pretokenizers", Array(1_000).fill({ type: "Digits" })) }],
  ["pre_tokenizer", { pre_tokenizer: nested("pretokenizers", 1_000) }],
  ["pre_tokenizer.replacement", { pre_tokenizer: { type: "Metaspace", replacement: "▁".repeat(1_000) } }],
  ["pre_tokenizer.pattern", {
    pre_tokenizer: { type: "Split", behavior: "Isolated", pattern: { Regex: "a|".repeat(50_000) } },
  }],
  ["post_processor", { post_processor: template }],
  ["post_processor.special_tokens", {
    post_processor: { ...template, single: template.single.slice(-2), special_tokens: { e: { ids: [1e999] } } },
  }],
  ["decoder", { decoder: nested("decoders", 1_000) }],
  ["decoder.content", { decoder: replace("a", "b".repeat(10_000)) }],
];

test("Tokenizer() refuses sizes that no model has, at once, and names the part", () => {
  for (const [part, change] of CASES) {
    const start = performance.now();
    const error = assertThrows(() => tokenizerOf({ ...base, ...change }), UpbeatError, undefined, part);
    assertEquals(error.code, "TOKENIZER_INVALID", part);
    assertStringIncludes(error.message, part);
    assertLess(error.message.length, 1_000);
    assertLess(performance.now() - start, 1_000, part);
  }
});

test("mostIdsOfModel() allows some ids beyond the model's, but not a tokenizer of another model", () => {
  assert(mostIdsOfModel(32_000) >= 32_016 && mostIdsOfModel(320) >= 321);
  assert(mostIdsOfModel(32_000) < 50_257 && mostIdsOfModel(128_256) < 151_643);
});

test("encode() ends where a tokenizer's steps multiply the text", () => {
  const steps = (count: number, step: JsonObject) => Array(count).fill(step) as JsonObject[];
  for (
    const change of [
      { normalizer: sequence("normalizers", steps(40, replace("e", "ee"))) },
      { normalizer: sequence("normalizers", steps(30, { type: "ByteLevel" })) },
      { pre_tokenizer: sequence("pretokenizers", steps(40, { type: "ByteLevel", use_regex: false })) },
      {
        pre_tokenizer: sequence("pretokenizers", [
          { type: "Split", behavior: "Isolated", pattern: { Regex: "." } },
          { type: "Metaspace", replacement: "▁".repeat(200), prepend_scheme: "always", split: false },
        ]),
      },
    ] as JsonObject[]
  ) {
    const tokenizer = tokenizerOf({ ...base, added_tokens: [], ...change });
    const start = performance.now();
    const error = assertThrows(() => tokenizer.encode("é e".repeat(1_000)), UpbeatError);
    assertEquals(error.code, "TOKENIZER_INVALID");
    assertStringIncludes(error.message, "longer than");
    assertLess(performance.now() - start, 1_000);
  }
});

test("tokenTable ends where a decoder multiplies the text of tokens", () => {
  const json = sentencePieceJson();
  const decoder = sequence("decoders", Array(40).fill(replace("a", "aa")));
  assertEquals(assertThrows(() => tokenizerOf({ ...json, decoder }).tokenTable, UpbeatError).code, "TOKENIZER_INVALID");
  const tokenizer = tokenizerOf({ ...json, decoder });
  const error = assertThrows(() => tokenizer.decode(tokenizer.encode("aaaa")), UpbeatError);
  assertEquals(error.code, "TOKENIZER_INVALID");
});

/** Any JSON in place of any part of a tokenizer's file. */
const mutations = fc.tuple(
  fc.constantFrom("model", "normalizer", "pre_tokenizer", "post_processor", "decoder", "added_tokens"),
  fc.array(fc.nat({ max: 5 }), { maxLength: 4 }),
  fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>(-1, 1e9, 2 ** 31 - 1, "x".repeat(100_000), [], {}, null, true, "ByteLevel", "Replace"),
  ),
);

test("Tokenizer() and encode() throw typed errors only, and soon, for any change of a tokenizer's file", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(mutations, { minLength: 1, maxLength: 3 }), (isByteLevel, changes) => {
      const json = structuredClone(isByteLevel ? base : sentencePieceJson()) as Record<string, unknown>;
      for (const [field, path, value] of changes) {
        let parent = json;
        let key: string = field;
        for (const step of path) {
          const child = parent[key];
          if (typeof child !== "object" || child === null) break;
          const keys = Object.keys(child).slice(0, 12);
          if (keys.length === 0) break;
          parent = child as Record<string, unknown>;
          key = keys[step % keys.length]!;
        }
        parent[key] = structuredClone(value);
      }
      const start = performance.now();
      try {
        const tokenizer = tokenizerOf(json);
        tokenizer.decode(tokenizer.encode("once upon a time, 12 été  <|end|> ▁x"));
        void tokenizer.tokenTable;
      } catch (error) {
        if (!(error instanceof UpbeatError)) throw error;
        assertStringIncludes(error.code, "TOKENIZER");
        assertLess(error.message.length, 1_500);
      }
      assertLess(performance.now() - start, 1_500);
    }),
    { seed: 1234, numRuns: 500 },
  );
});
