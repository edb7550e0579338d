/**
 * A model's weights on the device: matrices as the library's opaque handles, norms and biases as F32 vectors.
 *
 * @module
 */
import { DTYPE, type Dtype } from "../../ffi/abi.ts";
import type { Device, DeviceMemory } from "../../ffi/interface.ts";
import type { EventHandle, Pointer, StreamHandle, WeightHandle } from "../../ffi/types.ts";
import { DummyWeights } from "./dummy_weights.ts";
import type { LayerPlan, MatrixPlan, VectorPlan, WeightPlan } from "./weight_plan.ts";

/** One layer's weights; what the model does not have is null. */
export interface LayerWeights {
  readonly inputNorm: Pointer;
  readonly qkv: WeightHandle;
  readonly qkvBias: Pointer | null;
  readonly queryNorm: Pointer | null;
  readonly keyNorm: Pointer | null;
  readonly output: WeightHandle;
  readonly outputBias: Pointer | null;
  readonly postAttentionNorm: Pointer;
  readonly gateUp: WeightHandle;
  readonly gateUpBias: Pointer | null;
  readonly down: WeightHandle;
  readonly downBias: Pointer | null;
}

/** All weights of a decoder. */
export interface DecoderWeights {
  readonly embedding: WeightHandle;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: Pointer;
  /** The handle `embedding` itself where the two are tied. */
  readonly languageModelHead: WeightHandle;
}

/** What weight matrices are multiplied with: activations as they are, or rounded to bfloat16. */
export type ActivationType = "float32" | "bfloat16";

/** Called as weights arrive on the device. */
export type WeightProgress = (loadedBytes: number, totalBytes: number) => void;

/** Vectors start on cache lines. */
const VECTOR_ALIGNMENT = 64;

/**
 * Load a model's weights. Progress is what has arrived, not what was asked for; while one layer is waited for, the next
 * one is on its way, so that telling of it costs no time.
 *
 * Parts that are in no file are made up: matrices random, norms 1, biases 0.
 *
 * @param device The device.
 * @param stream The stream that reads the files.
 * @param plan Which bytes become which weight.
 * @param activations What the matrices are multiplied with.
 * @param onProgress Called after each layer; when it throws, nothing more is loaded.
 * @param seed Seed of the weights that are made up.
 * @returns The weights; the device owns their memory.
 * @throws {UpbeatError} `WEIGHTS_INVALID` when a file cannot be read, `DEVICE_OUT_OF_MEMORY`, `DEVICE_FAULT`;
 *   `DEVICE_UNAVAILABLE` when the device cannot multiply so.
 */
export function loadDecoderWeights(
  device: Device,
  stream: StreamHandle,
  plan: WeightPlan,
  activations: ActivationType,
  onProgress: WeightProgress,
  seed = 0,
): DecoderWeights {
  const dummies = new DummyWeights(device, stream, seed);
  const loader = new WeightLoader(device, stream, plan, onProgress, dummies);
  const input = activations === "bfloat16" ? DTYPE.BF16 : DTYPE.F32;
  const isTied = plan.languageModelHead === plan.embedding;
  const embedding = loader.matrix(plan.embedding, isTied ? input : DTYPE.F32);
  loader.report();
  const layers = plan.layers.map((layer) => loader.layer(layer, input));
  const finalNorm = loader.vector(plan.finalNorm);
  const languageModelHead = isTied ? embedding : loader.matrix(plan.languageModelHead, input);
  loader.report();
  loader.finish();
  dummies.release();
  return { embedding, layers, finalNorm, languageModelHead };
}

class WeightLoader {
  readonly #device: Device;
  readonly #stream: StreamHandle;
  readonly #totalBytes: number;
  readonly #onProgress: WeightProgress;
  readonly #vectors: DeviceMemory;
  readonly #dummies: DummyWeights;
  #vectorOffset = 0;
  #askedBytes = 0;
  /** What is on its way, oldest first: passed when so many bytes are there. */
  readonly #asked: { readonly event: EventHandle; readonly bytes: number }[] = [];

