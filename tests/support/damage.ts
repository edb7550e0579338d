/**
 * Random damage to the text and to the values of files: cheap enough for ten thousand files in a second.
 *
 * @module
 */

/** Random whole numbers from 0 up to a bound, without it. */
export type Random = (bound: number) => number;

/**
 * Random numbers from a seed (mulberry32).
 *
 * @param seed Any integer.
 * @returns The generator.
 */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/**
 * One of some items.
 *
 * @param random The generator.
 * @param items At least one.
 * @returns The item.
 */
export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random(items.length)]!;
}

/** Values that readers fail on: bounds of types, wrong types, deep and long values. */
const NASTY: readonly (() => unknown)[] = [
  ...[
    0,
    -0,
    -1,
    1,
    2,
    3,
    0.5,
    1e-9,
    5e-324,
    255,
    2 ** 16,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 63,
  ],
  ...[1e30, 1e38, 1e39, 1e300, 1.7976931348623157e308, -1e308, null, true, false, "", "0", "1", "bfloat16", "\u0000"],
].map((value) => () => value as unknown).concat([
  () => [],
  () => ({}),
  () => [null],
  () => ["x", 1],
  () => ({ x: 1 }),
  () => "x".repeat(10_000),
  () => Array.from({ length: 10_000 }, () => 1),
  () => JSON.parse("[".repeat(1000) + "]".repeat(1000)) as unknown,
]);

/**
 * Damage a JSON value: replace, remove, add, rename or duplicate some of what is in it.
 *
 * @param random The generator.
 * @param value The value; it is not changed.
 * @param alternatives Further values that take the place of others, besides those that readers usually fail on.
 * @returns A damaged copy.
 */
export function damageValue(random: Random, value: unknown, alternatives: readonly unknown[] = []): unknown {
  const root = { value: structuredClone(value) };
  for (let count = 1 + random(3); count > 0; count--) damageOnce(random, root, alternatives);
  return root.value;
}

function damageOnce(random: Random, root: object, alternatives: readonly unknown[]): void {
  let parent = root as Record<string, unknown>;
  let key = "value";
  // Deeper values are as likely as those at the top.
  for (let depth = 0; depth < 8; depth++) {
    const inner = parent[key];
    if (typeof inner !== "object" || inner === null || (depth > 0 && random(3) === 0)) break;
    const keys = Object.keys(inner);
    if (keys.length === 0) break;
    parent = inner as Record<string, unknown>;
    key = pick(random, keys);
  }
  const nasty = () => alternatives.length > 0 && random(4) === 0 ? pick(random, alternatives) : pick(random, NASTY)();
  switch (random(6)) {
    case 0:
      if (parent !== root) delete parent[key];
      break;
    case 1:
      // Defined, because assigning to `__proto__` would not add a member.
      Object.defineProperty(parent, pick(random, ["x", "", "__proto__", "constructor", key, "0"]), {
        ...{ value: nasty(), enumerable: true, configurable: true, writable: true },
      });
      break;
    case 2: {
      const other = pick(random, Object.keys(parent));
      [parent[key], parent[other]] = [parent[other], parent[key]];
      break;
    }
    default:
      parent[key] = nasty();
  }
}

/**
 * Damage a text: cut it, insert something, or change characters.
 *
 * @param random The generator.
 * @param text The text.
 * @returns The damaged text.
 */
export function damageText(random: Random, text: string): string {
  const at = random(text.length + 1);
  const end = Math.min(text.length, at + random(8));
  switch (random(4)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(end);
    case 2:
      return text.slice(0, at) + text.slice(at, end).repeat(1 + random(50)) + text.slice(at);
    default:
      return text.slice(0, at) + pick(random, ["{", "[", '"', "\\u0000", ",", "1e999", "-", "null", "\u0000"]) +
        text.slice(end);
  }
}
