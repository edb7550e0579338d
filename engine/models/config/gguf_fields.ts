/**
 * The metadata of a GGUF file as the fields of a `config.json`, so that each family reads one form of its configuration.
 *
 * Keys are those of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, prefixed with the architecture.
 *
 * @module
 */
import { UpbeatError } from "../../../errors.ts";
import type { GgufMetadata } from "../../files/gguf/gguf_metadata.ts";
import type { GgufModel } from "../../files/gguf/gguf_model.ts";
import { ConfigFields } from "./config_fields.ts";
import type { ModelFamily } from "./decoder_config.ts";

/** Families by `general.architecture`. */
const ARCHITECTURES: Readonly<Record<string, ModelFamily>> = { llama: "llama", qwen2: "qwen2", qwen3: "qwen3" };

/** The fields of a file's configuration, and the family that reads them. */
export interface GgufFields {
  readonly family: ModelFamily;
  readonly fields: ConfigFields;
}

/**
 * Translate the metadata of a model.
 *
 * @param model The headers of its files.
 * @returns What its `config.json` would have.
 * @throws {UpbeatError} `MODEL_UNSUPPORTED` for another architecture, and for what no family computes; `MODEL_CONFIG_INVALID`
 * for a value that cannot be.
 */
export function ggufFields({ path, metadata, tensors }: GgufModel): GgufFields {
  const architecture = metadata.text("general.architecture");
  const plain = architecture === null ? undefined : ARCHITECTURES[architecture];
  if (architecture === null || plain === undefined) {
    throw metadata.unsupported("general.architecture", `supported are ${Object.keys(ARCHITECTURES).join(", ")}`);
  }
  if (tensors.size === 0) {
    throw new UpbeatError("MODEL_NOT_FOUND", `${path} has a vocabulary and no weights: download the whole model`, {
      file: path,
    });
  }
  const key = (name: string) => `${architecture}.${name}`;
  if ((metadata.number(key("expert_count")) ?? 0) > 1) {
    throw metadata.unsupported(key("expert_count"), "mixtures of experts are not; use a dense model");
  }
  const window = metadata.number(key("attention.sliding_window")) ?? 0;
  // To GGUF, Mistral is a Llama.
  const family = plain === "llama" && window > 0 ? "mistral" : plain;
  const heads = uniform(metadata, key("attention.head_count"));
  const headDim = readHeadDim(metadata, key, heads);
  const embedding = tensors.get("token_embd.weight");
  // An id beyond the vocabulary stands for none: some files have 2^32 - 1.
  const tokens = metadata.lengthOf("tokenizer.ggml.tokens") ?? 0;
  const tokenId = (role: string) => {
    const id = metadata.number(`tokenizer.ggml.${role}_token_id`);
    return id !== null && id < tokens ? id : null;
  };
  const fields: Record<string, unknown> = {
    hidden_size: metadata.number(key("embedding_length")),
    num_hidden_layers: metadata.number(key("block_count")),
    num_attention_heads: heads,
    num_key_value_heads: uniform(metadata, key("attention.head_count_kv")) ?? heads,
    ...(headDim === null ? {} : { head_dim: headDim }),
    intermediate_size: uniform(metadata, key("feed_forward_length")),
    // The rows of the embedding, which some files pad beyond their vocabulary.
    vocab_size: embedding?.shape[0] ?? metadata.number(key("vocab_size")),
    rms_norm_eps: metadata.number(key("attention.layer_norm_rms_epsilon")),
    max_position_embeddings: metadata.number(key("context_length")),
    tie_word_embeddings: !tensors.has("output.weight"),
    attention_bias: tensors.has("blk.0.attn_q.bias"),
    sliding_window: window > 0 ? window : null,
    use_sliding_window: window > 0,
    max_window_layers: 0,
    rope_theta: metadata.number(key("rope.freq_base")) ?? undefined,
    rope_scaling: readRopeScaling(metadata, key),
    bos_token_id: tokenId("bos"),
    eos_token_id: tokenId("eos"),
  };
  return { family, fields: new ConfigFields(path, dropUndefined(fields)) };
}

function dropUndefined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** A number, or a list with one number for each layer, which have to be the same. */
function uniform(metadata: GgufMetadata, key: string): number | null {
  if (metadata.lengthOf(key) === null) return metadata.number(key);
  const values = new Set(metadata.numbers(key));
  if (values.size !== 1) throw metadata.unsupported(key, "all layers must have the same");
  return [...values][0]!;
}

function readHeadDim(metadata: GgufMetadata, key: (name: string) => string, heads: number | null): number | null {
  const stated = metadata.number(key("attention.key_length"));
  const hidden = metadata.number(key("embedding_length"));
  const headDim = stated ?? (heads === null || hidden === null ? null : hidden / heads);
  for (const name of ["attention.value_length", "rope.dimension_count"]) {
    const other = metadata.number(key(name)) ?? headDim;
    if (other !== headDim) {
      throw metadata.unsupported(key(name), `only ${headDim}, the elements of a query head, is`);
    }
  }
  return stated;
}

function readRopeScaling(metadata: GgufMetadata, key: (name: string) => string): Record<string, unknown> | null {
  const type = metadata.text(key("rope.scaling.type"));
  const factor = metadata.number(key("rope.scaling.factor")) ?? metadata.number(key("rope.scale_linear"));
  if (type === "none" || (type ?? "linear") === "linear" && (factor ?? 1) === 1) return null;
  return {
    rope_type: type ?? "linear",
    factor,
    original_max_position_embeddings: metadata.number(key("rope.scaling.original_context_length")) ?? undefined,
  };
}
