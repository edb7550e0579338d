import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import { readModelConfig } from "../../../engine/models/config.ts";
import { ggufBytes, type GgufEntry, type GgufTensorSource } from "../../support/models/gguf_writer.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

const EMBEDDING: GgufTensorSource = {
  name: "token_embd.weight",
  type: "F32",
  shape: [10, 8],
  data: new Uint8Array(320),
};
const PLAIN: readonly GgufEntry[] = [
  ["general.architecture", "string", "llama"],
  ["llama.embedding_length", "uint32", 8],
  ["llama.block_count", "uint32", 2],
  ["llama.attention.head_count", "uint32", 2],
  ["llama.feed_forward_length", "uint32", 16],
  ["llama.context_length", "uint32", 128],
  ["llama.attention.layer_norm_rms_epsilon", "float32", 2 ** -20],
];

/** The configuration of a file with these entries instead of, or in addition to, the plain ones. */
function read(changes: readonly GgufEntry[] = [], tensors = [EMBEDDING], without: readonly string[] = []) {
  return withTemporaryFolder((folder) => {
    const file = join(folder, "model.gguf");
    const changed = new Set([...changes.map(([key]) => key), ...without]);
    writeFileSync(file, ggufBytes([...PLAIN.filter(([key]) => !changed.has(key)), ...changes], tensors));
    return readModelConfig(file);
  });
}

function refusal(...args: Parameters<typeof read>): UpbeatError {
  return assertThrows(() => read(...args), UpbeatError);
}

test("readModelConfig() reads the configuration of a GGUF file", () => {
  const config = read();
  assertEquals(config.family, "llama");
  assertEquals([config.hiddenSize, config.layers, config.heads, config.kvHeads, config.headDim], [8, 2, 2, 2, 4]);
  assertEquals([config.vocabularySize, config.ffnSize, config.maxPositions], [10, 16, 128]);
  assertEquals([config.rmsNormEpsilon, config.tieWordEmbeddings], [2 ** -20, true]);
  assertEquals(config.rope, { theta: 10_000, scaling: { type: "none" } });
  assertEquals([config.bosTokenId, config.eosTokenIds], [null, []]);
  assertEquals(config.sampling.doSample, null);
});

test("sizes may be lists with the same number for each layer", () => {
  const config = read([
    ["llama.attention.head_count", "int32s", [2, 2]],
    ["llama.attention.head_count_kv", "int32s", [1, 1]],
  ]);
  assertEquals([config.heads, config.kvHeads], [2, 1]);
  const error = refusal([["llama.attention.head_count_kv", "int32s", [1, 2]]]);
  assertEquals(error.code, "MODEL_UNSUPPORTED");
  assertStringIncludes(error.message, "llama.attention.head_count_kv is [2 elements]");
});

test("a generation ends at the declared tokens, and at control tokens whose text says so", () => {
  const config = read([
    ["tokenizer.ggml.tokens", "strings", ["a", "</s>", "<|im_end|>", "<|eot_id|>", "b", "<EOT>"]],
    ["tokenizer.ggml.token_type", "int32s", [1, 3, 4, 1, 3, 3]],
    ["tokenizer.ggml.bos_token_id", "uint32", 4],
    ["tokenizer.ggml.eos_token_id", "uint32", 0],
    ["tokenizer.ggml.eot_token_id", "uint32", 4],
  ]);
  assertEquals(config.bosTokenId, 4);
  assertEquals(config.eosTokenIds.toSorted(), [0, 1, 2, 4, 5]);
});

test("an id of 2^32 - 1 stands for no token", () => {
  const config = read([
    ["tokenizer.ggml.tokens", "strings", ["a"]],
    ["tokenizer.ggml.bos_token_id", "uint32", 2 ** 32 - 1],
    ["tokenizer.ggml.eos_token_id", "uint32", 2 ** 32 - 1],
  ]);
  assertEquals([config.bosTokenId, config.eosTokenIds.includes(2 ** 32 - 1)], [null, false]);
});

test("the authors' sampling is read, and impossible values are refused", () => {
  const { sampling } = read([
    ["general.sampling.temp", "float32", 0.5],
    ["general.sampling.top_k", "int32", 40],
    ["general.sampling.top_p", "float32", 0.75],
  ]);
  assertEquals(sampling, {
    doSample: true,
    temperature: 0.5,
    topK: 40,
    topP: 0.75,
    minP: null,
    repetitionPenalty: null,
  });
  assertStringIncludes(refusal([["general.sampling.top_p", "float32", 2]]).message, "general.sampling.top_p is 2");
});

test("a model that would not be computed faithfully is refused, naming key and value", () => {
  const factors = (values: number[]): GgufTensorSource => ({
    name: "rope_freqs.weight",
    type: "F32",
    shape: [values.length],
    data: new Uint8Array(new Float32Array(values).buffer),
  });
  const cases: [GgufEntry[], string, GgufTensorSource[]?][] = [
    [[["general.architecture", "string", "mamba"]], 'general.architecture is "mamba", which is not supported'],
    [[["llama.expert_count", "uint32", 8]], "llama.expert_count is 8"],
    [[["llama.rope.dimension_count", "uint32", 2]], "llama.rope.dimension_count is 2"],
    [[["llama.attention.value_length", "uint32", 2]], "llama.attention.value_length is 2"],
    [[["llama.rope.scaling.type", "string", "yarn"], ["llama.rope.scaling.factor", "float32", 4]], "yarn"],
    [[["llama.block_count", "string", "two"]], 'llama.block_count is "two"; it must be a number'],
    [[], "has a vocabulary and no weights", []],
    [[], "rope_freqs.weight", [EMBEDDING, factors([1, 2, 3])]],
    [[], "rope_freqs.weight", [EMBEDDING, factors([1, 0])]],
  ];
  for (const [changes, message, tensors] of cases) assertStringIncludes(refusal(changes, tensors).message, message);
  const missing = refusal([], undefined, ["llama.context_length", "llama.embedding_length"]);
  assertEquals(missing.code, "MODEL_CONFIG_INVALID");
  assertStringIncludes(missing.message, "hidden_size");
});
