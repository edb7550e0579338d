/**
 * `generation_config.json`: tokens that end generation, and the sampling that the model's authors suggest.
 *
 * @module
 */
import { join } from "node:path";
import { readFields } from "./config_fields.ts";
import type { ConfigFields } from "./config_fields.ts";

/** The sampling that a model's authors suggest; null where the file does not specify it. */
export interface SamplingDefaults {
  /** Whether to sample at all; false or null: greedy decoding. */
  readonly doSample: boolean | null;
  /** Divides the logits. */
  readonly temperature: number | null;
  /** Number of most likely tokens kept; 0: all. */
  readonly topK: number | null;
  /** Cumulative probability of the kept tokens, 0 to 1; 1: off. */
  readonly topP: number | null;
  /** Minimum probability of a kept token relative to the most likely one, 0 to 1; 0: off. */
  readonly minP: number | null;
  /** Penalty on the logits of tokens seen before; 1: off. */
  readonly repetitionPenalty: number | null;
}

/** The contents of `generation_config.json`. */
export interface GenerationConfig {
  /** The beginning-of-sequence token; null where the file names none. */
  readonly bosTokenId: number | null;
  /** Tokens that end a generation; null where the file names none. */
  readonly eosTokenIds: readonly number[] | null;
  /** The suggested sampling. */
  readonly sampling: SamplingDefaults;
}

/**
 * Read `generation_config.json` of a model folder.
 *
 * @param folder The model folder.
 * @param vocabularySize Token ids must be below it.
 * @returns Its contents; all null when the file does not exist.
 * @throws {UpbeatError} `MODEL_CONFIG_INVALID`, naming file, field and value.
 */
export function readGenerationConfig(folder: string, vocabularySize: number): GenerationConfig {
  const file = join(folder, "generation_config.json");
  const fields = readFields(file);
  const doSample = fields?.value("do_sample") === undefined ? null : fields.boolean("do_sample", false);
  return {
    bosTokenId: fields?.tokenIds("bos_token_id", vocabularySize)?.[0] ?? null,
    eosTokenIds: fields?.tokenIds("eos_token_id", vocabularySize) ?? null,
    sampling: {
      doSample,
      temperature: optionalNumber(fields, "temperature", {}),
      topK: readTopK(fields),
      // Some files have 0 for "off", beside a `do_sample` that is false.
      topP: optionalNumber(fields, "top_p", { maximum: 1, exclusive: doSample === true }),
      minP: optionalNumber(fields, "min_p", { maximum: 1 }),
      repetitionPenalty: optionalNumber(fields, "repetition_penalty", { exclusive: true }),
    },
  };
}

/** Some models write -1 for "off". */
function readTopK(fields: ConfigFields | null): number | null {
  if (fields?.value("top_k") === undefined) return null;
  return Math.max(0, fields.integer("top_k", { minimum: -1 }));
}

function optionalNumber(
  fields: ConfigFields | null,
  name: string,
  rule: { maximum?: number; exclusive?: boolean },
): number | null {
  return fields?.value(name) === undefined ? null : fields.number(name, rule);
}
