/**
 * `generation_config.json`: where generation ends, and how the model's authors sample from it.
 *
 * @module
 */
import { join } from "node:path";
import { readFields } from "./config_fields.ts";
import type { ConfigFields } from "./config_fields.ts";

/** The sampling that a model's authors suggest; null where they say nothing. */
export interface SamplingDefaults {
  /** Whether to sample at all; false or null: greedy decoding. */
  readonly doSample: boolean | null;
  /** Divides the logits. */
  readonly temperature: number | null;
  /** How many of the likeliest tokens are kept; 0: all. */
  readonly topK: number | null;
  /** The probability that the kept tokens must reach together, 0 to 1; 1: off. */
  readonly topP: number | null;
  /** The least probability of a kept token relative to the likeliest, 0 to 1; 0: off. */
  readonly minP: number | null;
  /** Divides the logits of tokens seen before; 1: off. */
  readonly repetitionPenalty: number | null;
}

/** What a model folder says about generation. */
export interface GenerationConfig {
  /** The beginning-of-sequence token; null when the file does not name one. */
  readonly bosTokenId: number | null;
  /** Tokens that end a generation; null when the file does not name any. */
  readonly eosTokenIds: readonly number[] | null;
  /** The suggested sampling. */
  readonly sampling: SamplingDefaults;
}

/**
 * Read `generation_config.json` of a model folder.
 *
 * @param folder The model folder.
 * @param vocabularySize Token ids must be below it.
 * @returns Its contents; all null when there is no such file.
 * @throws {UpbeatError} `MODEL_CONFIG_INVALID`, naming file, field and value.
 */
export function readGenerationConfig(folder: string, vocabularySize: number): GenerationConfig {
  const file = join(folder, "generation_config.json");
  const fields = readFields(file);
  return {
    bosTokenId: fields?.tokenIds("bos_token_id", vocabularySize)?.[0] ?? null,
    eosTokenIds: fields?.tokenIds("eos_token_id", vocabularySize) ?? null,
    sampling: {
      doSample: fields?.value("do_sample") === undefined ? null : fields.boolean("do_sample", false),
      temperature: optionalNumber(fields, "temperature", {}),
      topK: readTopK(fields),
      topP: optionalNumber(fields, "top_p", { maximum: 1 }),
      minP: optionalNumber(fields, "min_p", { maximum: 1 }),
      repetitionPenalty: optionalNumber(fields, "repetition_penalty", { exclusive: true }),
    },
  };
}

/** -1 is a common way to write "off". */
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
