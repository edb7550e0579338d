import { test } from "node:test";
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
  unreachable,
} from "@std/assert";

/** The message of the assertion that `run` fails; it uses no assertion that could hide a failure. */
function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof AssertionError) return error.message;
    throw error;
  }
  throw new TypeError("the assertion passed but should fail");
}

test("assert() and assertFalse() follow truthiness", () => {
  assert(1);
  assertFalse("");
  if (failure(() => assert(0, "zero")) !== "zero") {
    throw new TypeError("assert: wrong message");
  }
  if (failure(() => assertFalse("x", "text")) !== "text") {
    throw new TypeError("assertFalse: wrong message");
  }
});

test("equal() compares values deeply", () => {
  const pairs: [unknown, unknown, boolean][] = [
    [0, -0, true],
    [[0], [-0], true],
    [NaN, NaN, true],
    [1, 1n, false],
    [1, "1", false],
    [null, undefined, false],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
    [{ a: undefined }, {}, false],
    [{ a: undefined, b: 1 }, { b: 1, c: undefined }, false],
    [Object.create(null), {}, true],
    [[1, [2, 3]], [1, [2, 3]], true],
    [[1, 2, 3], [1, 2], false],
    [new Array(2), [undefined, undefined], false],
    [{ [Symbol.for("k")]: 1 }, { [Symbol.for("k")]: 1 }, true],
    [{ [Symbol.for("k")]: 1 }, { [Symbol.for("k")]: 2 }, false],
    [/a/g, /a/g, true],
    [/a/g, /a/, false],
    [new URL("http://a/b"), new URL("http://a/b"), true],
    [new Date(5), new Date(5), true],
    [new Date(5), new Date(6), false],
    [new Date(NaN), new Date(NaN), true],
    [new Date(NaN), new Date(5), false],
    [new Set([1, 2]), new Set([2, 1]), true],
    [new Set([1, 2]), new Set([1, 3]), false],
    [new Set([[1], [2]]), new Set([[2], [1]]), true],
    [new Set([[1], [1]]), new Set([[1], [2]]), false],
    [new Map([["a", { x: 1 }]]), new Map([["a", { x: 1 }]]), true],
    [new Map([["a", 1]]), new Map([["b", 1]]), false],
    [new Map([["a", undefined]]), new Map([["b", undefined]]), false],
    [new Map([[{ x: 1 }, true]]), new Map([[{ x: 1 }, true]]), true],
    [new Map([[{ x: 1 }, true]]), new Map([[{ x: 1 }, false]]), false],
    [new Float32Array([1, NaN, 0]), new Float32Array([1, NaN, -0]), true],
    [new Float32Array([1, 2]), new Float32Array([1, 3]), false],
    [new Float32Array([1, 2]), new Float32Array([1]), false],
    [new Float32Array([1]), new Float64Array([1]), false],
    [new BigInt64Array([1n]), new BigInt64Array([1n]), true],
    [new BigInt64Array([1n]), new BigInt64Array([2n]), false],
    [new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2]).buffer, true],
    [new Uint8Array([1, 2]).buffer, new Uint8Array([1, 3]).buffer, false],
    [[1], new Set([1]), false],
    [new (class A {})(), new (class B {})(), false],
  ];
  for (const [a, b, expected] of pairs) {
    assertStrictEquals(equal(a, b), expected);
    assertStrictEquals(equal(b, a), expected);
  }
  assertThrows(() => equal(new WeakMap(), new WeakMap()), TypeError);
});

test("equal() terminates on cycles", () => {
  const make = (tail: number) => {
    const node: { next?: unknown; tail: number } = { tail };
    node.next = { inner: node };
    return node;
  };
  assert(equal(make(1), make(1)));
  assertFalse(equal(make(1), make(2)));
});

test("assertEquals() shows the differing lines", () => {
  assertEquals({ a: [1, 2] }, { a: [1, 2] });
  const message = failure(() => assertEquals({ a: 1, b: "x" }, { b: "y", a: 1 }, "fields"));
  assertStringIncludes(message, "fields");
  assertStringIncludes(message, '-     b: "x",\n+     b: "y",');
  const text = failure(() => assertEquals("one\ntwo", "one\nthree"));
  assertStringIncludes(text, "-   two\n+   three");
  const rows = failure(() => assertEquals(new Float32Array(64), new Float32Array(64).fill(1, 63)));
  assertStringIncludes(rows, "0, 0, 0, 0, 0, 0, 0, 1");
  assertLess(rows.length, 600);
});

test("assertNotEquals(), assertStrictEquals() and assertNotStrictEquals() distinguish identity from equality", () => {
  const value = { a: 1 };
  assertNotEquals({ a: 1 }, { a: 2 });
  failure(() => assertNotEquals({ a: 1 }, { a: 1 }));
  assertStrictEquals(value, value);
  assertStringIncludes(
    failure(() => assertStrictEquals(value, { a: 1 })),
    "same reference",
  );
  failure(() => assertStrictEquals(0, -0));
  assertNotStrictEquals(value, { a: 1 });
  failure(() => assertNotStrictEquals(value, value));
});

