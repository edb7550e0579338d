/**
 * Explains why a path is not a model folder that can be loaded, by what people give in its place.
 *
 * @module
 */
import { type Dir, existsSync, opendirSync, type Stats, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { sep } from "node:path";
import { showValue, UpbeatError } from "../../errors.ts";
import { FILE_KINDS, isObject, parseJsonObject, readTextFileSync } from "./text_file.ts";

/** Entries of a folder that are looked at. */
const MAX_ENTRIES = 1000;

/** Where people get a model from. */
const WANTED = "give the path of a Hugging Face model folder or a GGUF file";

/**
 * Check that a model is named by a path, before anything is read.
 *
 * @param model What the caller gave.
 * @throws {UpbeatError} `INVALID_PARAMETER`.
 */
export function checkModelPath(model: unknown): asserts model is string {
  if (typeof model === "string" && model !== "" && !model.includes("\0")) return;
  throw new UpbeatError("INVALID_PARAMETER", `model must be the path of a model folder, got ${showValue(model)}`, {
    field: "model",
    value: showValue(model),
  });
}

/**
 * Why a model folder cannot be loaded that is no folder, or has no `config.json`.
 *
 * @param path The path that was given as model folder.
 * @returns A `MODEL_NOT_FOUND` error that says what is there, and what to do.
 */
export function noModel(path: string): UpbeatError {
  const found = statOf(path);
  const problem = found === null ? missing(path) : found.isDirectory() ? incomplete(path) : noFolder(path, found);
  return new UpbeatError("MODEL_NOT_FOUND", problem, { folder: path, file: join(path, "config.json") });
}

/**
 * Why a folder's weights cannot be loaded that has no safetensors under the expected names.
 *
 * @param folder The model folder.
 * @param expected The files that were looked for.
 * @returns A `MODEL_NOT_FOUND` error that says what is there, and what to do.
 */
export function noWeights(folder: string, expected: readonly string[]): UpbeatError {
  const entries = entriesOf(folder);
  const others = entries.filter((name) => /\.(bin|pt|pth|gguf|safetensors|onnx|h5|msgpack)$/.test(name));
  const found = `it holds ${others.slice(0, 3).join(", ")}${others.length > 3 ? ", …" : ""}`;
  const shards = others.some((name) => /^model-\d+-of-\d+\.safetensors$/.test(name));
  const hint = adapterHint(folder, entries) ?? (
    others.length === 0
      ? "download the model's weights into it"
      : shards
      ? `${found}: download ${expected.at(-1)}, which says where each tensor is`
      : `${found}, which cannot be loaded here: convert the model to safetensors (transformers: save_pretrained)`
  );
  return new UpbeatError("MODEL_NOT_FOUND", `${folder} has neither ${expected.join(" nor ")}; ${hint}`, {
    folder,
    found: others.slice(0, 100).join(", "),
  });
}

/** Nothing is there: it may be a name of something else than a folder. */
function missing(path: string): string {
  if (/^https?:/i.test(path) || /^[\w-][\w.-]*\/[\w.-]+$/.test(path)) {
    return `${path} is not a folder on this machine, and models are not downloaded by name: ` +
      `download it (hf download ORG/NAME --local-dir FOLDER) and give the folder`;
  }
  if (path.startsWith("file:")) return `${path} is a URL: ${WANTED} (fileURLToPath() of node:url converts it)`;
  if (path.startsWith("~")) return `${path} does not exist: only a shell replaces ~, so give the whole path`;
  if (sep === "/" && /^[a-z]:[\\/]|\\/i.test(path)) {
    return `${path} does not exist: it is a Windows path, and here folders are separated by / (under WSL, C:\\ is /mnt/c/)`;
  }
  if (/^[\w.-]+:[\w.-]+$/.test(path)) {
    return `${path} does not exist: models of other programs are not found by their names; ${WANTED}`;
  }
  return `${path} does not exist; ${WANTED}`;
}

/** A file is there. */
function noFolder(path: string, found: Stats): string {
  if (!found.isFile()) return `${path} is not a folder; ${WANTED}`;
  if (/\.gguf$/i.test(path)) {
    return `${path} is named as a GGUF file and does not begin like one: download it again`;
  }
  if (/\.(safetensors|json)$/i.test(path)) return `${path} is a file: give the folder that it is in, ${dirname(path)}`;
  return `${path} is a file, not a folder; ${WANTED}`;
}

/** A folder is there, without a `config.json`. */
function incomplete(folder: string): string {
  const entries = entriesOf(folder);
  const start = `${join(folder, "config.json")} does not exist`;
  const adapter = adapterHint(folder, entries);
  if (adapter !== null) return `${start}: ${adapter}`;
  const below = entries.find((name) => existsSync(join(folder, name, "config.json"))) ?? snapshotOf(folder, entries);
  if (below !== undefined) return `${start}; the model is probably in ${join(folder, below)}`;
  const gguf = entries.find((name) => /\.gguf$/i.test(name));
  if (gguf !== undefined) {
    return `${start}; the folder has several GGUF files: give one of them, as in ${join(folder, gguf)}`;
  }
  if (entries.includes("params.json")) {
    return `${start}: the model is in its authors' own format; download the one that transformers reads`;
  }
  return `${start}; ${WANTED}`;
}

/** For a folder of fine-tuned weights that need those of another model. */
function adapterHint(folder: string, entries: readonly string[]): string | null {
  if (!entries.some((name) => /^adapter_(config\.json|model\.(safetensors|bin))$/.test(name))) return null;
  const base = baseModel(join(folder, "adapter_config.json"));
  return `it holds only an adapter (LoRA)${base === null ? "" : ` of ${base}`}: merge it into its base model ` +
    "(peft: merge_and_unload), save that with save_pretrained, and give its folder";
}

/** The model that an adapter belongs to, as far as its configuration can be read. */
function baseModel(file: string): string | null {
  try {
    const text = readTextFileSync(file, FILE_KINDS.config);
    const config = text === null ? null : parseJsonObject(file, text, FILE_KINDS.config);
    const name = isObject(config) ? config["base_model_name_or_path"] : null;
    return typeof name === "string" ? showValue(name) : null;
  } catch {
    return null;
  }
}

/** A folder of the Hugging Face cache has the model's folder below `snapshots/`. */
function snapshotOf(folder: string, entries: readonly string[]): string | undefined {
  if (!entries.includes("snapshots")) return undefined;
  const [snapshot] = entriesOf(join(folder, "snapshots"));
  return snapshot === undefined ? undefined : join("snapshots", snapshot);
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

/** Names in a folder, sorted; none where it cannot be read. */
function entriesOf(folder: string): string[] {
  const names: string[] = [];
  let open: Dir | null = null;
  try {
    open = opendirSync(folder);
    for (let entry = open.readSync(); entry !== null && names.length < MAX_ENTRIES; entry = open.readSync()) {
      names.push(entry.name);
    }
  } catch {
    // What was read so far is enough for a hint.
  } finally {
    open?.closeSync();
  }
  return names.sort();
}
