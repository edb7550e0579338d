/**
 * The families that can be run.
 *
 * @module
 */
import type { ConfigFields } from "../config/config_fields.ts";
import type { ModelFamily } from "../config/decoder_config.ts";
import type { Family } from "./family.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";

/** Every family by its name. */
export const FAMILIES: Readonly<Record<ModelFamily, Family>> = { llama, mistral, qwen2, qwen3 };

/**
 * The family that `architectures` and `model_type` name. One of them suffices; two must agree.
 *
 * @param fields The top-level fields of `config.json`.
 * @returns The family.
 * @throws {UpbeatError} `MODEL_UNSUPPORTED` for any other model; `MODEL_CONFIG_INVALID` when the file names none, or
 * two.
 */
export function findFamily(fields: ConfigFields): Family {
  const families = Object.values(FAMILIES);
  const supported = `supported are ${families.map(({ architecture }) => architecture).join(", ")}`;
  const architecture = fields.texts("architectures")?.[0] ?? null;
  const modelType = fields.text("model_type");
  const byArchitecture = families.find((family) => family.architecture === architecture);
  const byType = families.find((family) => family.name === modelType);
  if (architecture !== null && byArchitecture === undefined) throw fields.unsupported("architectures", supported);
  if (modelType !== null && byType === undefined) throw fields.unsupported("model_type", supported);
  const family = byArchitecture ?? byType;
  if (family === undefined) throw fields.invalid("architectures", `a list with one name; ${supported}`);
  if (byType !== undefined && byType !== family) {
    throw fields.invalid("model_type", `"${family.name}", as architectures names ${family.architecture}`);
  }
  return family;
}
