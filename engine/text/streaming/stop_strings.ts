/**
 * Stop strings in a stream of text.
 *
 * @module
 */
import { UpbeatError } from "../../../errors.ts";

/** What one step of {@linkcode StopStringMatcher} gives. */
export interface StopMatch {
  /** Text that is safe to write. */
  readonly text: string;
  /** The stop string that was found, or null. */
  readonly matched: string | null;
}

/** One stop string, as a Knuth-Morris-Pratt automaton. */
interface Pattern {
  readonly stop: string;
  /** `failure[n]`: length of the longest proper prefix of `stop` that also ends its first `n` code units. */
  readonly failure: Int32Array;
  /** How many code units of `stop` end the text so far. */
  length: number;
}

/**
 * Finds stop strings that may span deltas, and holds back no more text than could still begin one.
 *
 * The stop string that is *completed* first wins; of several that are completed by the same character, the longest
 * (which starts first). So the result does not depend on how the text is cut into deltas, and generation can stop at
 * the character that completes a match. The text before the match is written, the match itself is not.
 *
 * @example
 * ```ts
 * const matcher = new StopStringMatcher(["\n\n"]);
 * matcher.push("one\n"); // { text: "one", matched: null }
 * matcher.push("\ntwo"); // { text: "", matched: "\n\n" }
 * ```
 */
export class StopStringMatcher {
  readonly #patterns: Pattern[];
  #held = "";
  #matched: string | null = null;

  /**
   * @param stops The stop strings.
   * @throws {UpbeatError} INVALID_PARAMETER for an empty stop string.
   */
  constructor(stops: readonly string[]) {
    this.#patterns = stops.map((stop, index) => {
      if (typeof stop !== "string" || stop === "") {
        throw new UpbeatError("INVALID_PARAMETER", `stop[${index}] must be a text of at least one character`, {
          field: "stop",
          index,
        });
      }
      return { stop, failure: failureOf(stop), length: 0 };
    });
  }

  /**
   * Add text.
   *
   * @param delta The next text, cut anywhere.
   * @returns The text that is safe to write, and the stop string it ended at; after a match, everything is dropped.
   */
  push(delta: string): StopMatch {
    if (this.#matched !== null) return { text: "", matched: this.#matched };
    if (this.#patterns.length === 0) return { text: delta, matched: null };
    const text = this.#held + delta;
    for (let i = this.#held.length; i < text.length; i++) {
      const code = text.charCodeAt(i);
      let found: string | null = null;
      for (const pattern of this.#patterns) {
        if (advance(pattern, code) && (found === null || pattern.stop.length > found.length)) found = pattern.stop;
      }
      if (found !== null) {
        this.#matched = found;
        this.#held = "";
        return { text: text.slice(0, i + 1 - found.length), matched: found };
      }
    }
    const hold = this.#patterns.reduce((longest, pattern) => Math.max(longest, pattern.length), 0);
    this.#held = text.slice(text.length - hold);
    return { text: text.slice(0, text.length - hold), matched: null };
  }

  /**
   * End the text.
   *
   * @returns What was held back, as no stop string can follow any more.
   */
  flush(): StopMatch {
    const text = this.#held;
    this.#held = "";
    for (const pattern of this.#patterns) pattern.length = 0;
    return { text, matched: this.#matched };
  }
}

/** Take one code unit; true when it completes the stop string. */
function advance(pattern: Pattern, code: number): boolean {
  const { stop, failure } = pattern;
  let { length } = pattern;
  while (length > 0 && stop.charCodeAt(length) !== code) length = failure[length] as number;
  if (stop.charCodeAt(length) === code) length++;
  pattern.length = length;
  return length === stop.length;
}

/** The failure function of Knuth, Morris and Pratt, "Fast Pattern Matching in Strings", 1977. */
function failureOf(stop: string): Int32Array {
  const failure = new Int32Array(stop.length + 1);
  for (let i = 1, length = 0; i < stop.length; i++) {
    while (length > 0 && stop.charCodeAt(i) !== stop.charCodeAt(length)) length = failure[length] as number;
    if (stop.charCodeAt(i) === stop.charCodeAt(length)) length++;
    failure[i + 1] = length;
  }
  return failure;
}
