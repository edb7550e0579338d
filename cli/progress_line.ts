/**
 * How far loading is, as one line on a terminal that is drawn again and again.
 *
 * @module
 */
import type { LoadProgress } from "../mod.ts";
import { formatBytes } from "./format_bytes.ts";

/** What loads faster than this is not worth a line. Milliseconds. */
const PATIENCE = 1000;

/** The line is redrawn no more often than this. Milliseconds. */
const REDRAW = 100;

/** The line. */
export class ProgressLine {
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  readonly #begin: number;
  #drawn = -Infinity;

  /**
   * @param write Writes to the terminal.
   * @param now A clock in milliseconds; loading begins now.
   */
  constructor(write: (text: string) => void, now: () => number = () => performance.now()) {
    this.#write = write;
    this.#now = now;
    this.#begin = now();
  }

  /** Draw it, unless loading has just begun or the line has just been drawn. */
  show({ loadedBytes, totalBytes }: LoadProgress): void {
    const now = this.#now();
    if (now - this.#begin < PATIENCE || now - this.#drawn < REDRAW || totalBytes === 0) return;
    this.#drawn = now;
    const percent = Math.floor((100 * loadedBytes) / totalBytes);
    this.#write(`\r\x1b[Kloading the model… ${percent} % of ${formatBytes(totalBytes)}`);
  }

  /** Remove it, if it was ever drawn. */
  clear(): void {
    if (this.#drawn !== -Infinity) this.#write("\r\x1b[K");
  }
}
