/** Progress of a long step: a line that is redrawn on a terminal, or one line at the start and one at the end. */
import process from "node:process";

/** Milliseconds before anything is shown: quick steps stay silent. */
const SILENCE = 300;

/** The line of one step. */
export class Progress {
  readonly #title: string;
  readonly #start = performance.now();
  readonly #terminal = process.stderr.isTTY === true && process.env["CI"] === undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  #detail = "";
  #announced = false;
  #drawn = false;

  /** @param title The step, as in "building the CPU library". */
  constructor(title: string) {
    this.#title = title;
    this.#timer = setInterval(() => this.#tick(), SILENCE);
  }

  /** @param detail The state of progress; replaces the last one. */
  update(detail: string): void {
    this.#detail = detail;
  }

  /** End the step. @param outcome Printed with the time taken, unless the step was quick; may be empty. */
  end(outcome: string): void {
    clearInterval(this.#timer);
    this.#clear();
    if (outcome !== "" && performance.now() - this.#start > SILENCE) {
      process.stderr.write(`${outcome} (${this.#seconds()} s)\n`);
    }
  }

  #seconds(): string {
    return ((performance.now() - this.#start) / 1000).toFixed(1);
  }

  #tick(): void {
    if (this.#terminal) {
      this.#clear();
      const line = `${this.#title}… ${this.#detail === "" ? "" : this.#detail + " "}(${this.#seconds()} s)`;
      process.stderr.write(line.slice(0, (process.stderr.columns || 80) - 1));
      this.#drawn = true;
    } else if (!this.#announced) {
      process.stderr.write(`${this.#title}…\n`);
      this.#announced = true;
    }
  }

  #clear(): void {
    if (this.#drawn) process.stderr.write("\r\x1b[K");
    this.#drawn = false;
  }
}
