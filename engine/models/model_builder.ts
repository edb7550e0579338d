/**
 * The builder that a family's page composes a model with. Layer functions declare on it what they keep on the device,
 * so that checking, loading, memory estimate and forward pass follow from one description.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import type { Pointer, WeightHandle } from "../../ffi/types.ts";
import type { MatrixDtype } from "../weights/dtypes.ts";
import type {
  Activation,
  Joint,
  KvCache,
  Matrix,
  MemoryPlan,
  Projection,
  RotaryTable,
  Vector,
  WeightPart,
} from "./memory_plan.ts";
import type { TensorSource } from "./tensor_source.ts";

/** A module of the checkpoint and its number of outputs: rows of its weight, elements of its bias. */
export type ModuleRows = readonly [name: string, rows: number];

/** The C ABI counts rows in an int32. */
const MAX_ROWS = 2 ** 31 - 1;

/** Stand for an address and a handle until the model is loaded. */
const UNPLACED = undefined as unknown as Pointer;
const UNLOADED = undefined as unknown as WeightHandle;

/** What was declared so far; all builders of a model share it. */
class Declarations implements MemoryPlan {
  readonly sections: (Matrix | Vector)[][] = [[]];
  readonly activations: Activation[] = [];
  readonly joints: Joint[] = [];
  readonly caches: KvCache[] = [];
  readonly rotaryTables: RotaryTable[] = [];
}

/** Declares weights and memory of a model. Names are relative to a module of the checkpoint. */
export class ModelBuilder {
  readonly #tensors: TensorSource;
  readonly #prefix: string;
  readonly #declared: Declarations;

  /**
   * @param tensors Where the weights come from.
   * @param prefix Precedes every name; empty, or a module's name and a dot.
   * @param declared Shared by all builders of a model.
   */
  constructor(tensors: TensorSource, prefix = "", declared = new Declarations()) {
    this.#tensors = tensors;
    this.#prefix = prefix;
    this.#declared = declared;
  }

  /** What was declared. */
  get memory(): MemoryPlan {
    return this.#declared;
  }

