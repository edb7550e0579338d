/**
 * Qwen2 and Qwen2.5: a Llama with biases on q, k and v. In transformers: `Qwen2Config`, `modeling_qwen2.py`.
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

/** The Qwen2 family. */
export const qwen2: Family = {
  name: "qwen2",
  architecture: "Qwen2ForCausalLM",

  readConfig(fields) {
    const shared = readDecoderFields(fields, {
      kvHeads: 32,
      headDim: "hidden",
      maxPositions: 32_768,
      bosTokenId: null,
      eosTokenId: null,
    });
    return { ...shared, qkvBias: true, slidingWindows: windowsFromLayer(fields, shared.layers) };
  },

  compose(model, config) {
    const rotary = model.rotaryTable(config.headDim, inverseFrequencies(config));
    return decoder(model, config, (layer, index) =>
      preNormLayer({
        inputNorm: rmsNorm(layer.at("input_layernorm"), config),
        attention: attention(layer.at("self_attn"), config, {
          rotary,
          slidingWindow: config.slidingWindows[index]!,
          qkvBias: true,
        }),
        postAttentionNorm: rmsNorm(layer.at("post_attention_layernorm"), config),
        feedForward: gatedFeedForward(layer.at("mlp"), config),
      }));
  },
};
