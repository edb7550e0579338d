/**
 * The weight plan: which bytes of which file become which matrix and vector of the decoder.
 *
 * Made from headers alone. Every tensor the decoder needs is found, and its shape and dtype checked, before any memory is
 * taken; what is left over is listed and otherwise ignored.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import type { Checkpoint } from "../weights/checkpoint.ts";
import { isWeightDtype, WEIGHT_DTYPES, weightElementBytes } from "../weights/dtypes.ts";
import type { WeightDtype } from "../weights/dtypes.ts";
import type { TensorInfo } from "../weights/safetensors.ts";
import type { ModelConfig } from "./config.ts";

/** Some rows of a matrix (or elements of a vector: rows of one column), as they lie in a file. */
export interface WeightPart {
  /** The tensor's name in the checkpoint. */
  readonly name: string;
  /** Path of the file; null: it is in no file, and its elements are made up on the device. */
  readonly file: string | null;
  /** Position of the first byte in the file; 0 without one. */
  readonly offset: number;
  /** Length in bytes. */
  readonly byteLength: number;
  /** Element type in the file. */
  readonly dtype: WeightDtype;
  /** Rows (outputs) of this part. */
  readonly rows: number;
  /** Columns (inputs); 1 for a part of a vector. */
  readonly columns: number;
}

/** A matrix `[rows, columns]` made of one or more tensors, stacked by rows in this order; all of one dtype. */
export interface MatrixPlan {
  /** Element type of all parts. */
  readonly dtype: WeightDtype;
  /** Rows (outputs) of all parts together. */
  readonly rows: number;
  /** Columns (inputs). */
  readonly columns: number;
  /** The parts, from the first row on. */
  readonly parts: readonly WeightPart[];
}

/** A vector made of one or more tensors, one after the other. It is loaded as F32, so its parts may differ in dtype. */
export interface VectorPlan {
  /** Elements of all parts together. */
  readonly length: number;
  /** The parts, from the first element on. */
  readonly parts: readonly WeightPart[];
}

/** The weights of one decoder layer. */
export interface LayerPlan {
  /** RMSNorm before attention. `[hiddenSize]` */
  readonly inputNorm: VectorPlan;
  /** q, k and v rows. `[(heads + 2 * kvHeads) * headDim, hiddenSize]` */
  readonly qkv: MatrixPlan;
  /** q, k and v biases. */
  readonly qkvBias: VectorPlan | null;
  /** RMSNorm of each query head. `[headDim]` */
  readonly queryNorm: VectorPlan | null;
  /** RMSNorm of each key head. `[headDim]` */
  readonly keyNorm: VectorPlan | null;
  /** The attention's output projection. `[hiddenSize, heads * headDim]` */
  readonly output: MatrixPlan;
  /** Its bias. */
  readonly outputBias: VectorPlan | null;
  /** RMSNorm before the feed-forward network. `[hiddenSize]` */
  readonly postAttentionNorm: VectorPlan;
  /** Gate rows, then up rows. `[2 * ffnSize, hiddenSize]` */
  readonly gateUp: MatrixPlan;
  /** Their biases. */
  readonly gateUpBias: VectorPlan | null;
  /** The feed-forward network's output projection. `[hiddenSize, ffnSize]` */
  readonly down: MatrixPlan;
  /** Its bias. */
  readonly downBias: VectorPlan | null;
}

/** All weights of a decoder. */
export interface WeightPlan {
  /** Token embedding. `[vocabularySize, hiddenSize]` */
  readonly embedding: MatrixPlan;
  /** One entry per layer. */
  readonly layers: readonly LayerPlan[];
  /** The last RMSNorm. `[hiddenSize]` */
  readonly finalNorm: VectorPlan;
  /** Logits projection `[vocabularySize, hiddenSize]`; the very object `embedding` when the two are tied. */
  readonly languageModelHead: MatrixPlan;
  /** Bytes of all tensors in the plan as they are stored, each counted once. */
  readonly weightBytes: number;
  /** Names of tensors in the checkpoint that the decoder does not need, such as stored rotary frequencies. */
  readonly unusedTensors: readonly string[];
}

/** The C ABI counts rows in an int32. */
const MAX_ROWS = 2 ** 31 - 1;

