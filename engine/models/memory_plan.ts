/**
 * What a model keeps on its device: weights, activations, KV caches and tables.
 *
 * Layers declare these while a model is composed, before any memory is taken (`model_builder.ts`). The sum of them is
 * the memory estimate, and loading the model is what sets their addresses and handles.
 *
 * @module
 */
import type { Pointer, WeightHandle } from "../../ffi/types.ts";
import type { MatrixDtype, WeightDtype } from "../weights/dtypes.ts";

/** Rows of a matrix (or elements of a vector: rows of one column) as stored in a file. */
export interface WeightPart<Stored extends MatrixDtype = MatrixDtype> {
  /** The tensor's name in the checkpoint. */
  readonly name: string;
  /** Path of the file; null for dummy weights, which are generated on the device. */
  readonly file: string | null;
  /** Position of the first byte in the file; 0 without one. */
  readonly offset: number;
  /** Length in bytes. */
  readonly byteLength: number;
  /** Element type in the file. */
  readonly dtype: Stored;
  /** Rows (outputs) of this part. */
  readonly rows: number;
  /** Columns (inputs); 1 for a part of a vector. */
  readonly columns: number;
  /** The order of the rows in the file (`paired_rows` of `upbeat_weight_load`); 0: from the first to the last. */
  readonly pairedRows: number;
}

/** A weight matrix `[rows, columns]` made of one or more tensors of one dtype, stacked by rows in this order. */
export interface Matrix {
  /** Set when the model is loaded. */
  handle: WeightHandle;
  /** Element type of all parts. */
  readonly dtype: MatrixDtype;
  /** Rows (outputs) of all parts together. */
  readonly rows: number;
  /** Columns (inputs). */
  readonly columns: number;
  /** Whether activations are multiplied with it; false for an embedding whose rows are only looked up. */
  readonly isMultiplied: boolean;
  /** The parts, from the first row on. */
  readonly parts: readonly WeightPart[];
}

/** A range of device memory. */
export interface Place {
  /** Set when the model is loaded. */
  pointer: Pointer;
}

/** A weight vector, F32, made of one or more tensors of any dtype, one after the other: a norm or a bias. */
export interface Vector extends Place {
  /** Elements of all parts together. */
  readonly length: number;
  /** The parts, from the first element on. */
  readonly parts: readonly WeightPart<WeightDtype>[];
}

/** A linear map with its bias; null where the model has none. */
export interface Projection {
  readonly weight: Matrix;
  readonly bias: Vector | null;
}

/** Activations, F32 `[rows, columns]`, tightly packed. */
export interface Activation extends Place {
  readonly name: string;
  readonly columns: number;
  /** What its rows are: the tokens of a step, or those whose logits are computed. */
  readonly rows: "tokens" | "logitRows";
}

/**
 * Activations of tokens that are computed in parts and then joined row by row: `[tokens, columns]` of each part, one
 * after the other.
 */
export interface Joint extends Place {
  /** Columns that are gathered at once: a divisor of the columns of each part. */
  readonly unit: number;
  /** Units of a joined row. */
  readonly units: number;
  /** Where each part goes, its units of a row, and those of the parts before it. */
  readonly parts: readonly (Place & { readonly units: number; readonly firstUnit: number })[];
  /** Where each unit of the joined rows is, counted in units. int32 `[tokens, units]` */
  readonly indices: Place;
}

/** The paged key and value caches of one layer. */
export interface KvCache {
  readonly keys: Place;
  readonly values: Place;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Sines and cosines of a rotary embedding for every position. */
export interface RotaryTable extends Place {
  readonly headDim: number;
  /** F64 `[headDim / 2]`, radians per position. */
  readonly inverseFrequencies: Float64Array;
}

/** All that a model keeps on its device. */
export interface MemoryPlan {
  /**
   * Weights in loading order, in sections after each of which progress is reported: embedding, each layer, the rest.
   */
  readonly sections: readonly (readonly (Matrix | Vector)[])[];
  readonly activations: readonly Activation[];
  readonly joints: readonly Joint[];
  /** One for each layer with attention. */
  readonly caches: readonly KvCache[];
  readonly rotaryTables: readonly RotaryTable[];
}

/**
 * Distinguishes the two kinds of weights.
 *
 * @param weight A matrix or a vector.
 * @returns Whether it is a matrix.
 */
export function isMatrix(weight: Matrix | Vector): weight is Matrix {
  return "columns" in weight;
}