  constructor(
    device: Device,
    stream: StreamHandle,
    plan: WeightPlan,
    onProgress: WeightProgress,
    dummies: DummyWeights,
  ) {
    this.#device = device;
    this.#stream = stream;
    this.#dummies = dummies;
    this.#totalBytes = plan.weightBytes;
    this.#onProgress = onProgress;
    this.#vectors = device.allocate(Math.max(VECTOR_ALIGNMENT, vectorBytes(plan)));
  }

  matrix(plan: MatrixPlan, input: Dtype): WeightHandle {
    const weight = this.#device.createWeight(DTYPE[plan.dtype], plan.rows, plan.columns, input);
    let row = 0;
    for (const part of plan.parts) {
      if (part.file === null) this.#dummies.fillRows(weight, row, part);
      else this.#device.loadWeight(this.#stream, weight, row, part.rows, part.file, part.offset);
      row += part.rows;
      this.#askedBytes += part.byteLength;
    }
    return weight;
  }

  vector(plan: VectorPlan): Pointer {
    const start = this.#vectorOffset;
    let offset = start;
    for (const part of plan.parts) {
      const destination = this.#vectors.at(offset);
      if (part.file === null) this.#dummies.fillVector(destination, part);
      else this.#device.loadMemory(this.#stream, destination, part.file, part.offset, DTYPE[part.dtype], part.rows);
      offset += part.rows * 4;
      this.#askedBytes += part.byteLength;
    }
    this.#vectorOffset = start + alignedVectorBytes(plan);
    return this.#vectors.at(start);
  }

  layer(plan: LayerPlan, input: Dtype): LayerWeights {
    const optional = (vector: VectorPlan | null): Pointer | null => vector === null ? null : this.vector(vector);
    const weights: LayerWeights = {
      inputNorm: this.vector(plan.inputNorm),
      qkv: this.matrix(plan.qkv, input),
      qkvBias: optional(plan.qkvBias),
      queryNorm: optional(plan.queryNorm),
      keyNorm: optional(plan.keyNorm),
      output: this.matrix(plan.output, input),
      outputBias: optional(plan.outputBias),
      postAttentionNorm: this.vector(plan.postAttentionNorm),
      gateUp: this.matrix(plan.gateUp, input),
      gateUpBias: optional(plan.gateUpBias),
      down: this.matrix(plan.down, input),
      downBias: optional(plan.downBias),
    };
    this.report();
    return weights;
  }

  /** To be called behind each part: waits for the part before it, if there is one, and tells how much is there. */
  report(): void {
    const event = this.#device.createEvent();
    this.#device.check(this.#device.symbols.upbeat_event_record(event, this.#stream));
    this.#asked.push({ event, bytes: this.#askedBytes });
    if (this.#asked.length > 1) this.#tell();
    else this.#onProgress(0, this.#totalBytes);
  }

  /** Wait for all of it. */
  finish(): void {
    while (this.#asked.length > 0) this.#tell();
  }

  #tell(): void {
    const { event, bytes } = this.#asked.shift()!;
    this.#device.waitEvent(event);
    this.#device.destroyEvent(event);
    this.#onProgress(bytes, this.#totalBytes);
  }
}

function alignedVectorBytes(vector: VectorPlan): number {
  return Math.ceil((vector.length * 4) / VECTOR_ALIGNMENT) * VECTOR_ALIGNMENT;
}

function vectorBytes(plan: WeightPlan): number {
  const layerVectors = plan.layers.flatMap((layer) => [
    layer.inputNorm,
    layer.qkvBias,
    layer.queryNorm,
    layer.keyNorm,
    layer.outputBias,
    layer.postAttentionNorm,
    layer.gateUpBias,
    layer.downBias,
  ]);
  return [plan.finalNorm, ...layerVectors].reduce(
    (sum, vector) => sum + (vector === null ? 0 : alignedVectorBytes(vector)),
    0,
  );
}
