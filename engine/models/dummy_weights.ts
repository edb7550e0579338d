/**
 * Dummy weights, for measuring a model's shape without its files. Random, because zeros would make kernels faster than
 * real weights do.
 *
 * @module
 */
import type { Device, HostMemory } from "../../ffi/interface.ts";
import type { Pointer, StreamHandle, WeightHandle } from "../../ffi/types.ts";
import type { WeightPart } from "./memory_plan.ts";

/** The standard deviation with which these families are initialised (`initializer_range`). */
const DEVIATION = 0.02;

/** A uniform value between -a and a has a standard deviation of a / sqrt(3). */
const SCALE = DEVIATION * Math.sqrt(3);

/** Fills weights on the device. */
export class DummyWeights {
  readonly #device: Device;
  readonly #stream: StreamHandle;
  readonly #seed: number;
  /** Parts filled so far: the second word of the next one's seed. */
  #parts = 0;
  #ones: HostMemory | null = null;

  /**
   * @param device The device.
   * @param stream The stream to enqueue on.
   * @param seed An int32.
   */
  constructor(device: Device, stream: StreamHandle, seed: number) {
    this.#device = device;
    this.#stream = stream;
    this.#seed = seed;
  }

  /** Enqueue: fill the rows of a part with random elements. */
  fillRows(weight: WeightHandle, firstRow: number, { rows }: WeightPart): void {
    this.#device.randomizeWeight(this.#stream, weight, firstRow, rows, SCALE, [this.#seed, this.#parts++]);
  }

  /** Enqueue: fill a norm with ones. A bias stays zero, as memory is allocated. */
  fillVector(destination: Pointer, { name, rows }: WeightPart): void {
    if (name.endsWith(".bias")) return;
    const bytes = rows * 4;
    if (this.#ones === null || this.#ones.bytes < bytes) {
      this.release();
      this.#ones = this.#device.allocateHost(bytes);
      new Float32Array(this.#ones.view).fill(1);
    }
    const { symbols } = this.#device;
    this.#device.check(symbols.upbeat_copy_to_device(this.#stream, destination, this.#ones.pointer, bytes));
  }

  /** Wait for the copies of norms and free their source. */
  release(): void {
    if (this.#ones === null) return;
    this.#device.synchronize(this.#stream);
    this.#ones.free();
    this.#ones = null;
  }
}
