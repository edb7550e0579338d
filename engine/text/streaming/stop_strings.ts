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
  /** Length of the longest prefix of `stop` that ends the visible text so far. */
  visible: number;
  /** The same of the whole text. */
  whole: number;
}

/** A stretch of hidden text. */
interface Hidden {
  /** How many code units of the whole text precede it. */
  readonly start: number;
  readonly length: number;
}

/**
 * Finds stop strings, which may span deltas, and buffers only the text that may still begin one.
 *
 * The stop string that is *completed* first wins; of several completed by the same character, the longest (which starts
 * first). The result therefore does not depend on how the text is cut into deltas, and generation can stop at the
 * character that completes a match. The text before the match is returned, the match itself is not.
 *
 * Special tokens are hidden text: it is matched, too, but never returned. A stop string is found in the visible text as well
 * as in the whole.
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
  readonly #longest: number;
  /** Visible text that may begin a stop string. */
  #pending = "";
  /** Code units of visible text so far. */
  #visible = 0;
  /** Code units of hidden text so far. */
  #hidden = 0;
  /** The hidden text that a match may still include. */
  #stretches: Hidden[] = [];
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
      return { stop, failure: failureOf(stop), visible: 0, whole: 0 };
    });
    this.#longest = this.#patterns.reduce((longest, { stop }) => Math.max(longest, stop.length), 0);
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
    this.#pending += delta;
    for (let i = 0; i < delta.length; i++) {
      const code = delta.charCodeAt(i);
      this.#visible++;
      let found: Pattern | null = null;
      let cut = 0;
      for (const pattern of this.#patterns) {
        const { stop } = pattern;
        pattern.visible = advance(pattern, pattern.visible, code);
        pattern.whole = this.#hidden === 0 ? pattern.visible : advance(pattern, pattern.whole, code);
        if (pattern.visible < stop.length && pattern.whole < stop.length) continue;
        if (found !== null && stop.length <= found.stop.length) continue;
        found = pattern;
        cut = pattern.visible === stop.length
          ? this.#visible - stop.length
          : this.#visibleBefore(this.#visible + this.#hidden - stop.length);
      }
      if (found !== null) return this.#end(found.stop, cut, delta.length - 1 - i);
    }
    return this.#release(this.#safe());
  }

  /**
   * Add hidden text.
   *
   * @param text The text of a special token.
   * @returns As {@linkcode StopStringMatcher.push}; the text does not include this one.
   */
  pushHidden(text: string): StopMatch {
    if (this.#matched !== null) return { text: "", matched: this.#matched };
    if (this.#patterns.length === 0 || text === "") return { text: "", matched: null };
    const start = this.#visible + this.#hidden;
    this.#stretches = this.#stretches.filter((stretch) => stretch.start + stretch.length > start - this.#longest);
    for (let i = 0; i < text.length; i++) {
      this.#hidden++;
      let found: Pattern | null = null;
      for (const pattern of this.#patterns) {
        pattern.whole = advance(pattern, pattern.whole, text.charCodeAt(i));
        if (pattern.whole === pattern.stop.length && pattern.stop.length > (found?.stop.length ?? 0)) found = pattern;
      }
      if (found !== null) {
        this.#stretches.push({ start, length: i + 1 });
        return this.#end(found.stop, this.#visibleBefore(start + i + 1 - found.stop.length), 0);
      }
    }
    this.#stretches.push({ start, length: text.length });
    return this.#release(this.#safe());
  }

  /**
   * End the text.
   *
   * @returns The buffered text, which no stop string can follow any more.
   */
  flush(): StopMatch {
    const text = this.#pending;
    this.#pending = "";
    for (const pattern of this.#patterns) pattern.visible = pattern.whole = 0;
    return { text, matched: this.#matched };
  }

  /** How much visible text precedes a code unit of the whole text; not far back. */
  #visibleBefore(position: number): number {
    let visible = position - this.#hidden;
    for (const { start, length } of this.#stretches) visible += Math.max(0, start + length - Math.max(start, position));
    return visible;
  }

  /** How much visible text precedes the stop string that a pattern may be in the middle of. */
  #startOf({ visible, whole }: Pattern): number {
    if (this.#hidden === 0) return this.#visible - visible;
    return Math.min(this.#visible - visible, this.#visibleBefore(this.#visible + this.#hidden - whole));
  }

  /** How much of the visible text can no longer become part of a match. */
  #safe(): number {
    return this.#patterns.reduce((least, pattern) => Math.min(least, this.#startOf(pattern)), this.#visible);
  }

  /** Returns the pending text before a position of the visible text; its last `rest` code units have not been read. */
  #release(end: number, rest = 0): StopMatch {
    const length = end - (this.#visible - (this.#pending.length - rest));
    const text = this.#pending.slice(0, length);
    this.#pending = this.#pending.slice(length);
    return { text, matched: null };
  }

  /** Ends the text before a position of the visible text. */
  #end(matched: string, position: number, rest: number): StopMatch {
    const { text } = this.#release(position, rest);
    this.#pending = "";
    this.#matched = matched;
    return { text, matched };
  }
}

/** The length of the longest prefix of a stop string that ends the text, after one more code unit. */
function advance({ stop, failure }: Pattern, length: number, code: number): number {
  while (length > 0 && stop.charCodeAt(length) !== code) length = failure[length] as number;
  return stop.charCodeAt(length) === code ? length + 1 : length;
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