/**
 * Find every tensor that a decoder needs.
 *
 * With tied embeddings either `model.embed_tokens.weight` or `lm_head.weight` may be the one that is stored; where both
 * are, the first is used for both, as transformers does.
 *
 * @param config The model's configuration.
 * @param checkpoint The model's tensors.
 * @returns Which bytes become which weight.
 * @throws {UpbeatError} `WEIGHTS_MISSING_TENSOR`, `WEIGHTS_WRONG_SHAPE` or `WEIGHTS_UNSUPPORTED_DTYPE`, naming the tensor
 * and its file or folder.
 * @example
 * ```ts
 * const plan = planWeights(readModelConfig(folder), openCheckpoint(folder));
 * console.log(plan.layers[0]?.qkv.parts.map(({ name }) => name));
 * ```
 */
export function planWeights(config: ModelConfig, checkpoint: Checkpoint): WeightPlan {
  const embeddingName = config.tieWordEmbeddings && !checkpoint.tensors.has("model.embed_tokens.weight") &&
      checkpoint.tensors.has("lm_head.weight")
    ? "lm_head.weight"
    : "model.embed_tokens.weight";
  return plan(config, new CheckpointTensors(checkpoint), embeddingName);
}

/**
 * Make up every tensor that a decoder needs: for measuring a model's shape without its weights.
 *
 * @param config The model's configuration.
 * @param dtype Element type of all of them.
 * @returns A plan whose parts are in no file.
 * @example
 * ```ts
 * const plan = planDummyWeights(readModelConfig(folder), "BF16");
 * console.log(plan.weightBytes);
 * ```
 */
export function planDummyWeights(config: ModelConfig, dtype: WeightDtype): WeightPlan {
  return plan(config, new DummyTensors(dtype), "model.embed_tokens.weight");
}

function plan(config: ModelConfig, tensors: NeededTensors, embeddingName: string): WeightPlan {
  const { hiddenSize, vocabularySize } = config;
  const embedding = tensors.matrix(hiddenSize, [[embeddingName, vocabularySize]]);
  const layers = Array.from(
    { length: config.layers },
    (_, layer) => planLayer(config, tensors, `model.layers.${layer}`),
  );
  const finalNorm = tensors.vector([["model.norm.weight", hiddenSize]]);
  const languageModelHead = config.tieWordEmbeddings
    ? embedding
    : tensors.matrix(hiddenSize, [["lm_head.weight", vocabularySize]]);
  const { weightBytes, unusedTensors } = tensors.account();
  return { embedding, layers, finalNorm, languageModelHead, weightBytes, unusedTensors };
}

function planLayer(config: ModelConfig, tensors: NeededTensors, layer: string): LayerPlan {
  const { hiddenSize, ffnSize, headDim } = config;
  const queryRows = config.heads * headDim;
  const kvRows = config.kvHeads * headDim;
  const attention = `${layer}.self_attn`;
  const mlp = `${layer}.mlp`;
  const qkv: Rows[] = [[`${attention}.q_proj`, queryRows], [`${attention}.k_proj`, kvRows], [
    `${attention}.v_proj`,
    kvRows,
  ]];
  const output: Rows[] = [[`${attention}.o_proj`, hiddenSize]];
  const gateUp: Rows[] = [[`${mlp}.gate_proj`, ffnSize], [`${mlp}.up_proj`, ffnSize]];
  const down: Rows[] = [[`${mlp}.down_proj`, hiddenSize]];
  const norm = (name: string, length: number) => tensors.vector([[`${name}.weight`, length]]);
  return {
    inputNorm: norm(`${layer}.input_layernorm`, hiddenSize),
    qkv: tensors.matrix(hiddenSize, suffixed(qkv, "weight")),
    qkvBias: config.qkvBias ? tensors.vector(suffixed(qkv, "bias")) : null,
    queryNorm: config.qkNorm ? norm(`${attention}.q_norm`, headDim) : null,
    keyNorm: config.qkNorm ? norm(`${attention}.k_norm`, headDim) : null,
    output: tensors.matrix(queryRows, suffixed(output, "weight")),
    outputBias: config.outputBias ? tensors.vector(suffixed(output, "bias")) : null,
    postAttentionNorm: norm(`${layer}.post_attention_layernorm`, hiddenSize),
    gateUp: tensors.matrix(hiddenSize, suffixed(gateUp, "weight")),
    gateUpBias: config.mlpBias ? tensors.vector(suffixed(gateUp, "bias")) : null,
    down: tensors.matrix(ffnSize, suffixed(down, "weight")),
    downBias: config.mlpBias ? tensors.vector(suffixed(down, "bias")) : null,
  };
}

