/**
 * The bound on what one rendering may do.
 *
 * A template is a program from outside, and may run on the caller's thread. Everything in it that can repeat or grow is
 * charged here before it happens: evaluated nodes and touched members as steps, created or scanned characters as text.
 * The limits are some tens of milliseconds of work, plus a share for each part of the conversation.
 *
 * @module
 */
import { BudgetExceeded } from "./errors.ts";

/** Steps of a rendering without input. */
const BASE_STEPS = 50_000;
/** Steps of a probe. */
const PROBE_STEPS = 10_000;
/** Further steps for each value of the input: a message of two fields is three values. */
const STEPS_PER_VALUE = 500;
/** Further steps for each pair of values, since some templates compare every message with every other. */
const STEPS_PER_PAIR = 2;
/** Most steps of a rendering. */
const MAX_STEPS = 16_000_000;
/** Characters of a rendering without input. */
const BASE_TEXT = 2 << 20;
/** Characters of a probe. */
const PROBE_TEXT = 1 << 19;
/** Further characters for each character of the input. */
const TEXT_PER_CHARACTER = 32;
/** Further characters for each value of the input, whose fields are compared and printed. */
const TEXT_PER_VALUE = 4096;
/** Most characters of a rendering. */
const MAX_TEXT = 512 << 20;
/** Calls of macros within each other. */
const MAX_CALL_DEPTH = 100;
/** Lists and dicts within each other. */
export const MAX_VALUE_DEPTH = 100;
/** Longest text to search for that engines find in linear time. */
const SHORT_NEEDLE = 16;

/** What is left of the steps and characters of one rendering. */
export class Budget {
  readonly #isProbe: boolean;
  #steps: number;
  #text: number;
  #calls = 0;

  /** @param isProbe Whether a fraction is enough, whatever the input. */
  constructor(isProbe = false) {
    this.#isProbe = isProbe;
    this.#steps = isProbe ? PROBE_STEPS : BASE_STEPS;
    this.#text = isProbe ? PROBE_TEXT : BASE_TEXT;
  }

  /** Steps left. */
  get steps(): number {
    return this.#steps;
  }

  /** Extend the limits by the size of the input. */
  grant(values: number, characters: number): void {
    if (this.#isProbe) return;
    this.#steps = Math.min(MAX_STEPS, this.#steps + values * (STEPS_PER_VALUE + values * STEPS_PER_PAIR));
    this.#text = Math.min(MAX_TEXT, this.#text + values * TEXT_PER_VALUE + characters * TEXT_PER_CHARACTER);
  }

  /**
   * Charge steps.
   *
   * @param count Nodes evaluated or members touched.
   * @throws {BudgetExceeded} When none are left.
   */
  step(count = 1): void {
    this.#steps -= count;
    // Also for NaN, which would lift the bound.
    if (!(this.#steps >= 0)) throw new BudgetExceeded("it takes too many steps for this conversation");
  }

  /**
   * Charge text.
   *
   * @param length Characters that are created or scanned.
   * @throws {BudgetExceeded} When none are left.
   */
  text(length: number): void {
    this.#text -= length;
    if (!(this.#text >= 0)) throw new BudgetExceeded("it makes too much text for this conversation");
  }

  /** Charge a search; engines compare every character of a long needle at every place in the worst case. */
  search(haystack: number, needle: number): void {
    this.text(needle <= SHORT_NEEDLE ? haystack : haystack * (needle / SHORT_NEEDLE));
  }

  /**
   * Replace matches one by one, each charged.
   *
   * @param text The text.
   * @param pattern A global pattern.
   * @param replacement Makes a match's replacement.
   * @returns The new text.
   * @throws {BudgetExceeded} When it is too much.
   */
  replaceEach(text: string, pattern: RegExp, replacement: (match: RegExpExecArray) => string): string {
    // Not String.replace, which collects all matches first.
    let result = "";
    let end = 0;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const at = pattern.lastIndex;
      const replaced = replacement(match);
      this.step(4);
      this.text(match.index - end + replaced.length);
      result += text.slice(end, match.index) + replaced;
      end = at;
      pattern.lastIndex = at;
    }
    return result + text.slice(end);
  }

  /**
   * Run a macro.
   *
   * @param call The macro's body.
   * @returns Its result.
   * @throws {BudgetExceeded} When macros call each other too deeply.
   */
  nested<T>(call: () => T): T {
    this.step(20);
    if (++this.#calls > MAX_CALL_DEPTH) throw new BudgetExceeded("its macros call each other too deeply");
    try {
      return call();
    } finally {
      this.#calls--;
    }
  }
}
