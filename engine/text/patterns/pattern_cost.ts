/**
 * Proves that a regular expression takes linear time, for the forms that pre-tokenizers have.
 *
 * A sequence cannot fail at great cost if all in it is bounded, but for repeated characters after which nothing can fail
 * (`\p{N}{1,3}`, ` ?[^\s\p{L}\p{N}]+[\r\n]*`). One that may fail after a repeated character (`\s*[\r\n]+`, `\s+(?!\S)`) is
 * allowed where the next alternative that does not begin in the same way takes the whole stretch (`\s+`): each stretch is then
 * read a bounded number of times.
 *
 * @module
 */
import type { PatternNode } from "./pattern_syntax.ts";

/** The most ways in which the bounded parts may match, and the most code points that they may match. */
const MOST_WAYS = 100;
const MOST_LENGTH = 500;

/** An alternative that may fail after it has read a stretch. */
interface Stretch {
  /** Source of what precedes the repeated character. */
  readonly prefix: string;
  /** Source of the repeated character. */
  readonly character: string;
  /** Whether nothing after it can fail. */
  readonly takesAll: boolean;
}

/**
 * Whether a search with a regular expression takes time in proportion to the text.
 *
 * @param node The parsed expression.
 * @returns True if it does; false if it may take longer.
 */
export function isLinear(node: PatternNode): boolean {
  const options = optionsOf(node).map(itemsOf);
  if (waysOf(node) > MOST_WAYS || lengthOf(node) > MOST_LENGTH) return false;
  for (const [index, items] of options.entries()) {
    if (cannotFailLate(items)) continue;
    const stretch = stretchOf(items);
    if (stretch === null) return false;
    const rest = options.slice(index + 1).map(stretchOf);
    const taker = rest.findIndex((other) =>
      other?.prefix !== stretch.prefix || other.character !== stretch.character || other.takesAll
    );
    const found = taker < 0 ? null : rest[taker];
    if (!found?.takesAll || found.prefix !== stretch.prefix || found.character !== stretch.character) return false;
  }
  return true;
}

/** The alternatives of an expression, also of one in a group. */
function optionsOf(node: PatternNode): readonly PatternNode[] {
  if (node.type === "choice") return node.options.flatMap(optionsOf);
  if (node.type === "group") return optionsOf(node.body);
  return node.type === "sequence" && node.items.length === 1 && node.items[0]!.type === "group"
    ? optionsOf(node.items[0]!)
    : [node];
}

function itemsOf(node: PatternNode): readonly PatternNode[] {
  return node.type === "sequence" ? node.items : [node];
}

/** The first repeated character without a bound, with a rest that fails or succeeds without reading much. */
function stretchOf(items: readonly PatternNode[]): Stretch | null {
  const at = items.findIndex((item) => !isBounded(item));
  const item = items[at];
  const character = item === undefined ? null : repeatedCharacter(item);
  if (character === null) return null;
  const rest = items.slice(at + 1);
  if (!cannotFailLate(rest)) return null;
  const prefix = items.slice(0, at).map(({ source }) => source).join("");
  return { prefix, character, takesAll: rest.every(isOptionalRepeat) };
}

/** Whether everything that may fail is bounded. */
function cannotFailLate(items: readonly PatternNode[]): boolean {
  const at = items.findIndex((item) => !isBounded(item));
  if (at < 0) return true;
  return repeatedCharacter(items[at]!) !== null && items.slice(at + 1).every(isOptionalRepeat);
}

/** A character that may be repeated any number of times, or not be there. */
function isOptionalRepeat(node: PatternNode): boolean {
  const inner = withoutAtomic(node);
  return inner.type === "repeat" && inner.min === 0 && isBounded(inner.body);
}

/** The source of a character that is repeated without a bound; null for anything else. */
function repeatedCharacter(node: PatternNode): string | null {
  const inner = withoutAtomic(node);
  if (inner.type !== "repeat" || inner.max !== Infinity || inner.lazy || inner.min > 16) return null;
  return inner.body.type === "character" ? inner.body.source : null;
}

/** The `…` of `(?:(?=(…))\1)`, which is how an atomic group is written; any other node itself. */
function withoutAtomic(node: PatternNode): PatternNode {
  if (node.type !== "group" || node.capture !== null || node.body.type !== "sequence") return node;
  const [look, reference, ...rest] = node.body.items;
  if (look?.type !== "look" || look.behind || look.negative || reference?.type !== "reference" || rest.length > 0) {
    return node;
  }
  const group = look.body.type === "sequence" && look.body.items.length === 1 ? look.body.items[0]! : look.body;
  if (group.type !== "group" || group.capture !== reference.group) return node;
  return group.body.type === "sequence" && group.body.items.length === 1 ? group.body.items[0]! : group.body;
}

/** Whether the length of every match, and of what is read on the way, has a bound. */
function isBounded(node: PatternNode): boolean {
  switch (node.type) {
    case "character":
    case "edge":
      return true;
    case "reference":
      return false;
    case "sequence":
      return node.items.every(isBounded);
    case "choice":
      return node.options.every(isBounded);
    case "repeat":
      return node.max < Infinity && isBounded(node.body);
    case "group": {
      const inner = withoutAtomic(node);
      return isBounded(inner === node ? node.body : inner);
    }
    case "look":
      return isBounded(node.body);
  }
}

/** In how many ways the bounded parts may match, at most. */
function waysOf(node: PatternNode): number {
  switch (node.type) {
    case "character":
    case "edge":
    case "reference":
      return 1;
    case "sequence":
      return node.items.reduce((ways, item) => ways * waysOf(item), 1);
    case "choice":
      return node.options.reduce((ways, option) => ways + waysOf(option), 0);
    case "repeat": {
      const ways = waysOf(node.body);
      if (node.max === Infinity) return ways === 1 ? 1 : Infinity;
      return ways === 1 ? node.max - node.min + 1 : (ways + 1) ** node.max;
    }
    case "group":
    case "look":
      return waysOf(node.body);
  }
}

/** How many code points the bounded parts may match, all together. */
function lengthOf(node: PatternNode): number {
  switch (node.type) {
    case "character":
      return 1;
    case "edge":
    case "reference":
      return 0;
    case "sequence":
      return node.items.reduce((length, item) => length + lengthOf(item), 0);
    case "choice":
      return node.options.reduce((length, option) => length + lengthOf(option), 0);
    case "repeat":
      return lengthOf(node.body) * (node.max === Infinity ? Math.max(1, node.min) : node.max);
    case "group":
    case "look":
      return lengthOf(node.body);
  }
}