/** A tensor's name and its first dimension. */
type Rows = readonly [name: string, rows: number];

function suffixed(modules: readonly Rows[], suffix: "weight" | "bias"): Rows[] {
  return modules.map(([name, rows]) => [`${name}.${suffix}`, rows]);
}

/** What is asked for, one after the other, and an account of it. */
abstract class NeededTensors {
  /** Tensors `[rows, columns]` stacked into one matrix. */
  matrix(columns: number, stacked: readonly Rows[]): MatrixPlan {
    const parts = stacked.map(([name, rows]) => this.part(name, [rows, columns]));
    const [first] = parts as [WeightPart, ...WeightPart[]];
    for (const { name, file, dtype } of parts) {
      if (dtype !== first.dtype) {
        throw new UpbeatError(
          "WEIGHTS_UNSUPPORTED_DTYPE",
          `tensor ${name} of ${file} is ${dtype} and ${first.name} is ${first.dtype}; the two are loaded as one matrix ` +
            "and must have one dtype: convert the model to one dtype",
          { tensor: name, file, dtype },
        );
      }
    }
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    if (rows > MAX_ROWS) {
      throw new UpbeatError("MODEL_UNSUPPORTED", `${first.name} and what is stacked on it have ${rows} rows`, {
        tensor: first.name,
        rows,
      });
    }
    return { dtype: first.dtype, rows, columns, parts };
  }

  /** Tensors `[length]`, one after the other. */
  vector(joined: readonly Rows[]): VectorPlan {
    const parts = joined.map(([name, length]) => this.part(name, [length]));
    return { length: parts.reduce((sum, part) => sum + part.rows, 0), parts };
  }

  /** Bytes of all tensors asked for, and the names of those that were not. */
  abstract account(): Pick<WeightPlan, "weightBytes" | "unusedTensors">;

  /** One tensor of this shape. */
  protected abstract part(name: string, shape: readonly [number] | readonly [number, number]): WeightPart;
}

/** Makes tensors up. */
class DummyTensors extends NeededTensors {
  readonly #dtype: WeightDtype;
  #weightBytes = 0;

  constructor(dtype: WeightDtype) {
    super();
    this.#dtype = dtype;
  }

  account(): Pick<WeightPlan, "weightBytes" | "unusedTensors"> {
    return { weightBytes: this.#weightBytes, unusedTensors: [] };
  }

  protected part(name: string, [rows, columns = 1]: readonly [number] | readonly [number, number]): WeightPart {
    const byteLength = rows * columns * weightElementBytes(this.#dtype);
    this.#weightBytes += byteLength;
    return { name, file: null, offset: 0, byteLength, dtype: this.#dtype, rows, columns };
  }
}

/** Finds and checks tensors, and keeps account of which were asked for. */
class CheckpointTensors extends NeededTensors {
  readonly #checkpoint: Checkpoint;
  readonly #used = new Set<string>();

  constructor(checkpoint: Checkpoint) {
    super();
    this.#checkpoint = checkpoint;
  }

  account(): Pick<WeightPlan, "weightBytes" | "unusedTensors"> {
    let weightBytes = 0;
    const unusedTensors: string[] = [];
    for (const { name, byteLength } of this.#checkpoint.tensors.values()) {
      if (this.#used.has(name)) weightBytes += byteLength;
      else unusedTensors.push(name);
    }
    return { weightBytes, unusedTensors };
  }

  protected part(name: string, shape: readonly [number] | readonly [number, number]): WeightPart {
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
    `tensor ${name} of ${file} has shape [${shape.slice(0, 8).join(", ")}]; config.json asks for [${
      expected.join(", ")
    }]`,
    { tensor: name, file, shape: shape.slice(0, 8).join(", "), expected: expected.join(", ") },
  );
}