  /**
   * A builder for the weights of a module.
   *
   * @param module Its name, such as `"self_attn"`.
   */
  at(module: string): ModelBuilder {
    return new ModelBuilder(this.#tensors, `${this.#prefix}${module}.`, this.#declared);
  }

  /**
   * Compose a list of modules, such as the layers of a decoder.
   *
   * @param list The list's name.
   * @param count How many there are.
   * @param compose Makes one, given a builder for its weights.
   * @returns What `compose` made.
   */
  layers<Layer>(list: string, count: number, compose: (layer: ModelBuilder, index: number) => Layer): Layer[] {
    const { sections } = this.#declared;
    const layers = Array.from({ length: count }, (_, index) => {
      sections.push([]);
      return compose(this.at(`${list}.${index}`), index);
    });
    sections.push([]);
    return layers;
  }

  /**
   * Whether the checkpoint has a tensor.
   *
   * @param name Its name.
   */
  has(name: string): boolean {
    return this.#tensors.has(this.#prefix + name);
  }

  /**
   * Declare a matrix that is one tensor.
   *
   * @param name The tensor.
   * @param rows Its rows (outputs).
   * @param columns Its columns (inputs).
   * @param isMultiplied False when only its rows are looked up.
   */
  matrix(name: string, rows: number, columns: number, isMultiplied = true): Matrix {
    return this.#addMatrix([this.#tensors.find(this.#prefix + name, [rows, columns])], isMultiplied);
  }

  /**
   * Declare a vector, F32 on the device.
   *
   * @param tensors Its tensors and their lengths, one after the other.
   */
  vector(...tensors: readonly ModuleRows[]): Vector {
    const parts = tensors.flatMap(([name, length]) => this.#tensors.findVector(this.#prefix + name, length));
    const length = parts.reduce((sum, part) => sum + part.rows, 0);
    return this.#addWeight({ pointer: UNPLACED, length, parts });
  }

  /**
   * Declare a linear map: `<module>.weight` and, where it has one, `<module>.bias`.
   *
   * @param map Its module and its number of outputs.
   * @param columns Elements of the input.
   * @param hasBias Whether it has a bias.
   */
  projection(map: ModuleRows, columns: number, hasBias: boolean): Projection {
    return this.projections([map], columns, hasBias)[0]!;
  }

  /**
   * Declare linear maps of one input, `<module>.weight` and, where there are biases, `<module>.bias`, stacked by rows
   * so that one product computes them all. A matrix has one dtype: where neighbours differ, each run of one dtype is a
   * matrix.
   *
   * @param modules The maps in order.
   * @param columns Elements of the input.
   * @param hasBias Whether they have biases.
   * @returns At least one projection, for the modules in order.
   */
  projections(modules: readonly ModuleRows[], columns: number, hasBias: boolean): readonly Projection[] {
    const runs: { readonly dtype: MatrixDtype; readonly parts: WeightPart[]; readonly biases: ModuleRows[] }[] = [];
    for (const [name, rows] of modules) {
      const part = this.#tensors.find(`${this.#prefix}${name}.weight`, [rows, columns]);
      if (runs.at(-1)?.dtype !== part.dtype) runs.push({ dtype: part.dtype, parts: [], biases: [] });
      const run = runs.at(-1)!;
      run.parts.push(part);
      run.biases.push([`${name}.bias`, rows]);
    }
    return runs.map(({ parts, biases }) => ({
      weight: this.#addMatrix(parts, true),
      bias: hasBias ? this.vector(...biases) : null,
    }));
  }

  /**
   * Declare activations. Layers run one after the other, so those of one name and width share their memory.
   *
   * @param name What is in it.
   * @param columns Elements of a row.
   * @param rows What its rows are.
   */
  activation(name: string, columns: number, rows: Activation["rows"] = "tokens"): Activation {
    const { activations } = this.#declared;
    const known = activations.find((other) => other.name === name && other.columns === columns && other.rows === rows);
    if (known !== undefined) return known;
    const activation = { pointer: UNPLACED, name, columns, rows };
    activations.push(activation);
    return activation;
  }

  /**
   * Declare activations that are computed in parts; those of the same parts share their memory.
   *
   * @param widths Columns of each part, in order.
   */
  joint(widths: readonly number[]): Joint {
    const { joints } = this.#declared;
    const unit = widths.reduce(greatestCommonDivisor);
    const known = joints.find((other) => other.parts.map(({ units }) => units * other.unit).join() === widths.join());
    if (known !== undefined) return known;
    let units = 0;
    const parts = widths.map((width) => {
      const part = { pointer: UNPLACED, units: width / unit, firstUnit: units };
      units += part.units;
      return part;
    });
    const indices = { pointer: UNPLACED };
    const joint = { pointer: UNPLACED, unit, units, parts, indices };
    joints.push(joint);
    return joint;
  }

  /**
   * Declare the KV cache of a layer.
   *
   * @param kvHeads Heads of its keys and values.
   * @param headDim Elements of a head.
   */
  kvCache(kvHeads: number, headDim: number): KvCache {
    const declared = this.#declared;
    const cache = { keys: { pointer: UNPLACED }, values: { pointer: UNPLACED }, kvHeads, headDim };
    declared.caches.push(cache);
    return cache;
  }

  /**
   * Declare the table of a rotary embedding; layers with one embedding share one table.
   *
   * @param headDim Elements of a head.
   * @param inverseFrequencies F64 `[headDim / 2]`, radians per position.
   */
  rotaryTable(headDim: number, inverseFrequencies: Float64Array): RotaryTable {
    const table = { pointer: UNPLACED, headDim, inverseFrequencies };
    this.#declared.rotaryTables.push(table);
    return table;
  }

  #addMatrix(parts: readonly WeightPart[], isMultiplied: boolean): Matrix {
    const [{ name, dtype, columns }] = parts as readonly [WeightPart, ...WeightPart[]];
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    if (rows > MAX_ROWS) {
      throw new UpbeatError("MODEL_UNSUPPORTED", `${name} and the tensors stacked on it have ${rows} rows`, {
        tensor: name,
        rows,
      });
    }
    return this.#addWeight({ handle: UNLOADED, dtype, rows, columns, isMultiplied, parts });
  }

  #addWeight<Weight extends Matrix | Vector>(weight: Weight): Weight {
    this.#declared.sections.at(-1)!.push(weight);
    return weight;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
