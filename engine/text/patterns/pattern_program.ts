/**
 * Compiles a parsed regular expression to a program for {@linkcode BoundedPattern}.
 *
 * @module
 */
import type { PatternNode } from "./pattern_syntax.ts";

/** Tests one code point. */
export type CharacterTest = (codePoint: number) => boolean;

/** One instruction. Those that read text do so forwards, or backwards in a lookbehind. */
export type Instruction =
  | { readonly type: "character"; readonly test: CharacterTest; readonly back: boolean }
  /** Goes on at `first`, and at `second` if that fails. */
  | { readonly type: "split"; first: number; second: number }
  | { readonly type: "jump"; to: number }
  /** Stores the position. */
  | { readonly type: "save"; readonly register: number }
  /** Fails if the position is the stored one: an iteration that matched nothing. */
  | { readonly type: "progress"; readonly register: number }
  /** The text between two registers. */
  | { readonly type: "reference"; readonly start: number; readonly end: number; readonly back: boolean }
  | { readonly type: "edge"; readonly end: boolean }
  /** Matches the program after it up to `match`, and goes on at `next` where it began. */
  | { readonly type: "look"; readonly negative: boolean; next: number }
  | { readonly type: "match" };

/** A compiled regular expression. */
export interface PatternProgram {
  readonly code: readonly Instruction[];
  readonly registers: number;
}

/** The most instructions: repetitions with counts are unrolled. */
const MOST_INSTRUCTIONS = 20_000;

/**
 * Compile a regular expression.
 *
 * @param node The parsed expression.
 * @returns The program; null if it would be too long.
 */
export function compileProgram(node: PatternNode): PatternProgram | null {
  const compiler = new Compiler();
  try {
    compiler.add(node, false);
    compiler.code.push({ type: "match" });
  } catch (error) {
    if (error instanceof TooLong) return null;
    throw error;
  }
  return { code: compiler.code, registers: compiler.registers };
}

class TooLong extends Error {}

class Compiler {
  readonly code: Instruction[] = [];
  registers = 0;
  /** First register of each capturing group. */
  readonly #captures = new Map<number, number>();
  readonly #tests = new Map<string, CharacterTest>();

  #emit<One extends Instruction>(instruction: One): One {
    if (this.code.length >= MOST_INSTRUCTIONS) throw new TooLong();
    this.code.push(instruction);
    return instruction;
  }

  #allocate(count: number): number {
    this.registers += count;
    return this.registers - count;
  }

  add(node: PatternNode, back: boolean): void {
    switch (node.type) {
      case "character":
        this.#emit({ type: "character", test: this.#testOf(node.source), back });
        break;
      case "sequence":
        for (const item of back ? node.items.toReversed() : node.items) this.add(item, back);
        break;
      case "choice":
        this.#addChoice(node.options, back);
        break;
      case "repeat":
        this.#addRepeat(node, back);
        break;
      case "group":
        this.#addGroup(node.body, node.capture, back);
        break;
      case "look": {
        const look = this.#emit({ type: "look", negative: node.negative, next: 0 });
        this.add(node.body, node.behind);
        this.#emit({ type: "match" });
        look.next = this.code.length;
        break;
      }
      case "reference": {
        const start = this.#registersOf(node.group);
        this.#emit({ type: "reference", start, end: start + 1, back });
        break;
      }
      case "edge":
        this.#emit({ type: "edge", end: node.end });
        break;
    }
  }

  #addChoice(options: readonly PatternNode[], back: boolean): void {
    const jumps: { to: number }[] = [];
    options.forEach((option, index) => {
      const isLast = index === options.length - 1;
      const split = isLast ? null : this.#emit({ type: "split", first: this.code.length + 1, second: 0 });
      this.add(option, back);
      if (split === null) return;
      jumps.push(this.#emit({ type: "jump", to: 0 }));
      split.second = this.code.length;
    });
    for (const jump of jumps) jump.to = this.code.length;
  }

  #addRepeat({ body, min, max, lazy }: PatternNode & { type: "repeat" }, back: boolean): void {
    for (let i = 0; i < min; i++) this.add(body, back);
    const splits: { readonly split: { first: number; second: number }; readonly at: number }[] = [];
    for (let i = min; i < (max === Infinity ? min + 1 : max); i++) {
      const split = this.#emit({ type: "split", first: 0, second: 0 });
      const at = this.code.length;
      splits.push({ split, at });
      this.#addOptional(body, back);
      if (max === Infinity) this.#emit({ type: "jump", to: at - 1 });
    }
    for (const { split, at } of splits) this.#aim(split, at, this.code.length, lazy);
  }

  /** Adds an iteration that need not be there, and fails if it matches nothing; a character always matches something. */
  #addOptional(body: PatternNode, back: boolean): void {
    if (body.type === "character") return this.add(body, back);
    const register = this.#allocate(1);
    this.#emit({ type: "save", register });
    this.add(body, back);
    this.#emit({ type: "progress", register });
  }

  #aim(split: { first: number; second: number }, body: number, after: number, lazy: boolean): void {
    [split.first, split.second] = lazy ? [after, body] : [body, after];
  }

  #addGroup(body: PatternNode, capture: number | null, back: boolean): void {
    if (capture === null) return this.add(body, back);
    const start = this.#registersOf(capture);
    this.#emit({ type: "save", register: back ? start + 1 : start });
    this.add(body, back);
    this.#emit({ type: "save", register: back ? start : start + 1 });
  }

  #registersOf(capture: number): number {
    let start = this.#captures.get(capture);
    if (start === undefined) this.#captures.set(capture, start = this.#allocate(2));
    return start;
  }

  #testOf(source: string): CharacterTest {
    let test = this.#tests.get(source);
    if (test === undefined) this.#tests.set(source, test = characterTest(source));
    return test;
  }
}

/** A test for a character, a class, or an escape; answers are kept. */
function characterTest(source: string): CharacterTest {
  if (!/^[\\[.]/.test(source)) {
    const code = source.codePointAt(0);
    return (codePoint) => codePoint === code;
  }
  const pattern = new RegExp(`^${source}$`, "u");
  const known = new Map<number, boolean>();
  return (codePoint) => {
    let answer = known.get(codePoint);
    if (answer === undefined) known.set(codePoint, answer = pattern.test(String.fromCodePoint(codePoint)));
    return answer;
  };
}
