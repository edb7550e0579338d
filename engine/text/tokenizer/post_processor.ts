/**
 * Post-processors: add special tokens around the ids of one text.
 *
 * Our own, because `@huggingface/tokenizers` 0.2.0 inserts the token's name instead of the ids that the template lists
 * for it.
 *
 * @module
 */
import { invalidTokenizer, isObject, type JsonObject } from "./tokenizer_files.ts";

/** The ids that are added around a text. */
export interface Surroundings {
  /** Ids before. */
  readonly before: readonly number[];
  /** Ids after. */
  readonly after: readonly number[];
}

const NOTHING: Surroundings = { before: [], after: [] };

/**
 * Compile the `post_processor` field for a single text.
 *
 * @param config The field: null, or an object with a `type`.
 * @returns The ids to add around a text.
 * @throws {UpbeatError} TOKENIZER_INVALID for an unknown type or a malformed template.
 */
export function compilePostProcessor(config: unknown): Surroundings {
  if (config === null || config === undefined) return NOTHING;
  if (!isObject(config)) throw invalidTokenizer("post_processor", "must be an object or null");
  switch (config["type"]) {
    case "ByteLevel":
      return NOTHING;
    case "Sequence": {
      const list = config["processors"];
      if (!Array.isArray(list)) throw invalidTokenizer("post_processor.processors", "must be a list");
      // The reference passes the parts of one template to the next as separate texts, which no model file relies on.
      const adding = list.map(compilePostProcessor).filter(({ before, after }) => before.length + after.length > 0);
      if (adding.length > 1) throw invalidTokenizer("post_processor", "has two steps that add special tokens");
      return adding[0] ?? NOTHING;
    }
    case "TemplateProcessing":
      return template(config);
    case "BertProcessing":
    case "RobertaProcessing":
      return { before: [pairId(config["cls"], "cls")], after: [pairId(config["sep"], "sep")] };
    default:
      throw invalidTokenizer("post_processor", `of type ${JSON.stringify(config["type"])} is not supported`);
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
      (texts === 0 ? before : after).push(...(entry["ids"] as number[]));
    } else {throw invalidTokenizer(
        "post_processor.single",
        "contains an item that is neither Sequence nor SpecialToken",
      );}
  }
  if (texts !== 1) throw invalidTokenizer("post_processor.single", `must contain the text once, not ${texts} times`);
  return { before, after };
}

/** The id of a `[token, id]` pair. */
function pairId(pair: unknown, field: string): number {
  const id: unknown = Array.isArray(pair) ? pair[1] : undefined;
  if (typeof id !== "number") throw invalidTokenizer(`post_processor.${field}`, "must be [token, id]");
  return id;
}
