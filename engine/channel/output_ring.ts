/**
 * Step outputs on their way from the executor's thread to the caller's, through shared memory.
 *
 * A posted message costs both threads a copy and a turn of their event loops. The ring costs a copy of numbers and the
 * wake-up of the receiving thread (`Atomics.waitAsync`). An output with values that are not numbers is posted
 * nevertheless, and so is one for which the ring has no room because the caller's thread does not read. Outputs are
 * numbered, and received in order.
 *
 * @module
 */
import type { PostedOutput } from "./messages.ts";
import type { EncodedOutput } from "./step_output.ts";

/** Numbers in the ring, a power of two: some hundred steps of a full batch. */
const CAPACITY = 1 << 16;

/** Counters before the numbers. */
const HEADER = {
  /** Changes with each output; the receiver waits for that. */
  BELL: 0,
  /** Total of numbers written, modulo 2^32. */
  WRITTEN: 1,
  /** Total of numbers read, modulo 2^32. */
  READ: 2,
  LENGTH: 4,
} as const;

/** Numbers before those of an output: their count, and the output's place in the order. */
const ENTRY_HEADER = 2;

const NO_VALUES: EncodedOutput["values"] = [];

/**
 * Make the memory of a ring.
 *
 * @param capacity Numbers in it, a power of two.
 * @returns The memory that {@linkcode OutputSender} and {@linkcode OutputReceiver} share.
 */
export function createOutputRing(capacity: number = CAPACITY): SharedArrayBuffer {
  return new SharedArrayBuffer(
    HEADER.LENGTH * Int32Array.BYTES_PER_ELEMENT + capacity * Float64Array.BYTES_PER_ELEMENT,
  );
}

/** One thread's view of a ring of numbers. A place is a total of numbers before it. */
class Ring {
  readonly counters: Int32Array;
  readonly capacity: number;
  readonly #numbers: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.counters = new Int32Array(memory, 0, HEADER.LENGTH);
    this.#numbers = new Float64Array(memory, this.counters.byteLength);
    this.capacity = this.#numbers.length;
  }

  /** Numbers that are written and not read yet. */
  get length(): number {
    return (Atomics.load(this.counters, HEADER.WRITTEN) - Atomics.load(this.counters, HEADER.READ)) >>> 0;
  }

  /** Write a number. */
  put(place: number, value: number): void {
    this.#numbers[this.#index(place)] = value;
  }

  /** Write numbers. */
  write(place: number, values: Float64Array): void {
    const index = this.#index(place);
    const beforeEnd = this.capacity - index;
    if (values.length <= beforeEnd) return this.#numbers.set(values, index);
    this.#numbers.set(values.subarray(0, beforeEnd), index);
    this.#numbers.set(values.subarray(beforeEnd), 0);
  }

  /** Read a number. */
  get(place: number): number {
    return this.#numbers[this.#index(place)]!;
  }

  /** Read numbers, which are valid until they are counted as read. */
  read(place: number, count: number): Float64Array {
    const index = this.#index(place);
    const beforeEnd = this.capacity - index;
    if (count <= beforeEnd) return this.#numbers.subarray(index, index + count);
    const values = new Float64Array(count);
    values.set(this.#numbers.subarray(index));
    values.set(this.#numbers.subarray(0, count - beforeEnd), beforeEnd);
    return values;
  }

  /** Wake the receiver. */
  ring(): void {
    Atomics.add(this.counters, HEADER.BELL, 1);
    Atomics.notify(this.counters, HEADER.BELL);
  }

  #index(place: number): number {
    return place & (this.capacity - 1);
  }
}

/** The executor's end. */
export class OutputSender {
  readonly #ring: Ring;
  readonly #post: (message: PostedOutput) => void;
  #sent = 0;

  /**
   * @param memory The ring.
   * @param post Sends a message to the receiver's thread.
   */
  constructor(memory: SharedArrayBuffer, post: (message: PostedOutput) => void) {
    this.#ring = new Ring(memory);
    this.#post = post;
  }

  /**
   * Send an output. Never waits.
   *
   * @param output The output; it is copied.
   */
  send(output: EncodedOutput): void {
    const { numbers, values } = output;
    const order = ++this.#sent;
    if (values.length === 0 && this.#write(order, numbers)) return;
    // A copy: posting a part of an array would post all of its memory.
    this.#post({ type: "output", order, output: { ...output, numbers: numbers.slice() } });
  }

  #write(order: number, numbers: Float64Array): boolean {
    const { counters, capacity, length } = this.#ring;
    if (length + ENTRY_HEADER + numbers.length > capacity) return false;
    const written = counters[HEADER.WRITTEN]!;
    this.#ring.put(written, numbers.length);
    this.#ring.put(written + 1, order);
    this.#ring.write(written + ENTRY_HEADER, numbers);
    // Publishes the numbers to the thread that loads this counter.
    Atomics.store(counters, HEADER.WRITTEN, written + ENTRY_HEADER + numbers.length);
    this.#ring.ring();
    return true;
  }
}

/** The caller's end. It does not keep the process alive. */
export class OutputReceiver {
  readonly #ring: Ring;
  readonly #onOutput: (output: EncodedOutput) => void;
  /** Posted outputs that wait for earlier ones in the ring, by their place in the order. */
  readonly #posted = new Map<number, EncodedOutput>();
  /** The place of the last output received. */
  #received = 0;
  #isClosed = false;

  /**
   * @param memory The ring.
   * @param onOutput Called with each output, in the order in which they were sent. The numbers are valid during the
   * call.
   */
  constructor(memory: SharedArrayBuffer, onOutput: (output: EncodedOutput) => void) {
    this.#ring = new Ring(memory);
    this.#onOutput = onOutput;
    void this.#listen();
  }

  /**
   * Take in an output that was posted.
   *
   * @param message The message.
   */
  receivePosted({ order, output }: PostedOutput): void {
    this.#posted.set(order, output);
    this.drain();
  }

  /** Receive everything that was sent until now. */
  drain(): void {
    while (!this.#isClosed && this.#receiveNext());
  }

  /** Receive nothing more. */
  close(): void {
    this.#isClosed = true;
    // Wakes the listener, which ends.
    this.#ring.ring();
  }

  /** Returns false where the next output has not arrived yet. */
  #receiveNext(): boolean {
    const order = this.#received + 1;
    const posted = this.#posted.get(order);
    if (posted !== undefined) {
      this.#posted.delete(order);
      this.#received = order;
      this.#handle(posted);
      return true;
    }
    if (this.#ring.length === 0) return false;
    const { counters } = this.#ring;
    const read = counters[HEADER.READ]!;
    // A posted output comes first.
    if (this.#ring.get(read + 1) !== order) return false;
    this.#received = order;
    const count = this.#ring.get(read);
    this.#handle({ numbers: this.#ring.read(read + ENTRY_HEADER, count), values: NO_VALUES, isLast: false });
    // Now the sender may write over it.
    Atomics.store(counters, HEADER.READ, read + ENTRY_HEADER + count);
    return true;
  }

  #handle(output: EncodedOutput): void {
    try {
      this.#onOutput(output);
    } catch (error) {
      // Reported to the process, as an error in an event handler; later outputs are still received.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  async #listen(): Promise<void> {
    const { counters } = this.#ring;
    while (!this.#isClosed) {
      const bell = Atomics.load(counters, HEADER.BELL);
      this.drain();
      // Even where the bell has changed since: iterators get a turn before the next output is received.
      await Atomics.waitAsync(counters, HEADER.BELL, bell).value;
    }
  }
}
