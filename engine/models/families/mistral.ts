/**
 * Mistral: a Llama with a sliding window (Jiang et al. 2023, https://arxiv.org/abs/2310.06825).
 * In transformers: `MistralConfig`, `modeling_mistral.py`.
 *
 * @module
 */
import { readDecoderFields } from "../config/decoder_fields.ts";
import { uniformWindows } from "../config/sliding_windows.ts";
import { attention } from "../layers/attention.ts";
import { decoder } from "../layers/decoder.ts";
import { gatedFeedForward } from "../layers/feed_forward.ts";
import { preNormLayer } from "../layers/pre_norm_layer.ts";
import { rmsNorm } from "../layers/rms_norm.ts";
import { inverseFrequencies } from "../rope.ts";
import type { Family } from "./family.ts";

/** The Mistral family. */
export const mistral: Family = {
  name: "mistral",
  architecture: "MistralForCausalLM",

  readConfig(fields) {
    const shared = readDecoderFields(fields, {
      kvHeads: 8,
      headDim: "hidden",
      maxPositions: 4096 * 32,
      bosTokenId: 1,
      eosTokenId: 2,
    });
    return { ...shared, slidingWindows: uniformWindows(fields, shared.layers) };
  },

  compose(model, config) {
    const rotary = model.rotaryTable(config.headDim, inverseFrequencies(config));
    return decoder(model, config, (layer, index) =>
      preNormLayer({
        inputNorm: rmsNorm(layer.at("input_layernorm"), config),
        attention: attention(layer.at("self_attn"), config, { rotary, slidingWindow: config.slidingWindows[index]! }),
        postAttentionNorm: rmsNorm(layer.at("post_attention_layernorm"), config),
        feedForward: gatedFeedForward(layer.at("mlp"), config),
      }));
  },
};
