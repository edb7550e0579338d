/**
 * A model folder's `config.json` and `generation_config.json` as one checked value.
 *
 * An absent field has the default of the family in transformers. A model that would not be computed faithfully is
 * refused here, before any memory is taken.
 *
 * @module
 */
import { join } from "node:path";
import { openGguf } from "../files/gguf/gguf_model.ts";
import { noModel } from "../files/model_folder.ts";
import { readFields } from "./config/config_fields.ts";
import { findFamily } from "./families/registry.ts";
import { readGgufConfig } from "./gguf_config.ts";
import { readGenerationConfig } from "./config/generation_config.ts";
import type { ModelConfig } from "./config/model_config.ts";

/**
 * Read and check the configuration of a model folder or a GGUF file.
 *
 * BOS and EOS of `generation_config.json` win over those of `config.json`.
 *
 * @param folder Path of a Hugging Face model folder or a GGUF file.
 * @param gguf The headers of the GGUF file, where they have been read; null for a folder.
 * @returns The configuration.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` without a `config.json`; `MODEL_UNSUPPORTED` for a model that would not be
 * computed faithfully; `MODEL_CONFIG_INVALID` for a missing or impossible value. Each names file, field and value.
 * @example
 * ```ts
 * const config = readModelConfig("models/SmolLM2-135M");
 * console.log(config.family, config.layers, config.eosTokenIds);
 * ```
 */
export function readModelConfig(folder: string, gguf = openGguf(folder)): ModelConfig {
  if (gguf !== null) return readGgufConfig(gguf);
  const file = join(folder, "config.json");
  const fields = readFields(file);
  if (fields === null) throw noModel(folder);
  const family = findFamily(fields);
  const decoder = family.readConfig(fields);
  const generation = readGenerationConfig(folder, decoder.vocabularySize);
  return {
    family: family.name,
    ...decoder,
    folder,
    bosTokenId: generation.bosTokenId ?? decoder.bosTokenId,
    // Where the files disagree, each token that one of them declares ends a text.
    eosTokenIds: [...new Set([...generation.eosTokenIds ?? [], ...decoder.eosTokenIds])],
    sampling: generation.sampling,
  };
}
