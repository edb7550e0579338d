/**
 * Qwen2 and Qwen2.5: a Llama with biases on q, k and v. Defaults: `Qwen2Config` in transformers.
 *
 * @module
 */
import { readSharedFields } from "./decoder_fields.ts";
import type { Family } from "./family.ts";
import { windowsFromLayer } from "./sliding_windows.ts";

/** The Qwen2 family. */
export const qwen2: Family = {
  name: "qwen2",
  architecture: "Qwen2ForCausalLM",
  read(fields) {
    const shared = readSharedFields(fields, {
      kvHeads: 32,
      headDim: "hidden",
      maxPositions: 32_768,
      bosTokenId: null,
      eosTokenId: null,
    });
    return {
      ...shared,
      family: "qwen2",
      qkvBias: true,
      outputBias: false,
      mlpBias: false,
      qkNorm: false,
      slidingWindows: windowsFromLayer(fields, shared.layers),
    };
  },
};
