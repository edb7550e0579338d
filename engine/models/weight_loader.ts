/**
 * Loading weights: matrices as the library's opaque handles, norms and biases as F32 vectors.
 *
 * @module
 */
import { DTYPE } from "../../ffi/abi.ts";
import type { Device, DeviceMemory } from "../../ffi/interface.ts";
import type { EventHandle, Pointer, StreamHandle, WeightHandle } from "../../ffi/types.ts";
import { DummyWeights } from "./dummy_weights.ts";
import { isMatrix, type Matrix, type MemoryPlan, type Vector } from "./memory_plan.ts";

/** What weight matrices are multiplied with: activations as they are, or rounded to bfloat16. */
export type ActivationType = "float32" | "bfloat16";

/** Called as weights arrive on the device. */
export type WeightProgress = (loadedBytes: number, totalBytes: number) => void;

/** Vectors start on cache lines. */
const VECTOR_ALIGNMENT = 64;

/** Loads the weights of one model. */
export class WeightLoader {
  /** Handle of each matrix, by its index. */
  readonly weights: WeightHandle[] = [];
  /** Address of each vector, by its index. */
  readonly addresses: Pointer[] = [];

  readonly #device: Device;
  readonly #stream: StreamHandle;
  readonly #activations: ActivationType;
  readonly #dummies: DummyWeights;
  #enqueuedBytes = 0;

  /**
   * @param device The device; it owns the weights' memory.
   * @param stream The stream that reads the files.
   * @param activations What the matrices are multiplied with.
   * @param dummySeed Seed of weights that are in no file: matrices are random, norms 1, biases 0.
   */
  constructor(device: Device, stream: StreamHandle, activations: ActivationType, dummySeed: number) {
    this.#device = device;
    this.#stream = stream;
    this.#activations = activations;
    this.#dummies = new DummyWeights(device, stream, dummySeed);
  }

  /**
   * Load all weights and wait for them. Progress counts bytes that have arrived; a section is waited for once the next one is
   * enqueued, so that reporting does not interrupt the reads.
   *
   * @param plan Which bytes become which weight.
   * @param totalBytes Bytes of all of them.
   * @param onProgress Called before the first section and after each; when it throws, nothing more is loaded.
   * @throws {UpbeatError} `WEIGHTS_INVALID` when a file cannot be read, `DEVICE_OUT_OF_MEMORY`, `DEVICE_FAULT`;
   *   `DEVICE_UNAVAILABLE` when the device has no kernels for these activations.
   */
  load({ sections }: MemoryPlan, totalBytes: number, onProgress: WeightProgress): void {
    const vectors = sections.flat().filter((weight): weight is Vector => !isMatrix(weight));
    const vectorBytes = vectors.reduce((sum, vector) => sum + alignedBytes(vector), 0);
    const memory = this.#device.allocate(Math.max(VECTOR_ALIGNMENT, vectorBytes));
    let offset = 0;
    let pending: (() => void) | null = null;
    onProgress(0, totalBytes);
    for (const section of sections) {
      for (const weight of section) {
        if (isMatrix(weight)) this.#loadMatrix(weight);
        else offset = this.#loadVector(weight, memory, offset);
      }
      const event = this.#recordEvent();
      const bytes = this.#enqueuedBytes;
      pending?.();
      pending = () => {
        this.#device.waitEvent(event);
        this.#device.destroyEvent(event);
        onProgress(bytes, totalBytes);
      };
    }
    pending?.();
    this.#dummies.release();
  }

  #loadMatrix({ index, dtype, rows, columns, isMultiplied, parts }: Matrix): void {
    const input = isMultiplied && this.#activations === "bfloat16" ? DTYPE.BF16 : DTYPE.F32;
    const weight = this.#device.createWeight(DTYPE[dtype], rows, columns, input);
    let row = 0;
    for (const part of parts) {
      if (part.file === null) this.#dummies.fillRows(weight, row, part);
      else this.#device.loadWeight(this.#stream, weight, row, part.rows, part.file, part.offset);
      row += part.rows;
      this.#enqueuedBytes += part.byteLength;
    }
    this.weights[index] = weight;
  }

  /** Returns where the next vector goes. */
  #loadVector(vector: Vector, memory: DeviceMemory, start: number): number {
    let offset = start;
    for (const part of vector.parts) {
      const destination = memory.at(offset);
      if (part.file === null) this.#dummies.fillVector(destination, part);
      else this.#device.loadMemory(this.#stream, destination, part.file, part.offset, DTYPE[part.dtype], part.rows);
      offset += part.rows * 4;
      this.#enqueuedBytes += part.byteLength;
    }
    this.addresses[vector.index] = memory.at(start);
    return start + alignedBytes(vector);
  }

  #recordEvent(): EventHandle {
    const event = this.#device.createEvent();
    this.#device.check(this.#device.symbols.upbeat_event_record(event, this.#stream));
    return event;
  }
}

function alignedBytes({ length }: Vector): number {
  return Math.ceil((length * 4) / VECTOR_ALIGNMENT) * VECTOR_ALIGNMENT;
}
