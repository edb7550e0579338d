/**
 * The parameters of a model's rotary embedding, from both forms of `config.json`:
 *
 * - older: `rope_theta`, and `rope_scaling` (null, or an object with `rope_type` or, older still, `type`);
 * - newer: `rope_parameters`, one object with `rope_theta`, `rope_type` and the rest.
 *
 * Where a file has both, `rope_scaling` precedes `rope_parameters`, and a `rope_theta` inside the object precedes one
 * beside it, as in transformers 5 (`convert_rope_params_to_dict` in `modeling_rope_utils.py`).
 *
 * @module
 */
import type { ConfigFields } from "./config_fields.ts";

/** A change of the rotary frequencies that extends the context beyond the one of pre-training. */
export type RopeScaling =
  | { readonly type: "none" }
  /** All frequencies divided by `factor`. */
  | { readonly type: "linear"; readonly factor: number }
  /** Low frequencies divided by `factor`, high ones kept, those between interpolated (Llama 3.1). */
  | {
    readonly type: "llama3";
    readonly factor: number;
    readonly lowFrequencyFactor: number;
    readonly highFrequencyFactor: number;
    readonly originalMaxPositions: number;
  }
  /** Each frequency divided by a factor of its own, as GGUF files store any scaling. F64 `[headDim / 2]` */
  | { readonly type: "factors"; readonly factors: readonly number[] };

/** The rotary embedding of a model. */
export interface RopeConfig {
  /** Base of the geometric series of wavelengths. */
  readonly theta: number;
  /** How its frequencies are scaled. */
  readonly scaling: RopeScaling;
}

/** `rope_theta` of every supported family when the field is absent. */
const DEFAULT_THETA = 10_000;

/** Far beyond any real model; outside of these bounds, the frequencies are not finite or all the same. */
const THETA_RANGE = { minimum: 1, maximum: 1e15 } as const;
const FACTOR_RANGE = { minimum: 1e-6, maximum: 1e6 } as const;

/**
 * Read the rotary embedding of a `config.json`.
 *
 * @param fields The file's top-level fields.
 * @returns Theta and scaling.
 * @throws {UpbeatError} `MODEL_UNSUPPORTED` for a rope type other than default, linear and llama3, for partial rotary
 * embedding and for parameters per layer type; `MODEL_CONFIG_INVALID` for impossible values.
 */
export function readRope(fields: ConfigFields): RopeConfig {
  const parameters = fields.object("rope_scaling") ?? fields.object("rope_parameters");
  refusePartial(fields);
  if (parameters === null) return { theta: readTheta(fields, DEFAULT_THETA), scaling: { type: "none" } };
  refusePartial(parameters);
  for (const layerType of ["full_attention", "sliding_attention"]) {
    if (!parameters.isAbsent(layerType)) {
      throw parameters.unsupported(layerType, "only one set of rope parameters for all layers is");
    }
  }
  const theta = readTheta(parameters, readTheta(fields, DEFAULT_THETA));
  return { theta, scaling: readScaling(parameters) };
}

function readTheta(fields: ConfigFields, fallback: number): number {
  return fields.number("rope_theta", { ...THETA_RANGE, fallback });
}

function readScaling(parameters: ConfigFields): RopeScaling {
  const typeField = parameters.isAbsent("rope_type") ? "type" : "rope_type";
  const type = parameters.text(typeField);
  switch (type) {
    case null:
      if (!parameters.isAbsent("factor")) throw parameters.invalid("rope_type", `"default", "linear" or "llama3"`);
      return { type: "none" };
    case "default":
      return { type: "none" };
    case "linear":
      return { type: "linear", factor: parameters.number("factor", FACTOR_RANGE) };
    case "llama3": {
      const lowFrequencyFactor = parameters.number("low_freq_factor", FACTOR_RANGE);
      return {
        type: "llama3",
        factor: parameters.number("factor", FACTOR_RANGE),
        lowFrequencyFactor,
        highFrequencyFactor: parameters.number("high_freq_factor", {
          ...FACTOR_RANGE,
          minimum: lowFrequencyFactor,
          exclusive: true,
        }),
        originalMaxPositions: parameters.integer("original_max_position_embeddings"),
      };
    }
    default:
      throw parameters.unsupported(typeField, `"default", "linear" and "llama3" are`);
  }
}

function refusePartial(fields: ConfigFields): void {
  if (fields.number("partial_rotary_factor", { fallback: 1 }) !== 1) {
    throw fields.unsupported("partial_rotary_factor", "only 1 (all of a head is rotated) is");
  }
}
