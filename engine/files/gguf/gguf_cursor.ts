/**
 * Reads the header of a GGUF file from front to back. Every length is checked against the file before anything is taken.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { UpbeatError } from "../../../errors.ts";
import type { RegularFile } from "../regular_file.ts";

/** Bytes per read; headers of models have 1 to 20 MB. */
const CHUNK_BYTES = 2 ** 20;

/** The longest header that is read. The vocabularies of the largest models take a tenth of it. */
const MAX_HEADER_BYTES = 256 * 2 ** 20;

/** Reads little-endian values of the header one after the other. */
export class GgufCursor {
  /** Position of the next byte. */
  position = 0;
  readonly #path: string;
  readonly #file: RegularFile;
  #buffer: Buffer = Buffer.alloc(0);
  #view: DataView<ArrayBufferLike> = new DataView(new ArrayBuffer(0));
  /** Bytes of the buffer that have been read from the file. */
  #filled = 0;

  /**
   * @param path Path of the file, for messages.
   * @param file The file, open for as long as values are read.
   */
  constructor(path: string, file: RegularFile) {
    this.#path = path;
    this.#file = file;
  }

  /** Length of the file in bytes. */
  get fileBytes(): number {
    return this.#file.bytes;
  }

  /** An unsigned 32-bit integer. */
  uint32(): number {
    return this.number(4, (view, at) => view.getUint32(at, true));
  }

  /** An unsigned 64-bit integer. Values beyond 2^53 lose precision; counts and offsets that large are refused anyway. */
  uint64(): number {
    return this.number(8, (view, at) => view.getBigUint64(at, true));
  }

  /** A number of one of the format's types, read by a method of `DataView`. */
  number(bytes: number, read: (view: DataView<ArrayBufferLike>, at: number) => number | bigint): number {
    // Taking bytes may replace the view.
    const at = this.take(bytes);
    return Number(read(this.#view, at));
  }

  /** Text with its length before it. */
  text(): string {
    const length = this.uint64();
    const start = this.take(length);
    return this.textAt(start, length);
  }

  /** Text at a position that has been passed. */
  textAt(start: number, length: number): string {
    return this.#buffer.toString("utf8", start, start + length);
  }

  /** A number at a position that has been passed, read by a method of `DataView`. */
  numberAt(at: number, read: (view: DataView<ArrayBufferLike>, at: number) => number | bigint): number {
    return Number(read(this.#view, at));
  }

  /**
   * Pass some bytes.
   *
   * @param length How many.
   * @returns Position of the first of them.
   * @throws {UpbeatError} `WEIGHTS_INVALID` when the file ends before, or the header is too long.
   */
  take(length: number): number {
    const start = this.position;
    const end = start + length;
    if (!(end <= this.#filled)) this.#fill(end);
    this.position = end;
    return start;
  }

  /** Read the file up to `end`, and some more. */
  #fill(end: number): void {
    if (!(end <= this.#file.bytes)) {
      throw this.invalid(`its header does not end within its ${this.#file.bytes} bytes; download it again`);
    }
    if (end > MAX_HEADER_BYTES) {
      throw this.invalid(`its header is longer than ${MAX_HEADER_BYTES} bytes, the most that is read`);
    }
    const wanted = Math.min(this.#file.bytes, MAX_HEADER_BYTES, Math.max(end + CHUNK_BYTES, 2 * this.#filled));
    const more = this.#file.read(this.#filled, wanted - this.#filled);
    if (this.#filled + more.length < end) throw this.invalid("it became shorter while it was read");
    this.#buffer = Buffer.concat([this.#buffer.subarray(0, this.#filled), more]);
    this.#filled = this.#buffer.length;
    this.#view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.length);
  }

  /**
   * The error for a file that violates the format.
   *
   * @param problem What is wrong with it.
   * @param details Names and values for the error.
   */
  invalid(problem: string, details: Record<string, string | number> = {}): UpbeatError {
    return new UpbeatError("WEIGHTS_INVALID", `${this.#path} is not a valid GGUF file: ${problem}`, {
      file: this.#path,
      ...details,
    });
  }
}
