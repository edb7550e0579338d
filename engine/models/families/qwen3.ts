/**
 * Qwen3: a Llama whose query and key heads are normalized before the rotary embedding, with a head size of its own.
 * Defaults: `Qwen3Config` in transformers.
 *
 * @module
 */
import { readSharedFields } from "./decoder_fields.ts";
import type { Family } from "./family.ts";
import { windowsFromLayer } from "./sliding_windows.ts";

/** The Qwen3 family (dense). */
export const qwen3: Family = {
  name: "qwen3",
  architecture: "Qwen3ForCausalLM",
  read(fields) {
    const shared = readSharedFields(fields, {
      kvHeads: 32,
      headDim: 128,
      maxPositions: 32_768,
      bosTokenId: null,
      eosTokenId: null,
    });
    const attentionBias = fields.boolean("attention_bias", false);
    return {
      ...shared,
      family: "qwen3",
      qkvBias: attentionBias,
      outputBias: attentionBias,
      mlpBias: false,
      qkNorm: true,
      slidingWindows: windowsFromLayer(fields, shared.layers),
    };
  },
};
