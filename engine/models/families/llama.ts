/**
 * Llama 1, 2 and 3.x, and everything that is one by its configuration: SmolLM2, TinyLlama, Yi, …
 * Defaults: `LlamaConfig` in transformers.
 *
 * @module
 */
import { readSharedFields } from "./decoder_fields.ts";
import type { Family } from "./family.ts";

/** The Llama family. */
export const llama: Family = {
  name: "llama",
  architecture: "LlamaForCausalLM",
  read(fields) {
    const shared = readSharedFields(fields, {
      kvHeads: "heads",
      headDim: "hidden",
      maxPositions: 2048,
      bosTokenId: 1,
      eosTokenId: 2,
    });
    const attentionBias = fields.boolean("attention_bias", false);
    return {
      ...shared,
      family: "llama",
      qkvBias: attentionBias,
      outputBias: attentionBias,
      mlpBias: fields.boolean("mlp_bias", false),
      qkNorm: false,
      slidingWindows: new Array<null>(shared.layers).fill(null),
    };
  },
};
