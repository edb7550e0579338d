/**
 * Values of every kind that a caller can give by mistake, for property-based tests.
 *
 * @module
 */
import fc from "fast-check";

class Instance {
  readonly field = 1;
}

/** An object whose every property throws when it is read. */
function unreadable(): object {
  const fail = () => {
    throw new TypeError("unreadable");
  };
  return new Proxy({}, { get: fail, ownKeys: fail, has: fail, getOwnPropertyDescriptor: fail, getPrototypeOf: fail });
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const circle: unknown[] = [];
circle.push(circle);

/** Values that reading or showing can fail on, or take long for. */
const special = fc.constantFrom<(() => unknown)[]>(
  unreadable,
  () => revoked({}),
  () => revoked([]),
  () => ({ toString: 1, valueOf: null }),
  () => ({
    get maxTokens() {
      throw new RangeError("no");
    },
  }),
  () => ({
    toJSON() {
      throw new Error("no JSON");
    },
    [Symbol.toPrimitive]: () => ({}),
  }),
  () => circle,
  () => Symbol("symbol"),
  () => (() => {}),
  () => Instance,
  () => new Instance(),
  () => new Map([[1, 2]]),
  () => new Int32Array(100_000),
  () => new Array(2 ** 32 - 1),
  () => Array.from({ length: 100_000 }, () => "x"),
  () => "x".repeat(10_000_000),
  () => 2n ** 100_000n,
  () => new AbortController(),
  () => AbortSignal.abort(),
  () => ({ aborted: false }),
  () => ({ aborted: false, addEventListener: 1 }),
  () => Promise.resolve(1),
  () => new Date(NaN),
  () => Object(1),
  () => Object.create(null),
  () => globalThis,
);

const ordinary = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withSparseArray: true }),
  fc.constantFrom(null, undefined, NaN, Infinity, -Infinity, -0, -1, 0, 1, 2 ** 31, 2 ** 53, 1e308, 5e-324, "", "1"),
  fc.double(),
  fc.string(),
);

/** Values of every kind; each is made anew. */
export const garbage: fc.Arbitrary<{ readonly value: () => unknown }> = fc.oneof(
  { weight: 2, arbitrary: ordinary.map((value) => ({ value: () => value, toString: () => fc.stringify(value) })) },
  { weight: 1, arbitrary: special.map((value) => ({ value, toString: () => String(value) })) },
);

/**
 * Options with values of every kind under names that exist, that are misspelt, or that mean something to objects.
 *
 * @param names The names that exist.
 * @returns Functions that make the options.
 */
export function garbageOptions(names: readonly string[]): fc.Arbitrary<{ readonly value: () => unknown }> {
  const misspelt = fc.constantFrom(...names).map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`));
  const odd = fc.constantFrom("__proto__", "constructor", "toString", "then", "length", "");
  const name = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: misspelt },
    { weight: 1, arbitrary: odd },
  );
  const entries = fc.array(fc.tuple(name, garbage), { maxLength: 3 }).map((members) => ({
    value: () => {
      const options = {};
      for (const [key, { value }] of members) {
        Object.defineProperty(options, key, { value: value(), enumerable: true, configurable: true });
      }
      return options;
    },
    toString: () => members.map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(", "),
  }));
  return fc.oneof({ weight: 4, arbitrary: entries }, { weight: 1, arbitrary: garbage });
}

/** Messages and prompts that look right and fail when they are read, or that have no end. */
const hostilePrompts = fc.constantFrom<(() => unknown)[]>(
  () => [{
    role: "user",
    get content() {
      throw new RangeError("no content");
    },
  }],
  () => [{
    get role() {
      throw null;
    },
  }],
  () => [{
    role: "user",
    get content() {
      throw new Proxy(new Error("a"), {
        get() {
          throw new Error("no message");
        },
      });
    },
  }],
  () => [unreadable()],
  () => [revoked({})],
  () => revoked(new Int32Array(4)),
  () => new Proxy(new Int32Array(4), {}),
  () => new Proxy([1, 2, 3], {}),
  () => [{ role: "user", content: Symbol("content") }],
  () => [{ role: "user", content: () => "text" }],
  () => [Symbol("token"), 5],
  () => [5n, 6],
  () => [[1, 2], [3]],
  () => [{ role: "user", content: circle }],
  () => [{ role: "user", content: bush(40) }],
  () => [{ role: "user", content: nested(100_000) }],
  () => [{ role: "user", content: new Array(2 ** 32 - 1) }],
  () => new Array(2 ** 32 - 1),
  () => Object.assign(new Array(2 ** 32 - 1), { 0: 5 }),
  () => Array.from({ length: 200_000 }, () => ({ role: "user", content: "" })),
  () => new Int32Array(5_000_000).fill(5),
  () => new Int32Array([5, -2147483648]),
  () => [{ role: "user", content: Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [index, index])) }],
  () => [{ role: {}, content: {} }],
  () => [{ role: "user", content: "a", __proto__: { role: 1 } }],
);

/** A list of two references to the same list, of two, and so on: as a tree it has 2^depth leaves. */
function bush(depth: number): unknown {
  return depth === 0 ? 1 : ((below: unknown) => [below, below])(bush(depth - 1));
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

/** Prompts of every kind; each is made anew. */
export const garbagePrompts: fc.Arbitrary<{ readonly value: () => unknown }> = fc.oneof(
  { weight: 1, arbitrary: garbage },
  { weight: 1, arbitrary: hostilePrompts.map((value) => ({ value, toString: () => String(value) })) },
  {
    weight: 1,
    arbitrary: fc.array(fc.record({ role: garbage, content: garbage }, { requiredKeys: [] }), { maxLength: 3 }).map(
      (messages) => ({
        value: () =>
          messages.map(({ role, content }) => ({ role: role?.value() ?? "user", content: content?.value() })),
        toString: () => messages.map(({ role, content }) => `{ role: ${role}, content: ${content} }`).join(", "),
      }),
    ),
  },
);
