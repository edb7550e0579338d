/**
 * Finds stop strings in a stream of text.
 *
 * @module
 */
import { UpbeatError } from "../../../errors.ts";

/** Result of one step of {@linkcode StopStringMatcher}. */
export interface StopMatch {
  /** Text that cannot become part of a stop string. */
  readonly text: string;
  /** The stop string that was found, or null. */
  readonly matched: string | null;
}

/** One stop string, as a Knuth-Morris-Pratt automaton. */
interface Pattern {
  readonly stop: string;
  /** `failure[n]`: length of the longest proper prefix of `stop` that also ends its first `n` code units. */
  readonly failure: Int32Array;
  /** Length of the longest prefix of `stop` that ends the text so far. */
  length: number;
}

/**
 * Finds stop strings, which may span deltas, and buffers only the text that may still begin one.
 *
 * The stop string that is *completed* first wins; of several completed by the same character, the longest (which starts
 * first). The result therefore does not depend on how the text is cut into deltas, and generation can stop at the
 * character that completes a match. The text before the match is returned, the match itself is not.
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
  #pending = "";
  #matched: string | null = null;

  /**
   * @param stops The stop strings.
   * @throws {UpbeatError} INVALID_PARAMETER for an empty stop string.
   */
  constructor(stops: readonly string[]) {
    this.#patterns = stops.map((stop, index) => {
      if (typeof stop !== "string" || stop === "") {
        throw new UpbeatError("INVALID_PARAMETER", `stop[${index}] must be a non-empty string`, {
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
   * @returns The text that is safe to emit, and the stop string that ended it. After a match, all text is dropped.
   */
  push(delta: string): StopMatch {
    if (this.#matched !== null) return { text: "", matched: this.#matched };
    if (this.#patterns.length === 0) return { text: delta, matched: null };
    const text = this.#pending + delta;
    for (let i = this.#pending.length; i < text.length; i++) {
      const code = text.charCodeAt(i);
      let found: string | null = null;
      for (const pattern of this.#patterns) {
        if (advance(pattern, code) && (found === null || pattern.stop.length > found.length)) found = pattern.stop;
      }
      if (found !== null) {
        this.#matched = found;
        this.#pending = "";
        return { text: text.slice(0, i + 1 - found.length), matched: found };
      }
    }
    const safe = text.length - this.#patterns.reduce((longest, pattern) => Math.max(longest, pattern.length), 0);
    this.#pending = text.slice(safe);
    return { text: text.slice(0, safe), matched: null };
  }

  /**
   * End the text.
   *
   * @returns The buffered text, which no stop string can follow any more.
   */
  flush(): StopMatch {
    const text = this.#pending;
    this.#pending = "";
    for (const pattern of this.#patterns) pattern.length = 0;
    return { text, matched: this.#matched };
  }
}

/** Consumes one code unit; true when it completes the stop string. */
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
