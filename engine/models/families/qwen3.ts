/**
 * Qwen3: a Llama whose query and key heads are normalized before the rotary embedding, with a head size of its own.
 * In transformers: `Qwen3Config`, `modeling_qwen3.py`.
 *
 * @module
 */
import { readDecoderFields } from "../config/decoder_fields.ts";
import { windowsFromLayer } from "../config/sliding_windows.ts";
import { attention } from "../layers/attention.ts";
import { decoder } from "../layers/decoder.ts";
import { gatedFeedForward } from "../layers/feed_forward.ts";
import { preNormLayer } from "../layers/pre_norm_layer.ts";
import { rmsNorm } from "../layers/rms_norm.ts";
import { inverseFrequencies } from "../rope.ts";
import type { Family } from "./family.ts";

/** The Qwen3 family (dense). */
export const qwen3: Family = {
  name: "qwen3",
  architecture: "Qwen3ForCausalLM",

  readConfig(fields) {
    const shared = readDecoderFields(fields, {
      kvHeads: 32,
      headDim: 128,
      maxPositions: 32_768,
      bosTokenId: null,
      eosTokenId: null,
    });
    const attentionBias = fields.boolean("attention_bias", false);
    const slidingWindows = windowsFromLayer(fields, shared.layers);
    return { ...shared, qkvBias: attentionBias, outputBias: attentionBias, qkNorm: true, slidingWindows };
  },

  compose(model, config) {
    const { qkvBias, outputBias, rmsNormEpsilon } = config;
    const rotary = model.rotaryTable(config.headDim, inverseFrequencies(config));
    return decoder(model, config, (layer, index) =>
      preNormLayer({
        inputNorm: rmsNorm(layer.at("input_layernorm"), config),
        attention: attention(layer.at("self_attn"), config, {
          rotary,
          slidingWindow: config.slidingWindows[index]!,
          headNorm: { epsilon: rmsNormEpsilon },
          qkvBias,
          outputBias,
        }),
        postAttentionNorm: rmsNorm(layer.at("post_attention_layernorm"), config),
        feedForward: gatedFeedForward(layer.at("mlp"), config),
      }));
  },
};
