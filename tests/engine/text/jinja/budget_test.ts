import { test } from "node:test";
import process from "node:process";
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UpbeatError } from "../../../../errors.ts";
import { Budget } from "../../../../engine/text/jinja/budget.ts";
import { BudgetExceeded } from "../../../../engine/text/jinja/errors.ts";
import { JinjaTemplate } from "../../../../engine/text/jinja/template.ts";

const SEED = 1913;
const MESSAGES = [{ role: "user", content: "Hi" }];
/** Milliseconds; on an idle machine each takes less than 50. */
const LIMIT = 1500;

/** Renders or fails with a typed error, in a bounded time. */
function outcome(source: string): string {
  const start = performance.now();
  try {
    return new JinjaTemplate(source).render({ messages: MESSAGES });
  } catch (error) {
    assert(error instanceof UpbeatError, `${source.slice(0, 200)}: ${error}`);
    assertEquals(error.code, "CHAT_TEMPLATE_INVALID");
    assertLess(error.message.length, 700);
    return error.message;
  } finally {
    assertLess(performance.now() - start, LIMIT, source.slice(0, 200));
  }
}

/** A loop that grows a value by an expression of it, `v.x`. */
const grow = (start: string, expression: string, times = 70): string =>
  `{% set v = namespace(x=${start}) %}{% for i in range(${times}) %}{% set v.x = ${expression} %}{% endfor %}{{ v.x|string|length }}`;

const loop = (body: string): string => `{% for i in range(90000) %}${body}{% endfor %}`;

/** Templates that would take minutes or gigabytes. */
const HOSTILE: readonly string[] = [
  loop(loop("{% if i %}{% endif %}")),
  loop("{% set q = range(90000)|list %}"),
  loop("{% set q = i in range(90000) %}"),
  loop(`{{ [${"1,".repeat(2000)}]|length }}`),
  loop(`{{ ${"0 or ".repeat(900)}0 }}`),
  loop(`{{ 1${" < 2".repeat(900)} }}`),
  loop(`{% set q %}${"x".repeat(3000)}{% endset %}`),
  `{% set s = 'y' * 900000 %}${loop("{% if s ~ i == s ~ 'z' %}{% endif %}")}`,
  `{% set s = 'y' * 900000 %}${loop("{% if {}.get(s ~ i) %}{% endif %}")}`,
  `{% set s = 'y' * 900000 %}${loop("{{ loop.changed(s ~ 'z') }}")}`,
  `{% set s = '👍' * 90000 %}${loop("{{ s[i] }}{{ s[i:i + 1] }}{{ s|length }}")}`,
  `{% set s = '👍' * 90000 %}${loop("{{ s.find('x', i) }}")}`,
  "{% set s = 'a' * 900000 %}{% set p = 'b' + 'a' * 90000 %}{{ p in s }}{{ s.rfind(p) }}{{ s.replace(p, '') }}",
  "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
  "{% macro f(n) %}{% if n %}{{ f(n - 1) ~ f(n - 1) }}{% endif %}{% endmacro %}{{ f(50) }}",
  "{% macro f() %}{{ caller() }}{% call f() %}{{ f() }}{% endcall %}{% endmacro %}{% call f() %}x{% endcall %}",
  "{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}",
  ...["v.x + v.x", "v.x ~ v.x", "[v.x, v.x]", "v.x * 9", "v.x|replace('a', 'aaaa')", "v.x.replace('', v.x)"]
    .map((expression) => grow("'a'", expression)),
  ...["[v.x]|string", "v.x|tojson", "v.x|urlencode", "v.x|string|forceescape", "v.x|e|string|e"]
    .map((expression) => grow(`'"<%'`, expression)),
  ...["v.x + v.x", "v.x * 2", "v.x|batch(1)|list + v.x", "[v.x] * 3", "(v.x, v.x)"]
    .map((expression) => grow("[1]", expression)),
  grow("{}", "{'a': v.x}", 80_000),
  grow("{}", "dict(v.x, **{i|string: i})", 80_000),
  grow("[]", "[v.x]", 80_000),
  "{% set v = namespace() %}{% set v.x = v %}{{ v }}",
  ...["ljust", "rjust", "center", "zfill", "expandtabs"].map((name) => `{{ '\\t'.${name}(1900000000)|length }}`),
  ...["'%1900000000d' % 3", "'%.1900000000f' % 3", "'{:1900000000}'.format(3)", "('{0}' * 9000).format('x' * 90000)"]
    .map((expression) => `{{ ${expression} }}`),
  ...["indent(1900000000)", "center(1900000000)", "tojson(indent=1900000000)", "batch(1900000000, 1)|list"]
    .map((filter) => `{{ messages|string|list|${filter} }}{{ messages|${filter} }}{{ 'a\\nb'|${filter} }}`),
  "{{ [1]|slice(1900000000, 1)|list }}",
  "{{ ('x\\n' * 90000)|indent('y' * 90000) }}",
  "{{ range(90000)|join('x' * 90000) }}{{ ('x' * 90000).join('y' * 90000) }}",
  "{{ (range(90000)|list * 9)|unique|list|length }}{{ (['x' * 90000] * 900)|sort }}{{ (messages * 90000)|groupby('role') }}",
  "{{ ('a' * 3000000).split('a')|length }}{{ ('a ' * 3000000).split()|length }}{{ ('\\n' * 3000000).splitlines()|length }}",
  "{{ ('aB ' * 900000)|title|length }}{{ ('aB' * 900000).swapcase()|length }}{{ ('<a>' * 900000)|striptags|length }}",
  "{{ ('%(' * 900000) % {} }}",
  "{{ ('{' * 900000).format(1) }}",
  "{{ 9 ** 9 ** 9 ** 9 }}{{ ('9' * 900000)|int }}{{ ('9_' * 900000)|float }}",
  "{{ strftime_now('%c' * 900000) }}",
  "{{ raise_exception('x' * 3000000) }}",
  "{{ messages['x' * 3000000].y }}",
];

