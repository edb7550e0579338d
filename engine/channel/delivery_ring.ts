/**
 * Deliveries on their way from the executor's thread to the caller's, through memory that both see.
 *
 * A posted message costs both threads a copy and a turn of their event loops. Numbers in a ring cost what it takes to
 * write them; what is left is the wake-up of the receiving thread (`Atomics.waitAsync`). A delivery that is not all
 * numbers, or finds no room because the caller's thread is kept from reading, is posted after all: deliveries are
 * numbered, and are received in the order of their numbers.
 *
 * @module
 */
import { decodeDelivery, DeliveryEncoder } from "./delivery_codec.ts";
import type { Delivery, PostedDelivery } from "./messages.ts";

/** Numbers in the ring, a power of two: some hundred steps of a full batch. */
const CAPACITY = 1 << 16;

/** Counters in front of the numbers. */
const HEADER = {
  /** Changes with each delivery; the receiver waits for that. */
  BELL: 0,
  /** Numbers that were ever written, modulo 2^32. */
  WRITTEN: 1,
  /** Numbers that were ever read, modulo 2^32. */
  READ: 2,
  LENGTH: 4,
} as const;

/** Numbers in front of a delivery's own: how many these are, and the number of the delivery. */
const ENTRY_HEADER = 2;

/**
 * Make the memory of a ring.
 *
 * @param capacity Numbers in it, a power of two.
 * @returns What {@linkcode DeliverySender} and {@linkcode DeliveryReceiver} share.
 */
export function createDeliveryRing(capacity: number = CAPACITY): SharedArrayBuffer {
  return new SharedArrayBuffer(
    HEADER.LENGTH * Int32Array.BYTES_PER_ELEMENT + capacity * Float64Array.BYTES_PER_ELEMENT,
  );
}

/** A ring of numbers as one of the two threads sees it. */
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

  /** Write a number behind as many as were written before. */
  put(before: number, value: number): void {
    this.#numbers[this.#at(before)] = value;
  }

  /** Write numbers behind as many as were written before. */
  write(before: number, values: Float64Array): void {
    const at = this.#at(before);
    const beforeEnd = this.capacity - at;
    if (values.length <= beforeEnd) return this.#numbers.set(values, at);
    this.#numbers.set(values.subarray(0, beforeEnd), at);
    this.#numbers.set(values.subarray(beforeEnd), 0);
  }

  /** A number behind as many as were read before. */
  get(before: number): number {
    return this.#numbers[this.#at(before)]!;
  }

  /** Numbers behind as many as were read before; they are only there until more is written. */
  read(before: number, count: number): Float64Array {
    const at = this.#at(before);
    const beforeEnd = this.capacity - at;
    if (count <= beforeEnd) return this.#numbers.subarray(at, at + count);
    const values = new Float64Array(count);
    values.set(this.#numbers.subarray(at));
    values.set(this.#numbers.subarray(0, count - beforeEnd), beforeEnd);
    return values;
  }

  /** Wake the receiver. */
  ring(): void {
    Atomics.add(this.counters, HEADER.BELL, 1);
    Atomics.notify(this.counters, HEADER.BELL);
  }

  #at(count: number): number {
    return count & (this.capacity - 1);
  }
}

/** The executor's end. */
export class DeliverySender {
  readonly #ring: Ring;
  readonly #post: (message: PostedDelivery) => void;
  readonly #encoder = new DeliveryEncoder();
  #sent = 0;

  /**
   * @param memory The ring.
   * @param post Sends a message to where the receiver is.
   */
  constructor(memory: SharedArrayBuffer, post: (message: PostedDelivery) => void) {
    this.#ring = new Ring(memory);
    this.#post = post;
  }

  /**
   * Send a delivery. Never waits.
   *
   * @param delivery The delivery.
   */
  send(delivery: Delivery): void {
    const number = ++this.#sent;
    const numbers = this.#encoder.encode(delivery);
    if (numbers === null || !this.#write(number, numbers)) this.#post({ type: "updates", number, delivery });
  }

  #write(number: number, numbers: Float64Array): boolean {
    const { counters, capacity, length } = this.#ring;
    if (length + ENTRY_HEADER + numbers.length > capacity) return false;
    const written = counters[HEADER.WRITTEN]!;
    this.#ring.put(written, numbers.length);
    this.#ring.put(written + 1, number);
    this.#ring.write(written + ENTRY_HEADER, numbers);
    // The numbers are there for whoever reads this counter.
    Atomics.store(counters, HEADER.WRITTEN, written + ENTRY_HEADER + numbers.length);
    this.#ring.ring();
    return true;
  }
}

/** The caller's end. It does not keep the process alive. */
export class DeliveryReceiver {
  readonly #ring: Ring;
  readonly #onDelivery: (delivery: Delivery) => void;
  /** By number, those that were posted and have earlier ones in the ring. */
  readonly #posted = new Map<number, Delivery>();
  /** The number of the last one received. */
  #received = 0;
  #isClosed = false;

  /**
   * @param memory The ring.
   * @param onDelivery Called with each delivery, in the order in which they were sent.
   */
  constructor(memory: SharedArrayBuffer, onDelivery: (delivery: Delivery) => void) {
    this.#ring = new Ring(memory);
    this.#onDelivery = onDelivery;
    void this.#listen();
  }

  /**
   * Take a delivery that was posted.
   *
   * @param message The message.
   */
  receivePosted({ number, delivery }: PostedDelivery): void {
    this.#posted.set(number, delivery);
    this.drain();
  }

  /** Receive now what was sent so far, so that whatever else came meanwhile can be dealt with after it. */
  drain(): void {
    while (!this.#isClosed) {
      const delivery = this.#next();
      if (delivery === null) return;
      this.#received++;
      try {
        this.#onDelivery(delivery);
      } catch (error) {
        // A fault of a callback is one of the process, as in any other event; what comes later is received all the same.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Receive nothing more. */
  close(): void {
    this.#isClosed = true;
    // Whoever waits sees that it is over.
    this.#ring.ring();
  }

  /** The delivery whose turn it is, taken from where it is; null: it is not here yet. */
  #next(): Delivery | null {
    const turn = this.#received + 1;
    const posted = this.#posted.get(turn);
    if (posted !== undefined) {
      this.#posted.delete(turn);
      return posted;
    }
    if (this.#ring.length === 0) return null;
    const { counters } = this.#ring;
    const read = counters[HEADER.READ]!;
    const length = this.#ring.get(read);
    // One that was posted comes before it.
    if (this.#ring.get(read + 1) !== turn) return null;
    const delivery = decodeDelivery(this.#ring.read(read + ENTRY_HEADER, length));
    // Now the sender may write over it.
    Atomics.store(counters, HEADER.READ, read + ENTRY_HEADER + length);
    return delivery;
  }

  async #listen(): Promise<void> {
    const { counters } = this.#ring;
    while (!this.#isClosed) {
      const heard = Atomics.load(counters, HEADER.BELL);
      this.drain();
      // Also where the bell has rung already: whoever iterates gets a turn before more is received.
      await Atomics.waitAsync(counters, HEADER.BELL, heard).value;
    }
  }
}
