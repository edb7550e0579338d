/**
 * What ends a command early: wrong usage, unusable input, a signal.
 *
 * @module
 */

/** What the user typed makes no sense; the message says what and what would. */
export class UsageError extends Error {
  /** @param message One sentence, without a full stop. */
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** A file or standard input cannot be used; the message names it. Exit code 1: the command itself was right. */
export class InputError extends Error {
  /** @param message One sentence, without a full stop. */
  constructor(message: string) {
    super(message);
    this.name = "InputError";
  }
}

/** The run was ended by a signal; 128 + its number is the exit code, as shells have it. */
export class Interrupted extends Error {
  /** The exit code. */
  readonly exitCode: number;

  /** @param exitCode 130 for Ctrl-C. */
  constructor(exitCode: number) {
    super("interrupted");
    this.name = "Interrupted";
    this.exitCode = exitCode;
  }
}

/**
 * The candidate nearest to what was typed, if it is near enough to be meant.
 *
 * @param typed What was typed.
 * @param candidates What exists.
 * @returns The nearest by Levenshtein distance, at most a third of its letters away; null without.
 * @example
 * ```ts
 * nearest("temprature", ["temperature", "top-k"]); // "temperature"
 * ```
 */
export function nearest(typed: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const isStart = typed.length >= 3 && candidate.startsWith(typed);
    const distance = isStart ? 0.5 : editDistance(typed, candidate);
    const isNear = distance <= Math.max(1, Math.floor(candidate.length / 3));
    if (isNear && distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance (Wagner and Fischer 1974). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
