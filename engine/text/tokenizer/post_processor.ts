/**
 * Post-processors: add special tokens around the ids of one text.
 *
 * Our own, because `@huggingface/tokenizers` 0.2.0 inserts the token's name instead of the ids that the template lists
 * for it.
 *
 * @module
 */
import { showValue } from "../../../errors.ts";
import { StepCounter } from "./limits.ts";
import { invalidTokenizer, isObject, type JsonObject } from "./tokenizer_files.ts";

/** The ids that are added around a text. */
export interface Surroundings {
  /** Ids before. */
  readonly before: readonly number[];
  /** Ids after. */
  readonly after: readonly number[];
}

/** The most ids that a template may add. */
const MOST_ADDED = 256;

const NOTHING: Surroundings = { before: [], after: [] };

/**
 * Compile the `post_processor` field for a single text.
 *
 * @param config The field: null, or an object with a `type`.
 * @returns The ids to add around a text.
 * @throws {UpbeatError} TOKENIZER_INVALID for an unknown type, or a template that is malformed or adds too much.
 */
export function compilePostProcessor(config: unknown): Surroundings {
  return compileStep(config, new StepCounter("post_processor"));
}

function compileStep(config: unknown, counter: StepCounter): Surroundings {
  if (config === null || config === undefined) return NOTHING;
  if (!isObject(config)) throw invalidTokenizer("post_processor", "must be an object or null");
  counter.count();
  switch (config["type"]) {
    case "ByteLevel":
      return NOTHING;
    case "Sequence": {
      const list = config["processors"];
      if (!Array.isArray(list)) throw invalidTokenizer("post_processor.processors", "must be a list");
      // The reference passes the parts of one template to the next as separate texts, which no model file relies on.
      const adding: Surroundings[] = [];
      for (const item of list as unknown[]) {
        const step = compileStep(item, counter);
        if (step.before.length + step.after.length > 0) adding.push(step);
      }
      if (adding.length > 1) throw invalidTokenizer("post_processor", "has two steps that add special tokens");
      return adding[0] ?? NOTHING;
    }
    case "TemplateProcessing":
      return template(config);
    case "BertProcessing":
    case "RobertaProcessing":
      return { before: [pairId(config["cls"], "cls")], after: [pairId(config["sep"], "sep")] };
    default:
      throw invalidTokenizer("post_processor", `of type ${showValue(config["type"])} is not supported`);
  }
}

/** The ids around `$A` in `single`. */
function template(config: JsonObject): Surroundings {
  const single = config["single"];
  const table = isObject(config["special_tokens"]) ? config["special_tokens"] : {};
  if (!Array.isArray(single)) throw invalidTokenizer("post_processor.single", "must be a list");
  const before: number[] = [];
  const after: number[] = [];
  let texts = 0;
  for (const item of single as unknown[]) {
    if (isObject(item) && isObject(item["Sequence"])) texts++;
    else if (isObject(item) && isObject(item["SpecialToken"])) {
      const name = String(item["SpecialToken"]["id"]);
      const entry = table[name];
      if (!isObject(entry) || !Array.isArray(entry["ids"])) {
        throw invalidTokenizer("post_processor.special_tokens", `has no ids for ${name}`);
      }
      const ids = entry["ids"] as unknown[];
      if (before.length + after.length + ids.length > MOST_ADDED) {
        throw invalidTokenizer("post_processor.single", `adds more than ${MOST_ADDED} tokens`);
      }
      for (const id of ids) (texts === 0 ? before : after).push(tokenId(id, "special_tokens"));
    } else {
      throw invalidTokenizer("post_processor.single", "contains an item that is neither Sequence nor SpecialToken");
    }
  }
  if (texts !== 1) throw invalidTokenizer("post_processor.single", `must contain the text once, not ${texts} times`);
  return { before, after };
}

/** The id of a `[token, id]` pair. */
function pairId(pair: unknown, field: string): number {
  if (!Array.isArray(pair)) throw invalidTokenizer(`post_processor.${field}`, "must be [token, id]");
  return tokenId(pair[1], field);
}

function tokenId(id: unknown, field: string): number {
  if (typeof id === "number" && Number.isInteger(id) && id >= 0) return id;
  throw invalidTokenizer(`post_processor.${field}`, "must have integer ids");
}

/**
 * The tokens around a text as `tokenizer_config.json` wants them. As transformers 5 does, `add_bos_token` or `add_eos_token`
 * replaces the whole post-processor.
 *
 * @param config `tokenizer_config.json`.
 * @param idOf The id of the special token with a role; null where there is none.
 * @param own What the post-processor of `tokenizer.json` adds.
 * @returns The ids to add around a text.
 * @throws {UpbeatError} TOKENIZER_INVALID when a token is to be added that the tokenizer does not have.
 */
export function configuredSurroundings(
  config: JsonObject,
  idOf: (role: "bos" | "eos") => number | null,
  own: Surroundings,
): Surroundings {
  const added = (role: "bos" | "eos"): readonly number[] => {
    if (config[`add_${role}_token`] !== true) return [];
    const id = idOf(role);
    if (id !== null) return [id];
    throw invalidTokenizer(
      `add_${role}_token`,
      `in tokenizer_config.json is true, but ${role}_token is not a token of the vocabulary`,
    );
  };
  const isConfigured = typeof config["add_bos_token"] === "boolean" || typeof config["add_eos_token"] === "boolean";
  return isConfigured ? { before: added("bos"), after: added("eos") } : own;
}
