import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { emulateAtomic } from "../../../../engine/text/patterns/patterns.ts";

test("emulateAtomic() prevents backtracking into possessive quantifiers and atomic groups", () => {
  const compiled = (source: string): RegExp => new RegExp(`^(?:${emulateAtomic(source)})$`, "u");
  assertEquals(compiled("a++b").test("aaab"), true);
  assertEquals(compiled("a++ab").test("aaab"), false);
  assertEquals(compiled("[ab]?+a").test("a"), false);
  assertEquals(compiled("(?>a|ab)c").test("abc"), false);
  assertEquals(compiled("(?>ab|a)c").test("abc"), true);
  assertEquals(compiled("(x(?>a*+b)++)c").test("xaabbc"), true);
  assertEquals(emulateAtomic("\\p{L}+|\\s+(?!\\S)"), "\\p{L}+|\\s+(?!\\S)");
});
