/**
 * Where a model's tensors come from: the files of a checkpoint, or nowhere.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import type { Checkpoint } from "../weights/tensor_info.ts";
import { isMatrixDtype, isWeightDtype, WEIGHT_DTYPES, weightElementBytes } from "../weights/dtypes.ts";
import type { WeightDtype } from "../weights/dtypes.ts";
import type { TensorInfo } from "../weights/tensor_info.ts";
import type { WeightPart } from "./memory_plan.ts";

/** The dimensions of a matrix. */
export type MatrixShape = readonly [rows: number, columns: number];

/** Finds tensors by name and keeps account of those that were found. */
export interface TensorSource {
  /**
   * Whether there is such a tensor.
   *
   * @param name Its name in the checkpoint.
   */
  has(name: string): boolean;

  /**
   * Find a matrix.
   *
   * @param name Its name in the checkpoint.
   * @param shape The shape it must have.
   * @returns Its bytes.
   * @throws {UpbeatError} `WEIGHTS_MISSING_TENSOR`, `WEIGHTS_WRONG_SHAPE` or `WEIGHTS_UNSUPPORTED_DTYPE`, naming the
   * tensor and its file or folder.
   */
  find(name: string, shape: MatrixShape): WeightPart;

  /**
   * Find a vector.
   *
   * @param name Its name in the checkpoint.
   * @param length Its number of elements.
   * @returns Its bytes, in parts where they are not stored in order.
   * @throws {UpbeatError} As {@linkcode TensorSource.find}.
   */
  findVector(name: string, length: number): readonly WeightPart<WeightDtype>[];

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

  find(name: string, [rows, columns]: MatrixShape): WeightPart<WeightDtype> {
    const byteLength = rows * columns * weightElementBytes(this.#dtype);
    this.#weightBytes += byteLength;
    return { name, file: null, offset: 0, byteLength, dtype: this.#dtype, rows, columns, pairedRows: 0 };
  }

  findVector(name: string, length: number): readonly WeightPart<WeightDtype>[] {
    return [this.find(name, [length, 1])];
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

  find(name: string, shape: MatrixShape): WeightPart {
    const tensor = this.#take(name, shape);
    const { file, offset, byteLength, dtype, pairedRows = 0 } = tensor;
    if (!isMatrixDtype(dtype)) throw unsupportedDtype(tensor, "or a block-quantized type of GGUF");
    return { name, file, offset, byteLength, dtype, rows: shape[0], columns: shape[1], pairedRows };
  }

  findVector(name: string, length: number): readonly WeightPart<WeightDtype>[] {
    const tensor = this.#take(name, [length]);
    const { file, offset, byteLength, dtype, pairedRows = 0 } = tensor;
    if (!isWeightDtype(dtype)) throw unsupportedDtype(tensor);
    const part = { name, file, offset, byteLength, dtype, rows: length, columns: 1, pairedRows: 0 };
    if (pairedRows === 0) return [part];
    // The elements of each half of a group, which alternate in the file.
    const elementBytes = weightElementBytes(dtype);
    return Array.from({ length }, (_, index) => {
      const [group, within] = [Math.floor(index / pairedRows), index % pairedRows];
      const half = pairedRows / 2;
      const stored = group * pairedRows + (within % half) * 2 + Math.floor(within / half);
      return { ...part, offset: offset + stored * elementBytes, byteLength: elementBytes, rows: 1 };
    });
  }

  /** A tensor of the given shape, which counts as used. */
  #take(name: string, shape: readonly number[]): TensorInfo {
    const tensor = this.#checkpoint.tensors.get(name);
    if (tensor === undefined) throw this.#missing(name);
    if (tensor.shape.length !== shape.length || tensor.shape.some((length, axis) => length !== shape[axis])) {
      throw wrongShape(tensor, shape);
    }
    this.#used.add(name);
    return tensor;
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

function unsupportedDtype({ name, file, dtype }: TensorInfo, others = ""): UpbeatError {
  return new UpbeatError(
    "WEIGHTS_UNSUPPORTED_DTYPE",
    `tensor ${name} of ${file} has dtype ${dtype}; it must be ${[WEIGHT_DTYPES.join(", "), others].join(" ").trim()}`,
    { tensor: name, file, dtype },
  );
}

function wrongShape(tensor: TensorInfo, expected: readonly number[]): UpbeatError {
  const { name, file, shape } = tensor;
  return new UpbeatError(
    "WEIGHTS_WRONG_SHAPE",
    `tensor ${name} of ${file} has shape [${shape.slice(0, 8).join(", ")}]; the model's configuration requires ` +
      `[${expected.join(", ")}]`,
    { tensor: name, file, shape: shape.slice(0, 8).join(", "), expected: expected.join(", ") },
  );
}
