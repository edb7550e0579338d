/**
 * The decoder: one forward pass of a Llama-like model over a ragged batch, as kernel calls.
 *
 * Nothing is computed here and nothing waits: every call enqueues one op on the stream. What differs between families is
 * a null pointer (no bias, no q/k norm), a window of 0, or a number. Activations live in buffers sized at load; a step
 * allocates nothing.
 *
 * @module
 */
import type { Dtype, Symbols } from "../../ffi/abi.ts";
import type { Device, DeviceMemory } from "../../ffi/interface.ts";
import type { Pointer, StreamHandle } from "../../ffi/types.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import type { DecoderWeights, LayerWeights } from "./decoder_weights.ts";

/** Where a step's inputs lie on the device, all int32. */
export interface DecoderInputs {
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
}

/** The paged KV cache on the device. */
export interface DecoderCache {
  /** Key cache of each layer. `[layers]` */
  readonly keys: readonly Pointer[];
  /** Value cache of each layer. `[layers]` */
  readonly values: readonly Pointer[];
  readonly dtype: Dtype;
  /** Tokens per block. */
  readonly blockSize: number;
  /** Row length of the block tables. */
  readonly maxBlocks: number;
}

/** Activations, F32, rows at most those given to {@linkcode allocateActivations}. */
interface Activations {
  readonly hidden: Pointer;
  readonly normed: Pointer;
  readonly qkv: Pointer;
  readonly attention: Pointer;
  readonly gateUp: Pointer;
  readonly gated: Pointer;
  /** `hidden` and `attention` of the rows whose logits are wanted. */
  readonly selectedHidden: Pointer;
  readonly selectedAttention: Pointer;
  readonly logits: Pointer;
}

/** Sizes that the decoder's buffers are made for. */
export interface DecoderLimits {
  /** Token rows in a step, at most. */
  readonly maxTokens: number;
  /** Rows of logits in a step, at most. */
  readonly maxLogitRows: number;
}

/** A model on a device. */
export class Decoder {
  /** Logits of the last forward pass, F32 `[logit rows, vocabulary]`. */
  readonly logits: Pointer;

  readonly #device: Device;
  readonly #symbols: Symbols;
  readonly #stream: StreamHandle;
  readonly #config: DecoderConfig;
  readonly #weights: DecoderWeights;
  readonly #cache: DecoderCache;
  readonly #inputs: DecoderInputs;
  readonly #rotaryTable: Pointer;
  readonly #buffers: Activations;
  /** Elements of one row of q, k and v. */
  readonly #qkvSize: number;
  readonly #querySize: number;
  readonly #attentionScale: number;

  /**
   * @param device The device.
   * @param stream The stream that everything is enqueued on.
   * @param config The model's shape.
   * @param weights Its weights on the device.
   * @param cache The KV cache.
   * @param inputs Where each step's inputs will be.
   * @param rotaryTable From `upbeat_rotary_table`, as long as the longest sequence.
   * @param limits The largest step.
   */
  constructor(
    device: Device,
    stream: StreamHandle,
    config: DecoderConfig,
    weights: DecoderWeights,
    cache: DecoderCache,
    inputs: DecoderInputs,
    rotaryTable: Pointer,
    limits: DecoderLimits,
  ) {
    this.#device = device;
    this.#symbols = device.symbols;
    this.#stream = stream;
    this.#config = config;
    this.#weights = weights;
    this.#cache = cache;
    this.#inputs = inputs;
    this.#rotaryTable = rotaryTable;
    this.#querySize = config.heads * config.headDim;
    this.#qkvSize = (config.heads + 2 * config.kvHeads) * config.headDim;
    this.#attentionScale = 1 / Math.sqrt(config.headDim);
    this.#buffers = allocateActivations(device, config, limits);
    this.logits = this.#buffers.logits;
  }

