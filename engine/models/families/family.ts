/**
 * What a family of models is to the engine: a name in `config.json`, and a reader of that file.
 *
 * @module
 */
import type { DecoderConfig, ModelFamily } from "../decoder_config.ts";
import type { ConfigFields } from "../config_fields.ts";

/** One family of models. */
export interface Family {
  /** Its name, which is also its `model_type`. */
  readonly name: ModelFamily;
  /** Its class in transformers, the entry of `architectures`. */
  readonly architecture: string;
  /**
   * Read `config.json`.
   *
   * @param fields The file's top-level fields.
   * @returns The decoder it describes.
   * @throws {UpbeatError} `MODEL_UNSUPPORTED` or `MODEL_CONFIG_INVALID`.
   */
  read(fields: ConfigFields): DecoderConfig;
}