test("assertAlmostEquals() uses a relative tolerance when none is given", () => {
  assertAlmostEquals(0.1 + 0.2, 0.3);
  assertAlmostEquals(1.00000001, 1);
  assertAlmostEquals(5, 5.5, 0.5);
  assertAlmostEquals(NaN, NaN);
  assertAlmostEquals(Infinity, Infinity);
  for (
    const [a, b, tolerance] of [[1.000001, 1, undefined], [5, 5.6, 0.5], [
      NaN,
      1,
      1,
    ], [1, NaN, 1]] as const
  ) {
    assertStringIncludes(
      failure(() => assertAlmostEquals(a, b, tolerance, "why")),
      "why",
    );
  }
});

test("order assertions compare and name both sides", () => {
  assertGreater(2, 1);
  assertGreaterOrEqual(2, 2);
  assertLess("a", "b");
  assertLessOrEqual(1n, 1n);
  assertStringIncludes(failure(() => assertGreater(1, 1)), "1 > 1");
  assertStringIncludes(failure(() => assertGreaterOrEqual(1, 2)), "1 >= 2");
  assertStringIncludes(failure(() => assertLess(2, 2)), "2 < 2");
  assertStringIncludes(failure(() => assertLessOrEqual(NaN, 2)), "NaN <= 2");
});

test("content assertions name what is missing", () => {
  assertStringIncludes("abc", "b");
  failure(() => assertStringIncludes("abc", "d"));
  assertMatch("abc", /b/);
  failure(() => assertMatch("abc", /d/));
  assertNotMatch("abc", /d/);
  failure(() => assertNotMatch("abc", /b/));
  assertArrayIncludes([1, { a: 2 }, NaN], [{ a: 2 }, NaN]);
  assertStringIncludes(
    failure(() => assertArrayIncludes([1], [1, 7])),
    "missing: [\n  7,\n]",
  );
  assertExists(0);
  failure(() => assertExists(null));
  failure(() => assertExists(undefined));
  assertInstanceOf(new RangeError(""), Error);
  assertStringIncludes(failure(() => assertInstanceOf(1, Error)), '"number"');
  assertStringIncludes(
    failure(() => assertInstanceOf(new Map(), Error)),
    '"Map"',
  );
  assertObjectMatch({ a: 1, b: { c: [1, { d: 2, e: 3 }] } }, {
    b: { c: [1, { d: 2 }] },
  });
  failure(() => assertObjectMatch({ a: 1 }, { b: undefined }));
  failure(() => assertObjectMatch({ a: [1, 2] }, { a: [1] }));
  failure(() => assertObjectMatch({ a: { b: 1 } }, { a: { b: 2 } }));
});

test("assertThrows() checks class and message and returns the error", () => {
  const thrown = new RangeError("too long: 5");
  const error = assertThrows(
    () => {
      throw thrown;
    },
    RangeError,
    "too long",
  );
  assertStrictEquals(error, thrown);
  assertStrictEquals(
    assertThrows(() => {
      throw "text";
    }),
    "text",
  );
  const rethrow = () => {
    throw thrown;
  };
  assertStringIncludes(
    failure(() => assertThrows(() => 1, "reason")),
    "Expected function to throw: reason",
  );
  assertStringIncludes(
    failure(() => assertThrows(() => 1, Error, "part", "reason")),
    "reason",
  );
  assertStringIncludes(
    failure(() => assertThrows(rethrow, TypeError)),
    'instance of "TypeError", but was "RangeError"',
  );
  assertStringIncludes(
    failure(() => assertThrows(rethrow, RangeError, "short")),
    "too long: 5",
  );
  const throwText = () => {
    throw "text";
  };
  assertStringIncludes(
    failure(() => assertThrows(throwText, Error)),
    "non-Error",
  );
});

test("assertRejects() checks class and message and returns the error", async () => {
  const reason = new RangeError("too long: 5");
  assertStrictEquals(
    await assertRejects(() => Promise.reject(reason), RangeError, "too long"),
    reason,
  );
  assertStrictEquals(await assertRejects(() => Promise.reject(3)), 3);
  await assertRejects(
    () => assertRejects(() => Promise.resolve(1)),
    AssertionError,
    "Expected function to reject",
  );
  await assertRejects(
    () => assertRejects(() => Promise.reject(reason), TypeError),
    AssertionError,
    "RangeError",
  );
  await assertRejects(
    () => assertRejects(() => Promise.reject(reason), Error, "short"),
    AssertionError,
    "too long: 5",
  );
  const throws = () => {
    throw reason;
  };
  await assertRejects(
    () => assertRejects(throws),
    AssertionError,
    "Function throws when expected to reject",
  );
});

test("fail() and unreachable() always throw", () => {
  assertStringIncludes(failure(() => fail("here")), "here");
  assertStringIncludes(failure(() => unreachable("there")), "there");
});
