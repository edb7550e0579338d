/**
 * A model's configuration as one value, whatever files it is from.
 *
 * @module
 */
import type { DecoderConfig, ModelFamily } from "./decoder_config.ts";
import type { SamplingDefaults } from "./generation_config.ts";

/** A checked configuration. */
export interface ModelConfig extends DecoderConfig {
  /** The family, which decides the defaults and the forward pass. */
  readonly family: ModelFamily;
  /** The model folder, or the GGUF file. */
  readonly folder: string;
  /** The sampling that the model's authors suggest. */
  readonly sampling: SamplingDefaults;
}
