/**
 * Where a model's tensors come from: the files of a checkpoint, or nowhere.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import type { Checkpoint } from "../weights/checkpoint.ts";
import { isWeightDtype, WEIGHT_DTYPES, weightElementBytes } from "../weights/dtypes.ts";
import type { WeightDtype } from "../weights/dtypes.ts";
import type { TensorInfo } from "../weights/safetensors.ts";
import type { WeightPart } from "./memory_plan.ts";

/** The dimensions of a vector or a matrix. */
export type TensorShape = readonly [length: number] | readonly [rows: number, columns: number];

/** Finds tensors by name and keeps account of those that were found. */
export interface TensorSource {
  /**
   * Whether there is such a tensor.
   *
   * @param name Its name in the checkpoint.
   */
  has(name: string): boolean;

  /**
   * Find a tensor.
   *
   * @param name Its name in the checkpoint.
   * @param shape The shape it must have.
   * @returns Its bytes.
   * @throws {UpbeatError} `WEIGHTS_MISSING_TENSOR`, `WEIGHTS_WRONG_SHAPE` or `WEIGHTS_UNSUPPORTED_DTYPE`, naming the
   * tensor and its file or folder.
   */
  find(name: string, shape: TensorShape): WeightPart;

  /** Bytes of all tensors that were found, each counted once, and the names of the others. */
  account(): { readonly weightBytes: number; readonly unusedTensors: readonly string[] };
}

/** Random weights of one dtype, for measuring a model's shape without its files. */
export class DummyTensors implements TensorSource {
  readonly #dtype: WeightDtype;
  #weightBytes = 0;

  /** @param dtype Element type of all tensors. */
  constructor(dtype: WeightDtype) {
    this.#dtype = dtype;
  }

  has(): boolean {
    return true;
  }

  find(name: string, [rows, columns = 1]: TensorShape): WeightPart {
    const byteLength = rows * columns * weightElementBytes(this.#dtype);
    this.#weightBytes += byteLength;
    return { name, file: null, offset: 0, byteLength, dtype: this.#dtype, rows, columns };
  }

  account(): { readonly weightBytes: number; readonly unusedTensors: readonly string[] } {
    return { weightBytes: this.#weightBytes, unusedTensors: [] };
  }
}

/** The tensors of a checkpoint, checked before they are used. */
export class CheckpointTensors implements TensorSource {
  readonly #checkpoint: Checkpoint;
  readonly #used = new Set<string>();

  /** @param checkpoint The files' headers. */
  constructor(checkpoint: Checkpoint) {
    this.#checkpoint = checkpoint;
  }

  has(name: string): boolean {
    return this.#checkpoint.tensors.has(name);
  }

  find(name: string, shape: TensorShape): WeightPart {
    const tensor = this.#checkpoint.tensors.get(name);
    if (tensor === undefined) throw this.#missing(name);
    const { file, offset, byteLength, dtype } = tensor;
    if (tensor.shape.length !== shape.length || tensor.shape.some((length, axis) => length !== shape[axis])) {
      throw wrongShape(tensor, shape);
    }
    if (!isWeightDtype(dtype)) {
      throw new UpbeatError(
        "WEIGHTS_UNSUPPORTED_DTYPE",
        `tensor ${name} of ${file} has dtype ${dtype}; weights must be ${WEIGHT_DTYPES.join(", ")}`,
        { tensor: name, file, dtype },
      );
    }
    this.#used.add(name);
    return { name, file, offset, byteLength, dtype, rows: shape[0], columns: shape[1] ?? 1 };
  }

  account(): { readonly weightBytes: number; readonly unusedTensors: readonly string[] } {
    let weightBytes = 0;
    const unusedTensors: string[] = [];
    for (const { name, byteLength } of this.#checkpoint.tensors.values()) {
      if (this.#used.has(name)) weightBytes += byteLength;
      else unusedTensors.push(name);
    }
    return { weightBytes, unusedTensors };
  }

  #missing(name: string): UpbeatError {
    const { folder, files } = this.#checkpoint;
    const hint = name === "lm_head.weight"
      ? "config.json does not set tie_word_embeddings, so it must be there"
      : "its weights do not match its config.json, or were not downloaded entirely";
    return new UpbeatError("WEIGHTS_MISSING_TENSOR", `${folder} has no tensor ${name}: ${hint}`, {
      tensor: name,
      folder,
      files: files.join(", "),
    });
  }
}

function wrongShape(tensor: TensorInfo, expected: readonly number[]): UpbeatError {
  const { name, file, shape } = tensor;
  return new UpbeatError(
    "WEIGHTS_WRONG_SHAPE",
    `tensor ${name} of ${file} has shape [${shape.slice(0, 8).join(", ")}]; config.json requires [${
      expected.join(", ")
    }]`,
    { tensor: name, file, shape: shape.slice(0, 8).join(", "), expected: expected.join(", ") },
  );
}
