type TypedArray = ArrayLike<number | bigint> & ArrayBufferView;

function isTypedArray(value: object): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** NaN equals itself; 0 equals -0. */
function equalNumbers(a: number | bigint, b: number | bigint): boolean {
  return a === b || (a !== a && b !== b);
}

function equalElements(
  a: ArrayLike<number | bigint>,
  b: ArrayLike<number | bigint>,
): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (!equalNumbers(a[i]!, b[i]!)) return false;
  }
  return true;
}

function sameClass(a: object, b: object): boolean {
  const [ofA, ofB] = [a.constructor, b.constructor];
  return ofA === ofB || (ofA === Object && !ofB) || (!ofA && ofB === Object);
}

/** Enumerable own keys, symbols too. */
function keysOf(value: object): PropertyKey[] {
  const symbols = Object.getOwnPropertySymbols(value);
  return [
    ...Object.keys(value),
    ...symbols.filter((key) => Object.prototype.propertyIsEnumerable.call(value, key)),
  ];
}

/** One comparison of two values. It remembers the pairs being compared, so that cycles end. */
class Comparison {
  readonly #assumed = new Map<object, Set<object>>();

  equal(a: unknown, b: unknown): boolean {
    if (Object.is(a, b)) return true;
    if (typeof a === "number" && typeof b === "number") {
      return equalNumbers(a, b);
    }
    if (
      typeof a !== "object" || typeof b !== "object" || a === null || b === null
    ) return false;
    if (a instanceof RegExp && b instanceof RegExp) {
      return String(a) === String(b);
    }
    if (a instanceof URL && b instanceof URL) return a.href === b.href;
    if (a instanceof Date && b instanceof Date) {
      return equalNumbers(a.getTime(), b.getTime());
    }
    if (!sameClass(a, b)) return false;
    if (a instanceof WeakMap || a instanceof WeakSet) {
      throw new TypeError(
        `Cannot compare ${a.constructor.name} instances: their entries cannot be listed`,
      );
    }
    if (a instanceof WeakRef && b instanceof WeakRef) {
      return this.equal(a.deref(), b.deref());
    }
    if (isTypedArray(a) && isTypedArray(b)) return equalElements(a, b);
    if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) {
      return equalElements(new Uint8Array(a), new Uint8Array(b));
    }
    const assumed = this.#assumed.get(a);
    if (assumed?.has(b)) return true;
    if (assumed) assumed.add(b);
    else this.#assumed.set(a, new Set([b]));
    const result = this.#equalContents(a, b);
    // A pair that turned out to differ must not count as equal the next time.
    if (!result) this.#assumed.get(a)?.delete(b);
    return result;
  }

  #equalContents(a: object, b: object): boolean {
    if (a instanceof Set && b instanceof Set) {
      if (
        !this.#equalEntries(
          [...a].map((key) => [key, null]),
          [...b].map((key) => [key, null]),
        )
      ) return false;
    } else if (a instanceof Map && b instanceof Map) {
      if (!this.#equalEntries([...a], [...b])) return false;
    } else if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) {
      return false;
    }
    const keys = keysOf(a);
    if (keys.length !== keysOf(b).length) return false;
    return keys.every((key) =>
      Object.hasOwn(b, key) &&
      this.equal(Reflect.get(a, key) as unknown, Reflect.get(b, key) as unknown)
    );
  }

  /** Whether the entries are equal in some order: each is paired with exactly one of the other side. */
  #equalEntries(a: [unknown, unknown][], b: [unknown, unknown][]): boolean {
    if (a.length !== b.length) return false;
    const primitive = new Map<unknown, unknown>();
    const objects: [unknown, unknown][] = [];
    for (const [key, value] of b) {
      if (typeof key === "object" && key !== null) objects.push([key, value]);
      else primitive.set(key, value);
    }
    for (const [key, value] of a) {
      if (typeof key === "object" && key !== null) {
        const match = objects.findIndex(([otherKey, other]) => this.equal(key, otherKey) && this.equal(value, other));
        if (match < 0) return false;
        objects.splice(match, 1);
      } else if (
        !primitive.has(key) || !this.equal(value, primitive.get(key))
      ) return false;
    }
    return true;
  }
}

/**
 * Deep equality, as used by `assertEquals`.
 *
 * Same class, same enumerable own keys, equal values. NaN equals NaN, 0 equals -0. Dates, regular expressions and URLs
 * by their value, `Set` and `Map` in any order, typed arrays and `ArrayBuffer` by their elements, functions by identity.
 * Cycles are allowed.
 *
 * @param a One value.
 * @param b The other.
 * @returns Whether they are deeply equal.
 * @throws {TypeError} When both are `WeakMap` or `WeakSet`, whose entries cannot be listed.
 *
 * @example
 * ```ts
 * import { assert, equal } from "@std/assert";
 * assert(equal(new Map([["a", [NaN]]]), new Map([["a", [NaN]]])));
 * ```
 */
export function equal(a: unknown, b: unknown): boolean {
  return new Comparison().equal(a, b);
}
