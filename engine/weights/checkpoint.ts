/**
 * A model's weights: one `model.safetensors`, several shards with an index, or GGUF files (`gguf_checkpoint.ts`).
 *
 * The index (`model.safetensors.index.json`, written by transformers' `save_pretrained`) is
 * `{"metadata": …, "weight_map": {tensor name: file name}}`.
 *
 * @module
 */
import { lstatSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { type ErrorDetails, showValue, UpbeatError } from "../../errors.ts";
import { openGguf } from "../files/gguf/gguf_model.ts";
import { noModel, noWeights } from "../files/model_folder.ts";
import { FILE_KINDS, isObject, parseJsonObject, readTextFileSync } from "../files/text_file.ts";
import { ggufCheckpoint } from "./gguf_checkpoint.ts";
import { duplicateMember } from "./header_json.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import type { Checkpoint, TensorInfo } from "./tensor_info.ts";

const SINGLE_FILE = "model.safetensors";
const INDEX_FILE = "model.safetensors.index.json";

/**
 * Find and check the weights of a model folder, or of a GGUF file.
 *
 * Where both a single file and an index exist the single file is used, as transformers does.
 *
 * @param folder Path of the model folder or the GGUF file.
 * @param gguf The headers of the GGUF file, where they have been read; null for a folder.
 * @returns Every tensor with its file, dtype, shape and byte range.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` when the folder or its weights are missing, naming the expected and the
 * existing files; `WEIGHTS_INVALID` when the index or a file is malformed; `WEIGHTS_MISSING_TENSOR` when the index puts
 * a tensor into a shard that does not contain it.
 */
export function openCheckpoint(folder: string, gguf = openGguf(folder)): Checkpoint {
  if (gguf !== null) return ggufCheckpoint(gguf);
  if (!isFolder(folder)) throw noModel(folder);
  const single = join(folder, SINGLE_FILE);
  if (entryExists(single)) {
    return { folder, files: [single], tensors: readSafetensorsHeader(single).tensors };
  }
  const index = join(folder, INDEX_FILE);
  if (entryExists(index)) return openShards(folder, index);
  throw noWeights(folder, [SINGLE_FILE, INDEX_FILE]);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Whether a directory entry exists; a dangling link counts, as it is a broken download and not a missing one. */
function entryExists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // A name that the system refuses: reading the file reports why.
    return true;
  }
}

/** The checkpoint of a folder with an index. Tensors that the index does not name are omitted. */
function openShards(folder: string, index: string): Checkpoint {
  const weightMap = readWeightMap(index);
  const headers = new Map<string, ReadonlyMap<string, TensorInfo>>();
  const tensors = new Map<string, TensorInfo>();
  for (const [name, shard] of weightMap) {
    let header = headers.get(shard);
    if (header === undefined) {
      const file = join(folder, shard);
      if (!entryExists(file)) {
        throw new UpbeatError(
          "MODEL_NOT_FOUND",
          `shard ${shard}, which ${index} names, is missing from ${folder}; download it`,
          { file, index, tensor: name },
        );
      }
      header = readSafetensorsHeader(file).tensors;
      headers.set(shard, header);
    }
    const tensor = header.get(name);
    if (tensor === undefined) {
      throw new UpbeatError(
        "WEIGHTS_MISSING_TENSOR",
        `${index} puts tensor ${showValue(name)} into ${shard}, which does not contain it; download both again`,
        { file: join(folder, shard), index, tensor: name },
      );
    }
    tensors.set(name, tensor);
  }
  return { folder, files: [...headers.keys()].map((shard) => join(folder, shard)), tensors };
}

/** The index's pairs of tensor name and shard name; each shard is a plain file name in the folder. */
function readWeightMap(index: string): [string, string][] {
  const json = readTextFileSync(index, FILE_KINDS.weightIndex);
  if (json === null) throw invalidIndex(index, "it is gone");
  const weightMap = parseJsonObject(index, json, FILE_KINDS.weightIndex)["weight_map"];
  if (!isObject(weightMap)) throw invalidIndex(index, "it has no object weight_map");
  const duplicate = duplicateMember(json);
  if (duplicate !== null) throw invalidIndex(index, `it names ${showValue(duplicate)} twice`, duplicate);
  const entries = Object.entries(weightMap);
  if (entries.length === 0) throw invalidIndex(index, "its weight_map is empty");
  for (const [name, shard] of entries) {
    if (typeof shard !== "string" || !isPlainFileName(shard)) {
      throw invalidIndex(
        index,
        `it puts tensor ${showValue(name)} into ${showValue(shard)}, ` +
          "which is not the name of a .safetensors file beside it",
        name,
      );
    }
  }
  return entries as [string, string][];
}

/** A name that stays in its folder on every platform. */
function isPlainFileName(name: string): boolean {
  return name.endsWith(".safetensors") && name === basename(name) && !/[/\\:\0]/.test(name);
}

function invalidIndex(index: string, problem: string, tensor: string | null = null): UpbeatError {
  const details: ErrorDetails = tensor === null ? { file: index } : { file: index, tensor };
  return new UpbeatError("WEIGHTS_INVALID", `${index} is not a valid weight index: ${problem}`, details);
}
