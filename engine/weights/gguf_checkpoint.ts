/**
 * The tensors of a GGUF model under the names that families know them by, those of transformers.
 *
 * @module
 */
import type { GgufModel } from "../files/gguf/gguf_model.ts";
import type { Checkpoint, TensorInfo } from "./tensor_info.ts";

/** Modules outside the layers. */
const MODEL_MODULES: Readonly<Record<string, string>> = {
  token_embd: "model.embed_tokens",
  output_norm: "model.norm",
  output: "lm_head",
};

/** Modules of layer `blk.N`. */
const LAYER_MODULES: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  attn_q_norm: "self_attn.q_norm",
  attn_k_norm: "self_attn.k_norm",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

/** Architectures whose q and k are stored for rotating adjacent elements, while the engine rotates the two halves of a head. */
const PAIRED_ARCHITECTURES: ReadonlySet<string> = new Set(["llama"]);

/**
 * The weights of a GGUF model.
 *
 * @param model The headers of its files.
 * @returns Every tensor by the name that families know it by; others keep their own names.
 * @throws {UpbeatError} `MODEL_CONFIG_INVALID` when the number of heads is none.
 */
export function ggufCheckpoint(model: GgufModel): Checkpoint {
  const pairs = rowPairs(model);
  const tensors = new Map<string, TensorInfo>();
  for (const { name: stored, file, type, shape, offset, byteLength } of model.tensors.values()) {
    // A part of the configuration (gguf_config.ts).
    if (stored === "rope_freqs.weight") continue;
    const name = familyName(stored);
    const pairedRows = /\.self_attn\.[qk]_proj\./.test(name) ? pairs : 0;
    tensors.set(name, { name, file, dtype: type.name, shape, offset, byteLength, pairedRows });
  }
  return { folder: model.path, files: model.files, tensors };
}

/**
 * The name that families know a tensor by.
 *
 * @param name Its name in the file, such as `blk.0.attn_q.weight`.
 * @returns As in `model.layers.0.self_attn.q_proj.weight`; the same name where it is another one.
 */
export function familyName(name: string): string {
  const layer = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name);
  if (layer !== null) {
    const module = LAYER_MODULES[layer[2]!];
    return module === undefined ? name : `model.layers.${layer[1]}.${module}.${layer[3]}`;
  }
  const [, module = "", kind] = /^(\w+)\.(weight|bias)$/.exec(name) ?? [];
  return module in MODEL_MODULES ? `${MODEL_MODULES[module]}.${kind}` : name;
}

/** Elements of a head where q and k are stored in pairs of rows; else 0. */
function rowPairs({ metadata, tensors }: GgufModel): number {
  const architecture = metadata.text("general.architecture") ?? "";
  if (!PAIRED_ARCHITECTURES.has(architecture)) return 0;
  const query = tensors.get("blk.0.attn_q.weight");
  const heads = metadata.number(`${architecture}.attention.head_count`) ?? 0;
  return metadata.number(`${architecture}.attention.key_length`) ??
    (query === undefined || heads === 0 ? 0 : query.shape[0]! / heads);
}
