/**
 * Names of models in the stores of this machine.
 *
 * @module
 */

/** A model in the Hugging Face cache: `org/name[@revision][:file or quantization]`. */
export interface HubName {
  readonly store: "hub";
  readonly organization: string;
  readonly name: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** A file of the repository, or a quantization such as `Q4_K_M`; null: the model as it is. */
  readonly selector: string | null;
}

/** A model of Ollama: `ollama:[[host/]namespace/]name[:tag]`. */
export interface OllamaName {
  readonly store: "ollama";
  readonly host: string;
  readonly namespace: string;
  readonly name: string;
  readonly tag: string;
}

/** A model of LM Studio: `lmstudio:publisher/name[:file or quantization]`. */
export interface LmStudioName {
  readonly store: "lmstudio";
  readonly publisher: string;
  readonly name: string;
  readonly selector: string | null;
}

/** The name of a model that is in a store. */
export type ModelName = HubName | OllamaName | LmStudioName;

/** One segment of a name. It cannot lead out of a folder: it has no separator and does not begin with a dot. */
const PART = "\\w[\\w.-]*";

const HUB = new RegExp(`^(${PART})/(${PART})(?:@(${PART}(?:/${PART})*))?(?::(${PART}(?:/${PART})*))?$`);
const OLLAMA = new RegExp(`^ollama:(?:(?:(${PART}(?::\\d+)?)/)?(${PART})/)?(${PART})(?::(${PART}))?$`);
const LM_STUDIO = new RegExp(`^lmstudio:(${PART})/(${PART})(?::(${PART}))?$`);

/**
 * Read the name of a model.
 *
 * @param text What the user gave.
 * @returns The name; null where it can only be a path.
 */
export function parseModelName(text: string): ModelName | null {
  const ollama = OLLAMA.exec(text);
  if (ollama !== null) {
    const [, host = "registry.ollama.ai", namespace = "library", name, tag = "latest"] = ollama;
    return { store: "ollama", host, namespace, name: name!, tag };
  }
  const studio = LM_STUDIO.exec(text);
  if (studio !== null) {
    return { store: "lmstudio", publisher: studio[1]!, name: studio[2]!, selector: studio[3] ?? null };
  }
  const hub = HUB.exec(text);
  if (hub === null) return null;
  const [, organization, name, revision = "main", selector = null] = hub;
  return { store: "hub", organization: organization!, name: name!, revision, selector };
}
