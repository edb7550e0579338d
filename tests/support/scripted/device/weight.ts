/**
 * Weight matrices: a shape and the rows that were loaded. The scripted model does not use their elements.
 *
 * @module
 */
import { refuse } from "./checks.ts";

/** A weight matrix. */
export class Weight {
  static readonly title = "a weight";
  readonly rows: number;
  readonly columns: number;
  /** Size in bytes. */
  readonly bytes: number;
  readonly #isLoaded: Uint8Array;
  /** The first row that is not loaded, or -1. */
  #missing = 0;

  constructor(rows: number, columns: number, elementBytes: number) {
    this.rows = rows;
    this.columns = columns;
    this.bytes = rows * columns * elementBytes;
    this.#isLoaded = new Uint8Array(rows);
  }

  /** Marks rows as loaded. @throws {CallError} If rows are out of range or loaded already. */
  load(firstRow: number, rowCount: number): void {
    if (rowCount > this.rows - firstRow) {
      refuse(`row_count: rows ${firstRow} to ${firstRow + rowCount - 1} are outside a weight of ${this.rows} rows`);
    }
    const rows = this.#isLoaded.subarray(firstRow, firstRow + rowCount);
    if (rows.includes(1)) {
      refuse(`first_row: some of rows ${firstRow} to ${firstRow + rowCount - 1} are loaded already`);
    }
    rows.fill(1);
    this.#missing = this.#isLoaded.indexOf(0);
  }

  /** @throws {CallError} If a row is not loaded. */
  checkComplete(): void {
    if (this.#missing >= 0) refuse(`weight: row ${this.#missing} of ${this.rows} is missing`);
  }
}
