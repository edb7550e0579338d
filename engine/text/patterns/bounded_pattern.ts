/**
 * Runs a regular expression in a bounded number of steps.
 *
 * The engines of JavaScript backtrack without a bound, and nothing can interrupt them in all runtimes. This one is some fifty
 * times slower, and only used for patterns that are not known to be fast: see `pattern_cost.ts`.
 *
 * @module
 */
import type { Instruction, PatternProgram } from "./pattern_program.ts";

/** Most steps of a search: a constant, and a number for each code unit of the text. */
const STEPS = 20_000;
const STEPS_PER_UNIT = 200;

/** Runs a compiled regular expression. */
export class BoundedPattern {
  readonly #code: readonly Instruction[];
  readonly #registers: Int32Array;
  readonly #onExhausted: () => Error;
  #steps = 0;

  /**
   * @param program The compiled expression.
   * @param onExhausted Makes the error of a search that takes too many steps.
   */
  constructor(program: PatternProgram, onExhausted: () => Error) {
    this.#code = program.code;
    this.#registers = new Int32Array(program.registers);
    this.#onExhausted = onExhausted;
  }

  /**
   * Find all matches.
   *
   * @param text Well-formed text.
   * @param onMatch Called with the start and end of each match, in order, as `String.matchAll` finds them.
   * @throws {Error} The error of `onExhausted`.
   */
  forEachMatch(text: string, onMatch: (start: number, end: number) => void): void {
    this.#steps = STEPS + STEPS_PER_UNIT * text.length;
    for (let start = 0; start <= text.length;) {
      this.#registers.fill(-1);
      const end = this.#run(text, 0, start);
      if (end >= 0) onMatch(start, end);
      if (end > start) start = end;
      else start += (text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
    }
  }

  /** Runs from an instruction and a position to `match`; returns the position there, or -1. */
  #run(text: string, pc: number, at: number): number {
    const code = this.#code;
    const registers = this.#registers;
    // Where to go on after a failure: [instruction, position], or [-1 - register, its former value].
    const stack: number[] = [];
    for (;;) {
      if (--this.#steps < 0) throw this.#onExhausted();
      const instruction = code[pc] as Instruction;
      let fails = false;
      switch (instruction.type) {
        case "character": {
          const next = step(text, at, instruction.back);
          fails = next < 0 || !instruction.test(text.codePointAt(instruction.back ? next : at) as number);
          at = next;
          pc++;
          break;
        }
        case "split":
          stack.push(instruction.second, at);
          pc = instruction.first;
          break;
        case "jump":
          pc = instruction.to;
          break;
        case "save":
          stack.push(-1 - instruction.register, registers[instruction.register] as number);
          registers[instruction.register] = at;
          pc++;
          break;
        case "progress":
          fails = registers[instruction.register] === at;
          pc++;
          break;
        case "reference": {
          const start = registers[instruction.start] as number;
          const end = registers[instruction.end] as number;
          const length = start < 0 || end < 0 ? 0 : end - start;
          this.#steps -= length;
          const from = instruction.back ? at - length : at;
          fails = from < 0 || (length > 0 && !text.startsWith(text.slice(start, end), from));
          at = instruction.back ? from : at + length;
          pc++;
          break;
        }
        case "edge":
          fails = at !== (instruction.end ? text.length : 0);
          pc++;
          break;
        case "look": {
          const found = this.#run(text, pc + 1, at) >= 0;
          fails = found === instruction.negative;
          pc = instruction.next;
          break;
        }
        case "match":
          return at;
      }
      if (!fails) continue;
      do {
        if (stack.length === 0) return -1;
        at = stack.pop() as number;
        pc = stack.pop() as number;
        if (pc < 0) registers[-1 - pc] = at;
      } while (pc < 0);
    }
  }
}

/** The position one code point further, or -1 at the end. */
function step(text: string, at: number, back: boolean): number {
  if (!back) return at >= text.length ? -1 : (text.codePointAt(at) as number) > 0xffff ? at + 2 : at + 1;
  if (at <= 0) return -1;
  return at >= 2 && (text.codePointAt(at - 2) as number) > 0xffff ? at - 2 : at - 1;
}
