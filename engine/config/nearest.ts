/**
 * Suggestions for misspelt names.
 *
 * @module
 */

/** No name is longer; longer texts are not compared to their end. */
const MAX_LETTERS = 64;

/**
 * Find the name that a misspelt one was probably meant to be.
 *
 * @param typed The misspelt name.
 * @param candidates The existing names.
 * @returns The nearest by Levenshtein distance, if that is at most a third of its letters; else null. Case, `-` and `_` do
 * not count.
 * @example
 * ```ts
 * nearest("temprature", ["temperature", "top-k"]); // "temperature"
 * ```
 */
export function nearest(typed: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Infinity;
  const letters = lettersOf(typed);
  for (const candidate of candidates) {
    const distance = distanceTo(letters, lettersOf(candidate));
    const isNear = distance <= Math.max(1, Math.floor(candidate.length / 3));
    if (isNear && distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function lettersOf(name: string): string {
  return name.slice(0, MAX_LETTERS).toLowerCase().replaceAll(/[-_]/g, "");
}

function distanceTo(typed: string, candidate: string): number {
  if (typed === candidate) return 0;
  if (typed.length >= 3 && candidate.startsWith(typed)) return 0.5;
  return editDistance(typed, candidate);
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
