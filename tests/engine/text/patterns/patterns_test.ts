import { test } from "node:test";
import { assertEquals, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UpbeatError } from "../../../../errors.ts";
import { BoundedPattern } from "../../../../engine/text/patterns/bounded_pattern.ts";
import { isLinear } from "../../../../engine/text/patterns/pattern_cost.ts";
import { compileProgram } from "../../../../engine/text/patterns/pattern_program.ts";
import { parsePattern } from "../../../../engine/text/patterns/pattern_syntax.ts";
import {
  compilePattern,
  emulateAtomic,
  NativePattern,
  type Pattern,
} from "../../../../engine/text/patterns/patterns.ts";

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

/** Pre-tokenizer patterns of public models. */
const PUBLIC = [
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
  "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  " ?[^(\\s|[.,!?…。，、।۔،])]+",
  "[0-9][0-9][0-9]",
  "\\p{N}{1,3}",
  "[一-龥぀-ゟ゠-ヿ]+",
  "\\d{3}",
  " {2,}",
  "\\n+",
];

test("compilePattern() runs the patterns of public models natively", () => {
  for (const Regex of PUBLIC) assertEquals(compilePattern({ Regex }, "p") instanceof NativePattern, true, Regex);
});

/** Patterns that JavaScript's engines need exponential, cubic or quadratic time for. */
const HOSTILE = [
  "(?:.|.)*\\x00",
  "(a+)+$",
  "(a|aa)+$",
  "(?:a*)*b",
  "a*a*a*b",
  "(?=(a+)+b)a",
  "(?<=(a+)+)b",
  "a{0,500}a{0,500}b",
  "\\s*x|.",
  "a+b|.",
  "(?:a?){60}a{60}b",
  "([a-z]+)*\\d",
];

test("compilePattern() ends a pattern that backtracks without end, and quotes little of it", () => {
  const text = "a ".repeat(20) + "a".repeat(8_000) + " ".repeat(8_000);
  for (const Regex of HOSTILE) {
    const pattern = compilePattern({ Regex }, "pre_tokenizer.pattern")!;
    assertEquals(pattern instanceof BoundedPattern, true, Regex);
    const start = performance.now();
    try {
      pattern.forEachMatch(text, () => {});
    } catch (error) {
      assertEquals((error as UpbeatError).code, "TOKENIZER_INVALID");
      assertStringIncludes((error as UpbeatError).message, "pre_tokenizer.pattern");
    }
    assertLess(performance.now() - start, 2_000, Regex);
  }
});

test("compilePattern() refuses patterns that are too long, or longer when they are unrolled", () => {
  for (const Regex of ["(?>a++)".repeat(50_000), "a".repeat(10_000_000), "((a{1000}){1000}){1000}x*y"]) {
    const error = assertThrows(() => compilePattern({ Regex }, "p"), UpbeatError);
    assertEquals(error.code, "TOKENIZER_INVALID");
    assertLess(error.message.length, 1_000);
  }
});

/** Regular expressions of all that is supported, with few letters so that they match. */
const sources = fc.letrec<{ part: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\p{L}", "\\s", "😀", "^", "$"),
    tie("part").map((part) => `(?:${part})`),
    tie("part").map((part) => `(${part})`),
    fc.tuple(fc.constantFrom("=", "!", "<=", "<!"), tie("part")).map(([kind, part]) => `(?${kind}${part})`),
  ),
  part: fc.oneof(
    { maxDepth: 3 },
    tie("atom"),
    fc.tuple(tie("atom"), fc.constantFrom("*", "+", "?", "*?", "+?", "{1,2}", "{2}", "{1,}")).map((
      [atom, quantifier],
    ) => /^[\^$]|^\(\?(?:=|!|<)/.test(atom) ? atom : atom + quantifier),
    fc.tuple(tie("part"), tie("part")).map(([left, right]) => left + right),
    fc.tuple(tie("part"), tie("part")).map(([left, right]) => `${left}|${right}`),
  ),
})).part;

const texts = fc.string({ unit: fc.constantFrom("a", "b", " ", "😀", "1"), maxLength: 12 });

/** All matches as text. */
function matchesOf(pattern: Pattern, text: string): string {
  const found: string[] = [];
  pattern.forEachMatch(text, (start, end) => found.push(`${start}-${end}`));
  return found.join(" ");
}

test("BoundedPattern() finds what JavaScript finds, for any pattern and text", () => {
  fc.assert(
    fc.property(sources, texts, (source, text) => {
      const program = compileProgram(parsePattern(source)!)!;
      const exhausted = () => new Error("exhausted");
      const bounded = new BoundedPattern(program, exhausted);
      const expected = matchesOf(new NativePattern(new RegExp(source, "gu")), text).split(" ");
      // V8 also finds empty matches between the two halves of a character.
      const isWhole = (match: string) => !/^[\uDC00-\uDFFF]/.test(text.slice(Number(match.split("-")[0])));
      assertEquals(matchesOf(bounded, text), expected.filter(isWhole).join(" "), source);
    }),
    { seed: 1313, numRuns: 5_000 },
  );
});

test("isLinear() is true only for patterns whose steps grow with the text", () => {
  fc.assert(
    fc.property(sources, fc.constantFrom("a", "b", " ", "ab", "a ", "1"), (source, unit) => {
      const node = parsePattern(source)!;
      if (!isLinear(node)) return;
      // The bounded engine's steps are in proportion to the text; a pattern that takes more throws.
      const program = compileProgram(node)!;
      const pattern = new BoundedPattern(program, () => new Error(`${source} is not linear`));
      pattern.forEachMatch(unit.repeat(1_000), () => {});
      pattern.forEachMatch(unit.repeat(1_000) + "c", () => {});
    }),
    { seed: 77, numRuns: 600 },
  );
});