  /**
   * Enqueue one forward pass over the step that lies in the inputs.
   *
   * Past the last layer's attention only the rows whose logits are wanted are computed; a step that wants none, the
   * middle of a long prompt, ends there.
   *
   * @param tokens Token rows of the step.
   * @param requests Requests that they belong to.
   * @param logitRows Rows whose logits are wanted.
   * @throws {UpbeatError} `DEVICE_INVALID_ARGUMENT` or `DEVICE_FAULT`.
   */
  forward(tokens: number, requests: number, logitRows: number): void {
    const { embedding, layers, finalNorm, languageModelHead } = this.#weights;
    const { hidden, normed, selectedHidden, logits } = this.#buffers;
    this.#check(this.#symbols.upbeat_embedding(this.#stream, embedding, this.#inputs.tokens, tokens, hidden));
    for (const [index, layer] of layers.entries()) {
      this.#attend(layer, index, tokens, requests);
      if (index < layers.length - 1) {
        this.#finishLayer(layer, tokens, hidden, this.#buffers.attention);
      } else if (logitRows > 0) {
        this.#selectLogitRows(tokens, logitRows);
        this.#finishLayer(layer, logitRows, selectedHidden, this.#buffers.selectedAttention);
      }
    }
    if (logitRows === 0) return;
    this.#norm(selectedHidden, finalNorm, logitRows);
    this.#check(
      this.#symbols.upbeat_linear(this.#stream, languageModelHead, normed, null, null, logitRows, logits),
    );
  }

  /** Norm, q/k/v, rotary embedding and cache write, attention over the cache. */
  #attend(layer: LayerWeights, index: number, tokens: number, requests: number): void {
    const { heads, kvHeads, headDim, rmsNormEpsilon, slidingWindows } = this.#config;
    const { hidden, normed, qkv, attention } = this.#buffers;
    const { positions, slotMapping, queryStarts, sequenceLengths, blockTables } = this.#inputs;
    const cache = this.#cache;
    const keys = cache.keys[index]!;
    const values = cache.values[index]!;
    this.#norm(hidden, layer.inputNorm, tokens);
    this.#check(this.#symbols.upbeat_linear(this.#stream, layer.qkv, normed, layer.qkvBias, null, tokens, qkv));
    this.#check(this.#symbols.upbeat_rotary_cache(
      this.#stream,
      qkv,
      positions,
      slotMapping,
      this.#rotaryTable,
      layer.queryNorm,
      layer.keyNorm,
      rmsNormEpsilon,
      tokens,
      heads,
      kvHeads,
      headDim,
      keys,
      values,
      cache.dtype,
      cache.blockSize,
    ));
    this.#check(this.#symbols.upbeat_attention(
      this.#stream,
      qkv,
      this.#qkvSize,
      keys,
      values,
      cache.dtype,
      blockTables,
      cache.maxBlocks,
      queryStarts,
      sequenceLengths,
      requests,
      tokens,
      heads,
      kvHeads,
      headDim,
      cache.blockSize,
      this.#attentionScale,
      slidingWindows[index] ?? 0,
      attention,
    ));
  }

  /** The rows of the last layer that go on to the logits. */
  #selectLogitRows(tokens: number, logitRows: number): void {
    const { hidden, attention, selectedHidden, selectedAttention } = this.#buffers;
    const rows = this.#inputs.logitRows;
    const hiddenSize = this.#config.hiddenSize;
    this.#check(
      this.#symbols.upbeat_gather_rows(this.#stream, hidden, rows, tokens, logitRows, hiddenSize, selectedHidden),
    );
    this.#check(
      this.#symbols.upbeat_gather_rows(
        this.#stream,
        attention,
        rows,
        tokens,
        logitRows,
        this.#querySize,
        selectedAttention,
      ),
    );
  }

  /** The attention's output projection and the feed-forward network, each added to the residual stream. */
  #finishLayer(layer: LayerWeights, rows: number, hidden: Pointer, attention: Pointer): void {
    const { normed, gateUp, gated } = this.#buffers;
    const symbols = this.#symbols;
    this.#check(
      symbols.upbeat_linear(this.#stream, layer.output, attention, layer.outputBias, hidden, rows, hidden),
    );
    this.#norm(hidden, layer.postAttentionNorm, rows);
    this.#check(symbols.upbeat_linear(this.#stream, layer.gateUp, normed, layer.gateUpBias, null, rows, gateUp));
    this.#check(symbols.upbeat_silu_multiply(this.#stream, gateUp, rows, this.#config.ffnSize, gated));
    this.#check(symbols.upbeat_linear(this.#stream, layer.down, gated, layer.downBias, hidden, rows, hidden));
  }

  #norm(input: Pointer, weight: Pointer, rows: number): void {
    const { rmsNormEpsilon, hiddenSize } = this.#config;
    this.#check(
      this.#symbols.upbeat_rms_norm(
        this.#stream,
        input,
        weight,
        rmsNormEpsilon,
        rows,
        hiddenSize,
        this.#buffers.normed,
      ),
    );
  }

  #check(status: number): void {
    if (status < 0) this.#device.fail(status);
  }
}

/** Elements per row of each activation, and whether its rows are tokens or rows of logits. */
function activationSizes(config: DecoderConfig): Record<keyof Activations, [rows: keyof DecoderLimits, size: number]> {
  const { hiddenSize, heads, kvHeads, headDim, ffnSize, vocabularySize } = config;
  return {
    hidden: ["maxTokens", hiddenSize],
    normed: ["maxTokens", hiddenSize],
    qkv: ["maxTokens", (heads + 2 * kvHeads) * headDim],
    attention: ["maxTokens", heads * headDim],
    gateUp: ["maxTokens", 2 * ffnSize],
    gated: ["maxTokens", ffnSize],
    selectedHidden: ["maxLogitRows", hiddenSize],
    selectedAttention: ["maxLogitRows", heads * headDim],
    logits: ["maxLogitRows", vocabularySize],
  };
}

/**
 * Bytes of a decoder's activations.
 *
 * @param config The model's shape.
 * @param limits The largest step.
 * @returns Bytes of device memory.
 */
export function activationBytes(config: DecoderConfig, limits: DecoderLimits): number {
  return Object.values(activationSizes(config)).reduce((sum, [rows, size]) => sum + limits[rows] * size * 4, 0);
}

function allocateActivations(device: Device, config: DecoderConfig, limits: DecoderLimits): Activations {
  const allocate = ([rows, size]: [keyof DecoderLimits, number]): DeviceMemory =>
    device.allocate(limits[rows] * size * 4);
  return Object.fromEntries(
    Object.entries(activationSizes(config)).map(([name, size]) => [name, allocate(size).pointer]),
  ) as unknown as Activations;
}
