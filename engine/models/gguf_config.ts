/**
 * The configuration of a GGUF model: what `config.json` and `generation_config.json` are in a folder.
 *
 * @module
 */
import type { GgufMetadata } from "../files/gguf/gguf_metadata.ts";
import type { GgufModel } from "../files/gguf/gguf_model.ts";
import { openRegularFile } from "../files/regular_file.ts";
import type { ModelConfig } from "./config/model_config.ts";
import type { SamplingDefaults } from "./config/generation_config.ts";
import { ggufFields } from "./config/gguf_fields.ts";
import type { RopeConfig } from "./config/rope_config.ts";
import { FAMILIES } from "./families/registry.ts";

/** Texts of tokens that end a generation, declared or not: files name only one of them as EOS. */
const END_TOKENS: ReadonlySet<string> = new Set(
  ("<|eot_id|> <|eom_id|> <|im_end|> <|end|> <|return|> <end_of_turn> <|endoftext|> <|end_of_text|> <EOT> _<EOT> " +
    "[EOT] [EOS] </s> <｜end▁of▁sentence｜> <end_of_utterance>").split(" "),
);

/** Types of tokens that have a role: control tokens, and those that users have defined. */
const TOKENS_WITH_ROLES: ReadonlySet<number> = new Set([3, 4]);

/**
 * Read and check the configuration of a GGUF model.
 *
 * @param model The headers of its files.
 * @returns The configuration.
 * @throws {UpbeatError} `MODEL_UNSUPPORTED` or `MODEL_CONFIG_INVALID`, naming file, key and value.
 */
export function readGgufConfig(model: GgufModel): ModelConfig {
  const { family, fields } = ggufFields(model);
  const decoder = FAMILIES[family].readConfig(fields);
  const { metadata, tensors } = model;
  const has = (name: string) => tensors.has(`blk.0.${name}.bias`);
  return {
    family,
    ...decoder,
    folder: model.path,
    qkvBias: has("attn_q"),
    outputBias: has("attn_output"),
    mlpBias: has("ffn_gate"),
    rope: readFrequencyFactors(model, decoder.headDim) ?? decoder.rope,
    eosTokenIds: endTokens(metadata, decoder.vocabularySize, decoder.eosTokenIds),
    sampling: readSampling(metadata),
  };

  function readFrequencyFactors({ tensors }: GgufModel, headDim: number): RopeConfig | null {
    const tensor = tensors.get("rope_freqs.weight");
    if (tensor === undefined) return null;
    const pairs = headDim / 2;
    if (tensor.type.name !== "F32" || tensor.shape.length !== 1 || tensor.shape[0] !== pairs) {
      throw fields.unsupported("rope_freqs.weight", `only F32 [${pairs}] is`);
    }
    using file = openRegularFile(tensor.file, "WEIGHTS_INVALID", "MODEL_NOT_FOUND");
    const bytes = file?.read(tensor.offset, tensor.byteLength);
    const factors = Array.from({ length: pairs }, (_, pair) => bytes?.readFloatLE(pair * 4) ?? NaN);
    if (!factors.every((factor) => Number.isFinite(factor) && factor > 0)) {
      throw fields.invalid("rope_freqs.weight", "finite numbers above 0");
    }
    return { theta: decoder.rope.theta, scaling: { type: "factors", factors } };
  }
}

/** The tokens that end a generation: declared ones, and those whose text says so. */
function endTokens(metadata: GgufMetadata, vocabularySize: number, declared: readonly number[]): readonly number[] {
  const ids = new Set(declared);
  for (const name of ["eot", "eom"]) {
    const id = metadata.number(`tokenizer.ggml.${name}_token_id`);
    if (id !== null) ids.add(id);
  }
  const types = metadata.numbers("tokenizer.ggml.token_type") ?? [];
  metadata.forEachText("tokenizer.ggml.tokens", (id, read) => {
    if (TOKENS_WITH_ROLES.has(types[id] ?? 0) && END_TOKENS.has(read())) ids.add(id);
  });
  return [...ids].filter((id) => Number.isInteger(id) && id >= 0 && id < vocabularySize);
}

/** The sampling that the model's authors suggest. */
function readSampling(metadata: GgufMetadata): SamplingDefaults {
  const key = "general.sampling.";
  const read = (name: string, least: number, most: number) => {
    const value = metadata.number(key + name);
    if (value !== null && !(value >= least && value <= most)) {
      throw metadata.invalid(key + name, `a number from ${least} to ${most}`);
    }
    return value;
  };
  const temperature = read("temp", 0, Number.MAX_VALUE);
  const topK = read("top_k", -1, 2 ** 31 - 1);
  return {
    doSample: temperature === null ? null : temperature > 0,
    temperature,
    topK: topK === null ? null : Math.max(0, Math.floor(topK)),
    topP: read("top_p", 0, 1),
    minP: read("min_p", 0, 1),
    repetitionPenalty: read("penalty_repeat", 0, Number.MAX_VALUE),
  };
}
