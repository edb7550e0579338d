/**
 * From the name of a model to its files on this machine. Nothing is downloaded and nothing written.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { UpbeatError } from "../errors.ts";
import { chooseFile } from "./choose_file.ts";
import { type HubName, type LmStudioName, type OllamaName, parseModelName } from "./model_name.ts";
import { hubCache, lmStudioStores, ollamaStores } from "./stores.ts";

/** The most entries of a folder of models that are looked at, folders within it included. */
const MAX_ENTRIES = 10_000;
/** The largest manifest or reference that is read; they have some hundred bytes. */
const MAX_BYTES = 2 ** 20;

/** The layer of an Ollama manifest that has the weights. */
const OLLAMA_WEIGHTS = "application/vnd.ollama.image.model";

/** The layer of one that has an adapter: the weights alone would be another model. */
const OLLAMA_ADAPTER = "application/vnd.ollama.image.adapter";

/**
 * Find the files of a model.
 *
 * A path that exists is the model, whatever it looks like. Else it may be the name of a model in a store: in the cache of
 * Hugging Face's programs (`org/name[@revision][:file or quantization]`), of Ollama (`ollama:name[:tag]`), or of LM Studio
 * (`lmstudio:publisher/name[:file or quantization]`).
 *
 * @param model A path or a name.
 * @returns The path of a model folder or of a GGUF file; what was given, where it is no name of a model in a store.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` when the store has no such model, with what to do; `MODEL_CONFIG_INVALID` for a
 * store's file that cannot be read.
 * @example
 * ```ts
 * locateModel("ollama:llama3.2:1b"); // "/home/ada/.ollama/models/blobs/sha256-74701a8c35f6…"
 * ```
 */
export function locateModel(model: string): string {
  if (exists(model)) return model;
  const name = parseModelName(model);
  switch (name?.store) {
    case "ollama":
      return inOllama(model, name);
    case "lmstudio":
      return inLmStudio(model, name);
    case "hub":
      return inHubCache(model, name);
    default:
      return model;
  }
}

function inHubCache(model: string, { organization, name, revision, selector }: HubName): string {
  const repository = join(hubCache(), `models--${organization}--${name}`);
  const reference = readSmall(join(repository, "refs", revision));
  const snapshot = join(repository, "snapshots", reference?.trim() ?? revision);
  if (!exists(snapshot)) {
    const command = `hf download ${organization}/${name}${revision === "main" ? "" : ` --revision ${revision}`}`;
    throw notFound(
      model,
      `is no path that exists, and is not in the Hugging Face cache, ${hubCache()}: download it with \`${command}\``,
    );
  }
  const files = filesBelow(snapshot);
  if (selector === null && files.includes("config.json") && files.some((file) => file.endsWith(".safetensors"))) {
    return snapshot;
  }
  return join(snapshot, chooseFile(model, files, selector));
}

function inOllama(model: string, { host, namespace, name, tag }: OllamaName): string {
  const stores = ollamaStores();
  for (const store of stores) {
    const path = join(store, "manifests", host, namespace, name, tag);
    const manifest = readSmall(path);
    if (manifest === null) continue;
    if (manifest.includes(OLLAMA_ADAPTER)) {
      throw notFound(model, "has an adapter (LoRA), which cannot be applied: use the model without it");
    }
    const digest = weightsDigest(manifest);
    if (digest === null) {
      throw new UpbeatError("MODEL_CONFIG_INVALID", `${path} names no weights: pull the model again (ollama pull)`, {
        file: path,
      });
    }
    const blob = join(store, "blobs", `sha256-${digest}`);
    if (exists(blob)) return blob;
    throw notFound(model, `has lost its weights, ${blob}: pull the model again (ollama pull)`);
  }
  throw notFound(
    model,
    `is not in Ollama's store, ${stores.join(" or ")}: pull it with \`${model.replace(":", " pull ")}\``,
  );
}

/** The digest of the weights in a manifest, 64 hexadecimal digits; null where there is none. */
function weightsDigest(manifest: string): string | null {
  try {
    const { layers } = JSON.parse(manifest) as { layers: { mediaType: unknown; digest: unknown }[] };
    const digest = layers.find(({ mediaType }) => mediaType === OLLAMA_WEIGHTS)?.digest;
    return /^sha256:([0-9a-f]{64})$/.exec(String(digest))?.[1] ?? null;
  } catch {
    return null;
  }
}

function inLmStudio(model: string, { publisher, name, selector }: LmStudioName): string {
  const stores = lmStudioStores();
  const folder = stores.map((store) => join(store, publisher, name)).find(exists);
  if (folder === undefined) {
    throw notFound(model, `is not in LM Studio's folder, ${stores.join(" or ")}: download it there`);
  }
  return join(folder, chooseFile(model, filesBelow(folder), selector));
}

function exists(path: string): boolean {
  try {
    return path !== "" && existsSync(path);
  } catch {
    // Deno without --allow-read: loading the model says so.
    return false;
  }
}

/** Files of a folder and of those within it, relative to it. */
function filesBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true }) as string[];
  return names.slice(0, MAX_ENTRIES).map((name) => name.replaceAll("\\", "/")).sort();
}

/** A small regular file; null where there is none. */
function readSmall(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && found.size <= MAX_BYTES ? readFileSync(path, "utf8") : null;
}

function notFound(model: string, problem: string): UpbeatError {
  return new UpbeatError("MODEL_NOT_FOUND", `${model} ${problem}`, { model });
}
