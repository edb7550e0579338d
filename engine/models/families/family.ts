/**
 * A family of models: how its `config.json` is read, and its forward pass.
 *
 * @module
 */
import type { ConfigFields } from "../config/config_fields.ts";
import type { DecoderConfig, ModelFamily } from "../config/decoder_config.ts";
import type { Network } from "../layers/decoder.ts";
import type { ModelBuilder } from "../model_builder.ts";

/** One family of models. A family with fields of its own extends {@linkcode DecoderConfig}. */
export interface Family<Config extends DecoderConfig = DecoderConfig> {
  /** Its name, which is also its `model_type`. */
  readonly name: ModelFamily;
  /** Its class in transformers, the entry of `architectures`. */
  readonly architecture: string;

  /**
   * Read `config.json`.
   *
   * @param fields The file's top-level fields.
   * @returns The decoder that it describes.
   * @throws {UpbeatError} `MODEL_UNSUPPORTED` or `MODEL_CONFIG_INVALID`.
   */
  readConfig(fields: ConfigFields): Config;

  /**
   * Compose a model from layers. Weights are declared in loading order.
   *
   * @param model Declares what the model keeps on a device.
   * @param config What {@linkcode readConfig} returned.
   * @returns The forward pass.
   * @throws {UpbeatError} `WEIGHTS_MISSING_TENSOR`, `WEIGHTS_WRONG_SHAPE` or `WEIGHTS_UNSUPPORTED_DTYPE`.
   */
  compose(model: ModelBuilder, config: Config): Network;
}
