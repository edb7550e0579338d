/**
 * The ops of `upbeat.h` as layers call them: on declared weights and activations instead of addresses.
 *
 * Nothing is computed here and nothing waits: every method enqueues one op on the model's stream. None allocates.
 *
 * @module
 */
import type { Dtype, Symbols } from "../../ffi/abi.ts";
import type { Device } from "../../ffi/interface.ts";
import type { Pointer, StreamHandle, WeightHandle } from "../../ffi/types.ts";
import type {
  Activation,
  JoinIndices,
  KvCache,
  Matrix,
  Place,
  Projection,
  RotaryTable,
  Vector,
} from "./memory_plan.ts";

/** Where a step's inputs lie on the device, all int32. */
export interface StepPointers {
  /** Token ids; negative: padding. `[tokens]` */
  readonly tokens: Pointer;
  /** Position of each token in its sequence. `[tokens]` */
  readonly positions: Pointer;
  /** Where each token's key and value go: block * block size + offset; negative: nowhere. `[tokens]` */
  readonly slotMapping: Pointer;
  /** First token row of each request, and the end. `[requests + 1]` */
  readonly queryStarts: Pointer;
  /** Length of each request's sequence, this step's tokens included. `[requests]` */
  readonly sequenceLengths: Pointer;
  /** KV blocks of each request. `[requests, maxBlocks]` */
  readonly blockTables: Pointer;
  /** Token rows whose logits are wanted. `[logit rows]` */
  readonly logitRows: Pointer;
  /** Row length of the block tables. */
  readonly maxBlocks: number;
}

/** Where a model lies on its device. */
export interface ModelMemory {
  /** Handle of each matrix, by its index. */
  readonly weights: readonly WeightHandle[];
  /** Address of each place, by its index. */
  readonly addresses: readonly Pointer[];
  /** Token rows that activations have room for. */
  readonly maxTokens: number;
  /** Element type of the KV caches. */
  readonly cacheDtype: Dtype;
  /** Tokens per KV block. */
  readonly blockSize: number;
}

/** One layer's attention. */
export interface AttentionOp {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Queries, keys and values of each token. `[tokens, (heads + 2 * kvHeads) * headDim]` */
  readonly qkv: Activation;
  readonly rotaryTable: RotaryTable;
  readonly cache: KvCache;
  /** RMSNorm of each query and key head before the rotary embedding; null: none. Weights `[headDim]`. */
  readonly headNorm: { readonly query: Vector; readonly key: Vector; readonly epsilon: number } | null;
  /** Multiplies q.k. */
  readonly scale: number;
  /** How many of the latest positions a token sees, itself included; 0: all. */
  readonly slidingWindow: number;
  /** `[tokens, heads * headDim]` */
  readonly output: Activation;
}

/** Ops on one model, for one step at a time. */
export class Ops {
  /** Rows that ops work on: the step's tokens, until a forward pass narrows them to those whose logits are wanted. */
  rows = 0;
  /** Rows of the step whose logits are wanted. */
  logitRows = 0;

  readonly #device: Device;
  readonly #symbols: Symbols;
  readonly #stream: StreamHandle;
  readonly #memory: ModelMemory;
  readonly #inputs: StepPointers;
  #tokens = 0;
  #requests = 0;

  /**
   * @param device The device.
   * @param stream The stream that everything is enqueued on.
   * @param memory Where the model lies.
   * @param inputs Where each step's inputs will be.
   */
  constructor(device: Device, stream: StreamHandle, memory: ModelMemory, inputs: StepPointers) {
    this.#device = device;
    this.#symbols = device.symbols;
    this.#stream = stream;
    this.#memory = memory;
    this.#inputs = inputs;
  }

  /**
   * Begin a forward pass.
   *
   * @param tokens Token rows of the step.
   * @param requests Requests that they belong to.
   * @param logitRows Rows whose logits are wanted.
   */
  begin(tokens: number, requests: number, logitRows: number): void {
    this.rows = this.#tokens = tokens;
    this.#requests = requests;
    this.logitRows = logitRows;
  }