test("render() ends in a bounded time when a template repeats, grows or nests without end", () => {
  for (const source of HOSTILE) outcome(source);
});

test("render() of what grows has bounded memory", () => {
  outcome(grow("'a'", "v.x + v.x"));
  const before = process.memoryUsage().rss;
  for (const source of HOSTILE) outcome(source);
  assertLess(process.memoryUsage().rss - before, 500e6);
});

test("render() of random programs of loops and growing values ends in a bounded time, with text or a typed error", () => {
  const value = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthSize: "small" },
      fc.constantFrom("v.x", "'ab'", "[1, 'x']", "messages", "range(90000)", "i", "90000", "{'k': v.x}", "'👍<%\\n'"),
      fc.tuple(tie("value"), fc.constantFrom("+", "~", "*", "%", "in", "=="), tie("value")).map(([a, op, b]) =>
        `(${a} ${op} ${b})`
      ),
      fc.tuple(
        tie("value"),
        fc.constantFrom(
          ...["string", "tojson(indent=900)", "list", "join('xyz' * 900)", "indent(90000)", "batch(9000, 1)|list"],
          ...[
            "replace('a', v.x|string)",
            "unique|list",
            "sort",
            "e|string",
            "map('string')|list",
            "upper",
            "reverse|list",
          ],
          ...["urlencode", "center(90000)", "format(v.x)", "title", "striptags", "wordcount", "groupby(0)"],
        ),
      ).map(([a, filter]) => `(${a}|${filter})`),
      fc.tuple(
        tie("value"),
        fc.constantFrom("split()", "ljust(90000)", "join(v.x)", "replace('', 'xy')", "expandtabs(900)", "format(v.x)"),
      ).map(([a, method]) => `((${a}|string).${method})`),
      fc.tuple(tie("value"), tie("value")).map(([a, b]) => `[${a}, ${b}]`),
    ),
  })).value;
  const program = fc.tuple(value, value, value, fc.constantFrom(3, 60, 90_000)).map(([start, next, last, times]) =>
    `{% set v = namespace(x='a') %}{% set i = 2 %}{% set v.x = ${start} %}` +
    `{% for i in range(${times}) %}{% set v.x = ${next} %}{% endfor %}{{ ${last} }}`
  );
  fc.assert(fc.property(program, (source) => void outcome(source)), { seed: SEED, numRuns: 150 });
});

test("render() allows more when the conversation is longer", () => {
  const source = "{% for a in messages %}{% for b in messages %}{{ a.role == b.role }}{% endfor %}{% endfor %}";
  const template = new JinjaTemplate(source);
  const messages = Array.from({ length: 400 }, (_, index) => ({ role: "user", content: `${index}` }));
  assertEquals(template.render({ messages }), "True".repeat(messages.length ** 2));
});

test("Budget.step() and Budget.text() throw when nothing is left, also for a number that is none", () => {
  assertThrows(() => new Budget().step(1e9), BudgetExceeded);
  assertThrows(() => new Budget().text(1e10), BudgetExceeded);
  assertThrows(() => new Budget().step(NaN), BudgetExceeded);
  assertThrows(() => new Budget(true).step(50_000), BudgetExceeded);
  new Budget().step(50_000);
});
