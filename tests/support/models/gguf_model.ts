/**
 * Writes a model folder as a GGUF file, with the same weights.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openCheckpoint } from "../../../engine/weights/checkpoint.ts";
import { familyName } from "../../../engine/weights/gguf_checkpoint.ts";
import type { TensorInfo } from "../../../engine/weights/tensor_info.ts";
import { ggufBytes, type GgufEntry, type GgufTensorSource } from "./gguf_writer.ts";

/** Names within a layer, and those outside. */
const LAYER_NAMES = ["attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "attn_q_norm", "attn_k_norm", "ffn_norm"]
  .concat("ffn_gate", "ffn_up", "ffn_down");
const MODEL_NAMES = ["token_embd", "output_norm", "output"];

/** Changes the content of the file. */
export interface GgufModelOptions {
  /** Metadata in addition to the configuration's. */
  readonly metadata?: readonly GgufEntry[];
  /** Tensors in addition to the folder's. */
  readonly tensors?: readonly GgufTensorSource[];
  /** Encodes a matrix of the folder in another type. */
  readonly encode?: (tensor: GgufTensorSource) => GgufTensorSource;
}

/** The parts of a `config.json` that go into the metadata. */
interface Config {
  readonly model_type: string;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly intermediate_size: number;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly rope_scaling: { readonly factor: number } | null;
  readonly sliding_window?: number | null;
}

/**
 * Write a model as a GGUF file.
 *
 * @param folder A model folder.
 * @param file Path of the file.
 * @param options What is different.
 */
export function writeGgufModel(folder: string, file: string, options: GgufModelOptions = {}): void {
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Config;
  // Mistral is a Llama to GGUF.
  const architecture = config.model_type === "mistral" ? "llama" : config.model_type;
  const checkpoint = openCheckpoint(folder);
  const names = new Map<string, string>();
  for (const kind of ["weight", "bias"]) {
    for (const name of MODEL_NAMES) names.set(familyName(`${name}.${kind}`), `${name}.${kind}`);
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      for (const name of LAYER_NAMES) {
        names.set(familyName(`blk.${layer}.${name}.${kind}`), `blk.${layer}.${name}.${kind}`);
      }
    }
  }
  const tensors = [...checkpoint.tensors.values()].map((tensor): GgufTensorSource => {
    const { name, dtype, shape } = tensor;
    const isPaired = architecture === "llama" && /\.[qk]_proj\./.test(name);
    const data = isPaired ? pairRows(tensor, config.head_dim) : bytesOf(tensor);
    const stored = { name: names.get(name)!, type: dtype, shape, data };
    return shape.length === 2 && options.encode ? options.encode(stored) : stored;
  });
  const key = (name: string) => `${architecture}.${name}`;
  const metadata: GgufEntry[] = [
    ["general.architecture", "string", architecture],
    [key("embedding_length"), "uint32", config.hidden_size],
    [key("block_count"), "uint32", config.num_hidden_layers],
    [key("attention.head_count"), "uint32", config.num_attention_heads],
    [key("attention.head_count_kv"), "uint32", config.num_key_value_heads],
    [key("attention.key_length"), "uint32", config.head_dim],
    [key("attention.value_length"), "uint32", config.head_dim],
    [key("feed_forward_length"), "uint32", config.intermediate_size],
    [key("context_length"), "uint32", config.max_position_embeddings],
    [key("attention.layer_norm_rms_epsilon"), "float32", config.rms_norm_eps],
    [key("rope.freq_base"), "float32", config.rope_theta],
    ...(config.rope_scaling === null ? [] : [
      [key("rope.scaling.type"), "string", "linear"] as const,
      [key("rope.scaling.factor"), "float32", config.rope_scaling.factor] as const,
    ]),
    ...(config.sliding_window ? [[key("attention.sliding_window"), "uint32", config.sliding_window] as const] : []),
    ...options.metadata ?? [],
  ];
  writeFileSync(file, ggufBytes(metadata, [...tensors, ...options.tensors ?? []]));
}

function bytesOf({ file, offset, byteLength }: TensorInfo): Uint8Array {
  return readFileSync(file).subarray(offset, offset + byteLength);
}

/** The rows of each head so that the two halves alternate, as Llama's q and k are stored. */
function pairRows(tensor: TensorInfo, headDim: number): Uint8Array {
  const bytes = bytesOf(tensor);
  const rowBytes = bytes.length / tensor.shape[0]!;
  const paired = new Uint8Array(bytes.length);
  for (let row = 0; row < tensor.shape[0]!; row++) {
    const [head, within] = [Math.floor(row / headDim), row % headDim];
    const half = headDim / 2;
    const stored = head * headDim + (within % half) * 2 + Math.floor(within / half);
    paired.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), stored * rowBytes);
  }
  return paired;
}
