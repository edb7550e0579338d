/**
 * Llama 1, 2 and 3.x, and all models that are one by their configuration: SmolLM2, TinyLlama, Yi, …
 * In transformers: `LlamaConfig`, `modeling_llama.py`.
 *
 * @module
 */
import { readDecoderFields } from "../config/decoder_fields.ts";
import { attention } from "../layers/attention.ts";
import { decoder } from "../layers/decoder.ts";
import { gatedFeedForward } from "../layers/feed_forward.ts";
import { preNormLayer } from "../layers/pre_norm_layer.ts";
import { rmsNorm } from "../layers/rms_norm.ts";
import { inverseFrequencies } from "../rope.ts";
import type { Family } from "./family.ts";

/** The Llama family. */
export const llama: Family = {
  name: "llama",
  architecture: "LlamaForCausalLM",

  readConfig(fields) {
    const shared = readDecoderFields(fields, {
      kvHeads: "heads",
      headDim: "hidden",
      maxPositions: 2048,
      bosTokenId: 1,
      eosTokenId: 2,
    });
    const attentionBias = fields.boolean("attention_bias", false);
    const mlpBias = fields.boolean("mlp_bias", false);
    return { ...shared, qkvBias: attentionBias, outputBias: attentionBias, mlpBias };
  },

  compose(model, config) {
    const { qkvBias, outputBias, mlpBias } = config;
    const rotary = model.rotaryTable(config.headDim, inverseFrequencies(config));
    return decoder(model, config, (layer) =>
      preNormLayer({
        inputNorm: rmsNorm(layer.at("input_layernorm"), config),
        attention: attention(layer.at("self_attn"), config, { rotary, qkvBias, outputBias }),
        postAttentionNorm: rmsNorm(layer.at("post_attention_layernorm"), config),
        feedForward: gatedFeedForward(layer.at("mlp"), config, { bias: mlpBias }),
      }));
  },
};
