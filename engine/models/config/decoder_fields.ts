/**
 * The fields of `config.json` that all families of decoders share.
 *
 * @module
 */
import type { DecoderConfig } from "./decoder_config.ts";
import type { ConfigFields } from "./config_fields.ts";
import { readRope } from "./rope_config.ts";

/** Defaults that differ between families, as in the configuration classes of transformers. */
export interface DecoderDefaults {
  /**
   * `num_key_value_heads` when the field is absent; `"heads"`: as many as query heads. A null field always means that.
   */
  readonly kvHeads: number | "heads";
  /**
   * `head_dim` when the field is absent; `"hidden"`: hidden_size / num_attention_heads. A null field always means that.
   */
  readonly headDim: number | "hidden";
  /** `max_position_embeddings`. */
  readonly maxPositions: number;
  /** `bos_token_id` when the field is absent. */
  readonly bosTokenId: number | null;
  /** `eos_token_id` when the field is absent. */
  readonly eosTokenId: number | null;
}

/** Far above any real decoder; bounds the lists that a malformed file can cause. */
const MAX_LAYERS = 10_000;

/** Far above any real head; bounds the table of rotary frequencies that a malformed file can cause. */
const MAX_HEAD_DIM = 65_536;

/**
 * Read and check the fields that all families share, and refuse what none of them supports.
 *
 * Sizes without a sensible default (`hidden_size` and the like) are required, although transformers has defaults for
 * them.
 *
 * @param fields The top-level fields of `config.json`.
 * @param defaults The family's defaults.
 * @returns A decoder without biases, q/k norm and sliding windows; families that have them override these fields.
 * @throws {UpbeatError} `MODEL_UNSUPPORTED` or `MODEL_CONFIG_INVALID`.
 */
export function readDecoderFields(fields: ConfigFields, defaults: DecoderDefaults): DecoderConfig {
  refuseUnsupported(fields);
  const hiddenSize = fields.integer("hidden_size");
  const heads = fields.integer("num_attention_heads");
  const vocabularySize = fields.integer("vocab_size");
  const layers = fields.integer("num_hidden_layers", { maximum: MAX_LAYERS });
  return {
    hiddenSize,
    layers,
    heads,
    kvHeads: readKvHeads(fields, heads, defaults.kvHeads),
    headDim: readHeadDim(fields, hiddenSize, heads, defaults.headDim),
    ffnSize: fields.integer("intermediate_size"),
    vocabularySize,
    rmsNormEpsilon: fields.number("rms_norm_eps", { maximum: 1, fallback: 1e-6 }),
    // A prompt has one token at least, and generates another.
    maxPositions: fields.integer("max_position_embeddings", { minimum: 2, fallback: defaults.maxPositions }),
    tieWordEmbeddings: fields.boolean("tie_word_embeddings", false),
    qkvBias: false,
    outputBias: false,
    mlpBias: false,
    qkNorm: false,
    slidingWindows: new Array<null>(layers).fill(null),
    rope: readRope(fields),
    dtype: fields.text("dtype") ?? fields.text("torch_dtype"),
    bosTokenId: fields.isAbsent("bos_token_id")
      ? defaults.bosTokenId
      : fields.tokenIds("bos_token_id", vocabularySize)?.[0] ?? null,
    eosTokenIds: fields.isAbsent("eos_token_id")
      ? (defaults.eosTokenId === null ? [] : [defaults.eosTokenId])
      : fields.tokenIds("eos_token_id", vocabularySize) ?? [],
  };
}

function readKvHeads(fields: ConfigFields, heads: number, absent: number | "heads"): number {
  const fallback = fields.isAbsent("num_key_value_heads") && absent !== "heads" ? absent : heads;
  const kvHeads = fields.integer("num_key_value_heads", { fallback });
  if (heads % kvHeads !== 0) {
    const stated = fields.isAbsent("num_key_value_heads") ? ` (it is absent, which means ${kvHeads})` : "";
    throw fields.invalid("num_key_value_heads", `a divisor of num_attention_heads, ${heads}${stated}`);
  }
  return kvHeads;
}

function readHeadDim(fields: ConfigFields, hiddenSize: number, heads: number, absent: number | "hidden"): number {
  const fallback = fields.isAbsent("head_dim") && absent !== "hidden" ? absent : hiddenSize / heads;
  const stated = fields.value("head_dim") !== undefined;
  if (!stated && !Number.isInteger(fallback)) {
    throw fields.invalid("hidden_size", `a multiple of num_attention_heads, ${heads}, as head_dim is not given`);
  }
  const headDim = fields.integer("head_dim", { maximum: MAX_HEAD_DIM, fallback });
  if (headDim % 2 !== 0) {
    throw stated
      ? fields.invalid("head_dim", "even, for the rotary embedding")
      : fields.invalid("hidden_size", `an even multiple of num_attention_heads, ${heads}, for the rotary embedding`);
  }
  return headDim;
}

/** Fields that change what a decoder computes and that no supported family has. */
function refuseUnsupported(fields: ConfigFields): void {
  const activation = fields.text("hidden_act") ?? "silu";
  if (activation !== "silu" && activation !== "swish") throw fields.unsupported("hidden_act", `only "silu" is`);
  for (const name of ["quantization_config", "compression_config"]) {
    if (fields.value(name) !== undefined) throw fields.unsupported(name, "use the model's F32, F16 or BF16 weights");
  }
  for (const name of ["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"]) {
    if (fields.integer(name, { minimum: 0, fallback: 0 }) > 1) {
      throw fields.unsupported(name, "mixtures of experts are not; use a dense model");
    }
  }
}