  /** The step's tokens as rows of an embedding. */
  embedding(weight: Matrix, output: Activation): void {
    const { tokens } = this.#inputs;
    this.#check(
      this.#symbols.upbeat_embedding(this.#stream, this.#handle(weight), tokens, this.rows, this.#at(output)),
    );
  }

  /** RMSNorm of each row; `output` may be `input`. */
  rmsNorm(input: Activation, weight: Vector, epsilon: number, output: Activation): void {
    this.#check(this.#symbols.upbeat_rms_norm(
      this.#stream,
      this.#at(input),
      this.#at(weight),
      epsilon,
      this.rows,
      weight.length,
      this.#at(output),
    ));
  }

  /** A linear map of each row, added to `residual` where there is one, which may be `output`. */
  linear({ weight, bias }: Projection, input: Activation, output: Activation, residual: Activation | null): void {
    this.#check(this.#symbols.upbeat_linear(
      this.#stream,
      this.#handle(weight),
      this.#at(input),
      bias === null ? null : this.#at(bias),
      residual === null ? null : this.#at(residual),
      this.rows,
      this.#at(output),
    ));
  }

  /** Rotary embedding of queries, in place, and of keys; keys and values to the cache. */
  rotaryCache(op: AttentionOp): void {
    const { headNorm, cache } = op;
    this.#check(this.#symbols.upbeat_rotary_cache(
      this.#stream,
      this.#at(op.qkv),
      this.#inputs.positions,
      this.#inputs.slotMapping,
      this.#at(op.rotaryTable),
      headNorm === null ? null : this.#at(headNorm.query),
      headNorm === null ? null : this.#at(headNorm.key),
      headNorm?.epsilon ?? 0,
      this.rows,
      op.heads,
      op.kvHeads,
      op.headDim,
      this.#at(cache.keys),
      this.#at(cache.values),
      this.#memory.cacheDtype,
      this.#memory.blockSize,
    ));
  }

  /** Causal attention of the queries over the cache. */
  attention(op: AttentionOp): void {
    const { cache, qkv } = op;
    const { blockTables, maxBlocks, queryStarts, sequenceLengths } = this.#inputs;
    this.#check(this.#symbols.upbeat_attention(
      this.#stream,
      this.#at(qkv),
      qkv.columns,
      this.#at(cache.keys),
      this.#at(cache.values),
      this.#memory.cacheDtype,
      blockTables,
      maxBlocks,
      queryStarts,
      sequenceLengths,
      this.#requests,
      this.rows,
      op.heads,
      op.kvHeads,
      op.headDim,
      this.#memory.blockSize,
      op.scale,
      op.slidingWindow,
      this.#at(op.output),
    ));
  }

  /** silu(gate) * up of each row, gate and up being the halves of `gateUp`. */
  siluMultiply(gateUp: Activation, output: Activation): void {
    this.#check(this.#symbols.upbeat_silu_multiply(
      this.#stream,
      this.#at(gateUp),
      this.rows,
      output.columns,
      this.#at(output),
    ));
  }

  /** The rows of `input` whose logits are wanted. */
  gatherLogitRows(input: Activation, output: Activation): void {
    this.#gather(input, this.#inputs.logitRows, this.#tokens, this.logitRows, input.columns, output);
  }

  /**
   * Join regions row by row, in units of columns that divide every region.
   *
   * @param regions The activation that they are parts of.
   * @param indices Where each unit of the output is.
   * @param unit Columns of a unit.
   * @param output Of the same width as `regions`.
   */
  joinRegions(regions: Activation, indices: JoinIndices, unit: number, output: Activation): void {
    const units = output.columns / unit;
    this.#gather(regions, this.#at(indices), this.#memory.maxTokens * units, this.rows * units, unit, output);
  }

  #gather(input: Place, indices: Pointer, inputRows: number, rows: number, columns: number, output: Place): void {
    this.#check(this.#symbols.upbeat_gather_rows(
      this.#stream,
      this.#at(input),
      indices,
      inputRows,
      rows,
      columns,
      this.#at(output),
    ));
  }

  #at(place: Place): Pointer {
    return this.#memory.addresses[place.index]!;
  }

  #handle(weight: Matrix): WeightHandle {
    return this.#memory.weights[weight.index]!;
  }

  #check(status: number): void {
    if (status < 0) this.#device.fail(status);
  }
}
