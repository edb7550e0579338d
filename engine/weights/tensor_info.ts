/**
 * What is known of a model's tensors from the headers of its files.
 *
 * @module
 */

/** One tensor of a file. */
export interface TensorInfo {
  /** Its name in the checkpoint, such as `model.layers.0.mlp.up_proj.weight`. */
  readonly name: string;
  /** Path of its file. */
  readonly file: string;
  /** The dtype as spelled in the header, such as `"BF16"`; not necessarily one that can be loaded. */
  readonly dtype: string;
  /** Lengths of its dimensions, outermost first; empty for a scalar. */
  readonly shape: readonly number[];
  /** Position of its first byte, from the beginning of the file. */
  readonly offset: number;
  /** Its length in bytes. */
  readonly byteLength: number;
  /**
   * Above 0 in some GGUF files: rows come in groups of this many, of which the first half and the second half alternate
   * (`paired_rows` of `upbeat_weight_load`).
   */
  readonly pairedRows?: number;
}

/** Every tensor of a model, from the headers alone; no file is kept open. */
export interface Checkpoint {
  /** The model folder, or the GGUF file. */
  readonly folder: string;
  /** Paths of the weight files. */
  readonly files: readonly string[];
  /** Every tensor by name, with the file that holds it. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}
