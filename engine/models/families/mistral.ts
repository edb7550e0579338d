/**
 * Mistral: a Llama with a sliding window (Jiang et al. 2023, https://arxiv.org/abs/2310.06825).
 * Defaults: `MistralConfig` in transformers.
 *
 * @module
 */
import { readSharedFields } from "./decoder_fields.ts";
import type { Family } from "./family.ts";
import { uniformWindows } from "./sliding_windows.ts";

/** The Mistral family. */
export const mistral: Family = {
  name: "mistral",
  architecture: "MistralForCausalLM",
  read(fields) {
    const shared = readSharedFields(fields, {
      kvHeads: 8,
      headDim: "hidden",
      maxPositions: 4096 * 32,
      bosTokenId: 1,
      eosTokenId: 2,
    });
    return {
      ...shared,
      family: "mistral",
      qkvBias: false,
      outputBias: false,
      mlpBias: false,
      qkNorm: false,
      slidingWindows: uniformWindows(fields, shared.layers),
    };
  },
};
