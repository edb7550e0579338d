import { test } from "node:test";
import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { UpbeatError } from "../../../../../errors.ts";
import { JinjaTemplate } from "../../../../../engine/text/jinja/template.ts";
import { assertUpbeatError } from "../../../../support/assert_upbeat_error.ts";

const times = (text: string, count: number): string => text.repeat(count);

/** Templates that are too long, too deep, or read again and again by a careless parser. */
const HOSTILE: readonly string[] = [
  ...["(", "[", "{", "-", "not ", "{'a':", "x[", "x(", "1 if x else "].map((open) => `{{ ${times(open, 50_000)}`),
  ...["(1)", "[[1]]", ".a", "[0]", "()", "|e", " is defined", "+1", "~1", " or 1", " if 1"]
    .map((part) => `{{ x${times(part, 40_000)} }}`),
  ...[
    "{% if 1 %}",
    "{% for a in b %}",
    "{% macro m() %}",
    "{% set a %}",
    "{% raw %}",
    "{% filter e %}",
    "{% call m() %}",
  ]
    .map((tag) => times(tag, 20_000)),
  `{% if 0 %}${times("{% elif 0 %}", 20_000)}{% endif %}`,
  ...["{#", "{%", "{{", "{", "{% raw", "'", "\\", "\n{%- ", " ", "{{'", "{{a}}", "{% set a = 1 %}", "1_", "\r"]
    .flatMap((part) => [times(part, 100_000), `{{ ${times(part, 60_000)}`, times(part, 5_000)]),
  `{{ '${times("\\x", 60_000)}' }}`,
  `{{ ${times("9", 200_000)} }}`,
];

test("JinjaTemplate() rejects or parses templates of any length and depth in a bounded time", () => {
  for (const source of HOSTILE) {
    const start = performance.now();
    try {
      new JinjaTemplate(source);
    } catch (error) {
      assert(error instanceof UpbeatError, `${source.slice(0, 60)}: ${error}`);
      assertLess(error.message.length, 700);
    }
    assertLess(performance.now() - start, 1500, source.slice(0, 60));
  }
});

test("JinjaTemplate() says what is too much", () => {
  assertUpbeatError(() => new JinjaTemplate(times("x", 300_000)), "CHAT_TEMPLATE_INVALID", "300000 characters");
  assertUpbeatError(() => new JinjaTemplate(times("{{ a }}", 9_000)), "CHAT_TEMPLATE_INVALID", "more than", "tokens");
  assertUpbeatError(() => new JinjaTemplate(`{{ ${times("(", 900)}`), "CHAT_TEMPLATE_INVALID", "nests", "line 1");
});

test("JinjaTemplate() throws only typed errors, whatever the tokens", () => {
  const piece = fc.constantFrom(
    ...[
      "{{",
      "}}",
      "{%",
      "%}",
      "{#",
      "#}",
      "-",
      "+",
      " ",
      "\n",
      "x",
      "'a'",
      '"',
      "1",
      "1e5",
      ".",
      "|",
      ",",
      ":",
      "=",
      "(",
      ")",
    ],
    ...[
      "[",
      "]",
      "{",
      "}",
      "~",
      "if",
      "else",
      "elif",
      "endif",
      "for",
      "in",
      "endfor",
      "set",
      "endset",
      "is",
      "not",
      "defined",
    ],
    ...[
      "macro m(a)",
      "endmacro",
      "call m()",
      "endcall",
      "filter upper",
      "endfilter",
      "raw",
      "endraw",
      "with",
      "endwith",
    ],
    ...[
      "loop",
      "recursive",
      "break",
      "continue",
      "*",
      "**",
      "%",
      "//",
      "<",
      "==",
      "and",
      "or",
      "\\",
      "é",
      "\u0000",
      "_x",
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, isTag) => {
      const source = isTag ? `{% ${pieces.join(" ")} %}` : pieces.join("");
      try {
        new JinjaTemplate(source).render({ x: [1, { a: "b" }] });
      } catch (error) {
        assert(error instanceof UpbeatError, `${JSON.stringify(source)}: ${(error as Error).stack}`);
      }
    }),
    { seed: 4242, numRuns: 3000 },
  );
});

test("JinjaTemplate() rejects tags and names that it does not support", () => {
  for (
    const tag of ["block b", "extends 'x'", "include 'x'", "import 'x' as y", "autoescape true", "trans", "nosuch"]
  ) {
    assertUpbeatError(() => new JinjaTemplate(`{% ${tag} %}`), "CHAT_TEMPLATE_INVALID", tag.split(" ")[0] as string);
  }
  assertUpbeatError(() => new JinjaTemplate("{{ x|nosuch }}"), "CHAT_TEMPLATE_INVALID", "No filter named 'nosuch'");
  assertUpbeatError(() => new JinjaTemplate("{{ x is nosuch }}"), "CHAT_TEMPLATE_INVALID", "No test named 'nosuch'");
  // In a condition, it is the run that fails.
  assertEquals(new JinjaTemplate("{% if false %}{{ x|nosuch }}{% endif %}").render({}), "");
});
