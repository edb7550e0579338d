/**
 * Progress of loading, as a line that is redrawn on a terminal.
 *
 * @module
 */
import type { LoadProgress } from "../../mod.ts";
import { formatBytes } from "./format_bytes.ts";

/** Milliseconds of loading before the line appears. */
const DELAY = 1000;

/** Milliseconds between two drawings of the line, at least. */
const REDRAW = 100;

/** The line. */
export class ProgressLine {
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  readonly #begin: number;
  #drawn = -Infinity;

  /**
   * @param write Writes to the terminal.
   * @param now A clock in milliseconds; loading starts now.
   */
  constructor(write: (text: string) => void, now: () => number = () => performance.now()) {
    this.#write = write;
    this.#now = now;
    this.#begin = now();
  }

  /** Draw it, unless loading has just started or the line has just been drawn. */
  show({ loadedBytes, totalBytes }: LoadProgress): void {
    const now = this.#now();
    if (now - this.#begin < DELAY || now - this.#drawn < REDRAW || totalBytes === 0) return;
    this.#drawn = now;
    const percent = Math.floor((100 * loadedBytes) / totalBytes);
    this.#write(`\r\x1b[Kloading the model… ${percent} % of ${formatBytes(totalBytes)}`);
  }

  /** Remove it, if it was drawn. */
  clear(): void {
    if (this.#drawn !== -Infinity) this.#write("\r\x1b[K");
  }
}
