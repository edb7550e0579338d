import { test } from "node:test";
import { readFileSync } from "node:fs";
import { assert, assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import { UpbeatError } from "../../../../errors.ts";
import { assertUpbeatError } from "../../../support/assert_upbeat_error.ts";
import { JinjaTemplate } from "../../../../engine/text/jinja/template.ts";

const VARIABLES = {
  s: "Hello World",
  t: "  pad \n",
  n: 3,
  f: 2.5,
  tiny: 0.00001,
  big: 1e22,
  l: [3, 1, 2],
  d: { b: 1, a: { c: [1, "x'y"] } },
  e: [],
  o: [{ name: "x", v: 2 }, { name: "A", v: 1 }, { v: 3 }],
  u: "é\u0001\u2028\"'\u007f",
  nul: null,
  yes: true,
  mixed: ["b", "A", "c"],
};

/** Source, and the output of Jinja 3.1.6 on Python 3. */
const CASES: readonly (readonly [source: string, text: string])[] = [
  [
    "{{ nul }}|{{ yes }}|{{ l }}|{{ d }}|{{ f }}|{{ tiny }}|{{ u }}",
    "None|True|[3, 1, 2]|{'b': 1, 'a': {'c': [1, \"x'y\"]}}|2.5|1e-05|é\u0001\u2028\"'\u007f",
  ],
  ["{{ [u] }}", "['é\\x01\\u2028\"\\'\\x7f']"],
  ["{{ [\"it's\"] }}|{{ ['a\"b\\''] }}|{{ ['\\n'] }}", "[\"it's\"]|['a\"b\\'']|['\\n']"],
  [
    "{{ d|tojson }}|{{ d|tojson(indent=2) }}|{{ u|tojson }}|{{ u|tojson(ensure_ascii=true) }}|{{ d|tojson(separators=(',',':')) }}|{{ d|tojson(sort_keys=true) }}|{{ e|tojson(indent=4) }}|{{ {'a':[]}|tojson(indent=1) }}",
    '{"b": 1, "a": {"c": [1, "x\'y"]}}|{\n  "b": 1,\n  "a": {\n    "c": [\n      1,\n      "x\'y"\n    ]\n  }\n}|"é\\u0001\u2028\\"\'\u007f"|"\\u00e9\\u0001\\u2028\\"\'\\u007f"|{"b":1,"a":{"c":[1,"x\'y"]}}|{"a": {"c": [1, "x\'y"]}, "b": 1}|[]|{\n "a": []\n}',
  ],
  [
    "{{ f|tojson }}|{{ tiny|tojson }}|{{ 1.0|tojson }}|{{ 10000000000000000.0 }}|{{ 123456789.125 }}",
    "2.5|1e-05|1.0|1e+16|123456789.125",
  ],
  ["{{ 'x' ~ 1 ~ none ~ nul ~ yes }}", "x1NoneNoneTrue"],
  [
    "{{ 1 == 1.0 }}|{{ \"1\" == 1 }}|{{ true == 1 }}|{{ [] == [] }}|{{ {'a':1} == {'a':1.0} }}|{{ missing == nul }}|{{ missing == missing2 }}",
    "True|False|True|True|True|False|True",
  ],
  [
    "{{ missing }}|{{ missing|length }}|{{ missing|default('d') }}|{{ ''|default('d') }}|{{ ''|default('d', true) }}|{{ nul|default('d') }}",
    "|0|d||d|None",
  ],
  [
    "{{ d.missing is defined }}|{{ d.a is mapping }}|{{ l is iterable }}|{{ s is iterable }}|{{ d is iterable }}|{{ 3 is iterable }}|{{ l is sequence }}|{{ nul is none }}|{{ true is number }}|{{ true is integer }}|{{ 1.0 is float }}",
    "False|True|True|True|True|False|True|True|True|False|True",
  ],
  [
    "{{ 4 is divisibleby(2) }}|{{ 4 is divisibleby 3 }}|{{ 'a' is in ['a','b'] }}|{{ 'a' is not in ['a'] }}|{{ 3 is eq 3 }}|{{ 3 is odd }}|{{ s is sameas s }}|{{ 'a' is in s }}|{{ not 3 is even }}",
    "True|False|True|False|True|True|True|False|True",
  ],
  [
    '{{ s|upper }}|{{ s|lower }}|{{ s|title }}|{{ "it\'s a tEST-x (foo)"|title }}|{{ "it\'s a tEST"|capitalize }}|{{ "they\'re bill\'s".title() }}',
    "HELLO WORLD|hello world|Hello World|It's A Test-X (Foo)|It's a test|They'Re Bill'S",
  ],
  [
    "{{ t|trim }}|{{ t.strip() }}|{{ t.rstrip() }}|{{ t.lstrip() }}|{{ \"xxaxx\".strip('x') }}|{{ \"\\n\\na\\n\".strip('\\n') }}|{{ \"abcab\"|trim('ab') }}|{{ 5|trim }}|{{ nul|trim }}",
    "pad|pad|  pad|pad \n|a|a|c|5|None",
  ],
  [
    '{{ s.split() }}|{{ "a,b,,c".split(\',\') }}|{{ "a,b,c".split(\',\', 1) }}|{{ " a  b  c ".split(none, 1) }}|{{ "a b c".rsplit(\' \', 1) }}|{{ " a  b  c ".rsplit(None, 1) }}|{{ "</think>a</think>b".split(\'</think>\')[-1] }}',
    "['Hello', 'World']|['a', 'b', '', 'c']|['a', 'b,c']|['a', 'b  c ']|['a b', 'c']|[' a  b', 'c']|b",
  ],
  [
    "{{ s.replace('o','0') }}|{{ s.replace('o','0',1) }}|{{ s|replace('o','0') }}|{{ s|replace('o','0',1) }}|{{ 'ab'.replace('','-') }}|{{ 'ab'.replace('','-',2) }}",
    "Hell0 W0rld|Hell0 World|Hell0 W0rld|Hell0 World|-a-b-|-a-b",
  ],
  [
    "{{ s.startswith('He') }}|{{ s.endswith(('x','ld')) }}|{{ s.find('o') }}|{{ s.find('zz') }}|{{ s.count('o') }}|{{ s.index('W') }}|{{ '12'.isdigit() }}|{{ s.isupper() }}",
    "True|True|4|-1|2|6|True|False",
  ],
  [
    "{{ s[0] }}|{{ s[-1] }}|{{ s[1:3] }}|{{ s[::-1] }}|{{ l[1:] }}|{{ l[::-1] }}|{{ l[-2:] }}|{{ l[:10] }}|{{ l[5] }}|{{ l[5] is defined }}|{{ s[:-3] }}|{{ l[2:0:-1] }}",
    "H|d|el|dlroW olleH|[1, 2]|[2, 1, 3]|[1, 2]|[3, 1, 2]||False|Hello Wo|[2, 1]",
  ],
  [
    "{{ l|sort }}|{{ l|sort(reverse=true) }}|{{ mixed|sort }}|{{ mixed|sort(case_sensitive=true) }}|{{ o|map(attribute='name', default='z')|list }}|{{ mixed|map('upper')|list }}|{{ o|sort(attribute='v')|map(attribute='v')|join(',') }}|{{ l|first }}|{{ l|last }}|{{ e|first }}|{{ l|max }}|{{ l|min }}|{{ l|sum }}|{{ o|sum(attribute='v') }}",
    "[1, 2, 3]|[3, 2, 1]|['A', 'b', 'c']|['A', 'b', 'c']|['x', 'A', 'z']|['B', 'A', 'C']|1,2,3|3|2||3|1|6|6",
  ],
  [
    "{{ o|selectattr('name','defined')|list|length }}|{{ o|selectattr('v','gt',1)|map(attribute='v')|list }}|{{ o|rejectattr('name')|list }}|{{ l|select('odd')|list }}|{{ l|reject('equalto', 1)|list }}|{{ o|selectattr('name','equalto','x')|list }}|{{ l|select|list }}",
    "2|[2, 3]|[{'v': 3}]|[3, 1]|[3, 2]|[{'name': 'x', 'v': 2}]|[3, 1, 2]",
  ],
  [
    "{{ l|join(', ') }}|{{ l|join }}|{{ o|join(',', attribute='v') }}|{{ 'abc'|join('-') }}|{{ [1,none,missing,true]|join('|') }}",
    "3, 1, 2|312|2,1,3|a-b-c|1|None||True",
  ],
  [
    "{{ d.items()|list }}|{{ d|items|list }}|{{ d.keys()|list }}|{{ d.values()|list }}|{{ d|dictsort }}|{{ d.get('zz') }}|{{ d.get('zz', 5) }}|{{ d.get('b') }}|{{ d|length }}|{{ d|list }}",
    "[('b', 1), ('a', {'c': [1, \"x'y\"]})]|[('b', 1), ('a', {'c': [1, \"x'y\"]})]|['b', 'a']|[1, {'c': [1, \"x'y\"]}]|[('a', {'c': [1, \"x'y\"]}), ('b', 1)]|None|5|1|2|['b', 'a']",
  ],
  [
    "{{ '12'|int }}|{{ '12.7'|int }}|{{ 'x'|int }}|{{ 'x'|int(5) }}|{{ 2.9|int }}|{{ -2.9|int }}|{{ '1.5'|float }}|{{ 'x'|float }}|{{ 3|float }}|{{ true|int }}",
    "12|12|0|5|2|-2|1.5|0.0|3.0|1",
  ],
  [
    "{{ 7 // 2 }}|{{ -7 // 2 }}|{{ 7 % 3 }}|{{ -7 % 3 }}|{{ 7 / 2 }}|{{ 4 / 2 }}|{{ 2 ** 3 }}|{{ 2 ** -1 }}|{{ 2.0 * 3 }}|{{ 'ab' * 2 }}|{{ [1] * 2 }}|{{ [1] + [2] }}|{{ -n }}|{{ 1 - 2 }}|{{ n - 1 }}|{{ n -1 }}",
    "3|-4|1|2|3.5|2.0|8|0.5|6.0|abab|[1, 1]|[1, 2]|-3|-1|2|2",
  ],
  [
    "{{ '%s is %d' % ('a', 3) }}|{{ '%s' % s }}|{{ '{} {}'.format(1, 'b') }}|{{ '{0} {x}'.format(1, x=2) }}",
    "a is 3|Hello World|1 b|1 2",
  ],
  ["{{ 2.5|round }}|{{ 3.14159|round(2) }}|{{ 2.1|round(0,'ceil') }}|{{ -3|abs }}", "2.0|3.14|3.0|3"],
  [
    "{{ 'a\\nb\\n\\nc'|indent }}|{{ 'a\\nb'|indent(2) }}|{{ 'a\\nb'|indent(2, true) }}|{{ 'a\\n\\nb'|indent(width=2, blank=true) }}|{{ 'a\\nb'|indent('> ') }}",
    "a\n    b\n\n    c|a\n  b|  a\n  b|a\n  \n  b|a\n> b",
  ],
  [
    "{{ [1,2,1,'a','A']|unique|list }}|{{ l|reverse|list }}|{{ 'abc'|reverse }}|{{ '<a&\"\\'>'|e }}|{{ 'a b/c?é'|urlencode }}|{{ 'a b_c'|wordcount }}",
    "[1, 2, 'a']|[2, 1, 3]|cba|&lt;a&amp;&#34;&#39;&gt;|a%20b/c%3F%C3%A9|2",
  ],
  [
    "{% for x in l %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a','b') }}{{ loop.revindex }},{% endfor %}",
    "1TrueFalse1a3,2FalseFalse32b2,3FalseTrue1a1,",
  ],
  [
    "{% for x in l if x > 1 %}{{ loop.index }}:{{ x }} {% else %}none{% endfor %}|{% for x in e %}{% else %}none{% endfor %}",
    "1:3 2:2 |none",
  ],
  [
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}|{% for k in d %}{{ k }}{% endfor %}|{% for c in 'abc' %}{{ c }}{% endfor %}|{% for x in missing %}{% else %}m{% endfor %}",
    "b=1;a={'c': [1, \"x'y\"]};|ba|abc|m",
  ],
  [
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% else %}e{% endfor %}",
    "32",
  ],
  ["{% for x in [1] %}{% break %}{% else %}e{% endfor %}", "e"],
  ["{% set x = 1 %}{% for i in l %}{{ x }}{% set x = i %}{{ x }} {% endfor %}{{ x }}", "13 11 12 1"],
  ["{% set ns = namespace(a=1) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}", "7"],
  [
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}|{% set q %}block {{ a }}{% endset %}{{ q }}|{% set q2 = 'x' if false %}[{{ q2 }}]",
    "12|block 1|[]",
  ],
  ["{% if n == 3 and not e %}{% set z = 5 %}{% endif %}{{ z }}", "5"],
  ["{% macro m(a, b=2) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, b=3) }}{{ m() }}", "[12][13][2]"],
  ["{% macro m() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}{% for x in l %}{{ m() }}{% endfor %}", "5555"],
  ["{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, z=3) }}", "(1, 2){'z': 3}"],
  ["{% macro w() %}<{{ caller() }}>{% endmacro %}{% call w() %}in{% endcall %}", "<in>"],
  ["{% macro w() %}<{{ caller('q') }}>{% endmacro %}{% call(x) w() %}in{{ x }}{% endcall %}", "<inq>"],
  ["{% filter upper %}abc{{ n }}{% endfilter %}", "ABC3"],
  ["{{ 'a' if n == 3 else 'b' }}|{{ 'a' if n == 4 }}|{{ (n == 3) and 'yes' or 'no' }}|{{ n if n else 1 }}", "a||yes|3"],
  ["{{ s.nothing }}|{{ s.nothing is defined }}", "|False"],
  ["{{ l['x'] }}|{{ d['zz'] }}|{{ nul['x'] }}|{{ nul.x }}", "|||"],
  [
    "{{ 'x' in missing }}|{{ 'x' in d }}|{{ 'b' in d }}|{{ 1 in l }}|{{ 'ell' in s }}|{{ '' in s }}",
    "False|False|True|True|True|True",
  ],
  ["{{ 'a' < 'b' }}|{{ 1 < 2.5 }}|{{ [1,2] < [1,3] }}", "True|True|True"],
  [
    "{{ range(3)|list }}|{{ range(1,7,2)|list }}|{{ range(3,0,-1)|list }}|{{ dict(a=1) }}|{{ dict(a=1)|tojson }}",
    "[0, 1, 2]|[1, 3, 5]|[3, 2, 1]|{'a': 1}|{\"a\": 1}",
  ],
  [
    "{{ missing|upper }}|{{ nul|upper }}|{{ 3|string }}|{{ d|string }}|{{ l|string }}|{{ nul|string }}|{{ true|lower }}",
    "|NONE|3|{'b': 1, 'a': {'c': [1, \"x'y\"]}}|[3, 1, 2]|None|true",
  ],
  [
    '{{ nul|tojson }}|{{ true|tojson }}|{{ "</script>&\'"|tojson }}|{{ (1,2)|tojson }}',
    'null|true|"</script>&\'"|[1, 2]',
  ],
  ["{{ o|map(attribute='name')|list }}", "['x', 'A', Undefined]"],
  ["   {%- if true -%}   a   {%- endif -%}   b", "ab"],
  ["x", "x"],
  ["  y", "  y"],
  ["z", "z"],
  ["{# comment #}", ""],
  ["a {#- c -#} b", "ab"],
  ["{{ 'a' 'b' }}|{{ \"\\u00e9\" }}|{{ 'a\\tb' }}", "ab|é|a\tb"],
  ["{{ {'a': 1, 'b': [1, 2]}.b[1] }}|{{ {'items': 3}.items is callable }}|{{ {'items': 3}['items'] }}", "2|True|3"],
  ["{{ not true }}|{{ not missing }}|{{ 1 and 0 }}|{{ 0 or 'x' }}|{{ '' or nul or 'q' }}", "False|True|0|x|q"],
  ["{{ d.a.c[1] }}|{{ d['a']['c'][0] }}|{{ o[0].name }}|{{ o[-1].v }}|{{ o.0.name }}", "x'y|1|x|3|x"],
  ["{{ loop }}", ""],
  ["{{ \"a\" ~ [1, 'b'] ~ {'c': none} }}", "a[1, 'b']{'c': None}"],
  [
    "{{ 'abc'.upper().lower()[0] }}|{{ 'a-b'.split('-')|first }}|{{ 'A'.isalpha() }}|{{ 'a\\nb\\n'.splitlines() }}|{{ 'ab'.removeprefix('a') }}|{{ 'ab'.zfill(4) }}",
    "a|a|True|['a', 'b']|b|00ab",
  ],
  ["{{ -1 if true else 2 }}|{{ (-1)|abs }}|{{ l[n-2] }}|{{ l[-1] }}|{{ loop is defined }}", "-1|1|1|2|False"],
  ["{{ [1,2,3][n-1] }}{{ messages is defined and messages }}", "3False"],
  ["{%- for m in o %}{{ m.name is defined and m.name is not none }}{% endfor %}", "TrueTrueFalse"],
  ["x\n  {% if true %}\n  y\n  {% endif %}\nz\n", "x\n  y\nz"],
  ["a\n{# c #}\nb", "a\nb"],
  ["{% if true %}\r\nx\r\n{% endif %}\r\n", "x\n"],
  ["  {{ n }}  \n\n", "  3  \n"],
  ["{%- set x -%}\n a \n{%- endset -%}\n{{ x }}", "a"],
  ["<a>\n{% for x in l -%}\n  {{ x }}\n{% endfor %}\n</a>", "<a>\n3\n1\n2\n</a>"],
];

const FAILURES: readonly (readonly [source: string, message: string])[] = [
  ["{{ missing.x }}", "'missing' is undefined"],
  ["{{ missing + 1 }}", "'missing' is undefined"],
  ["{{ d.missing.x }}", "has no attribute 'missing'"],
  ["{{ e[0].x }}", "has no element 0"],
  ["{{ 'x' + 1 }}", "unsupported operand"],
  ["{{ 'x' in nul }}", "not iterable"],
  ["{{ 1 in s }}", "requires string"],
  ["{{ 1 < 'a' }}", "not supported between instances"],
  ["{% for x in nul %}{% endfor %}", "not iterable"],
  ["{{ nul | length }}", "has no len()"],
  ["{{ l.append(1) }}", "unsafe"],
  ["{{ d.update({}) }}", "unsafe"],
  ["{{ s.nothing() }}", "has no attribute 'nothing'"],
  ["{{ missing | tojson }}", "not JSON serializable"],
  ["{{ s | nosuch }}", "No filter named 'nosuch'"],
  ["{{ s is nosuch }}", "No test named 'nosuch'"],
  ["{{ raise_exception('boom') }}", "boom"],
  ["{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "not more than 1"],
  ["{% macro m(a) %}{% endmacro %}{{ m(z=2) }}", "no keyword argument 'z'"],
  ["{% set d.x = 1 %}", "non-namespace"],
  ["{% set a, b = [1] %}", "unpack"],
  ["{{ range(1000000) }}", "Range too big"],
  ["{{ 1 // 0 }}", "division by zero"],
];

/** Uses of what is not supported: errors where Jinja prints something. */
const UNSUPPORTED: readonly string[] = [
  "{{ d.items }}",
  "{{ l|map('upper') }}",
  "{{ '{0.real}'.format(1) }}",
  "{{ '%e' % f }}",
  "{{ '{:g}'.format(f) }}",
  "{{ f ** f }}",
  "{{ 99999999999999999999 }}",
  "{{ 9007199254740991 + 1 }}",
  "{{ s.encode() }}",
  "{{ n.real }}",
  "{{ s.translate({}) }}",
  "{{ l|random }}",
  "{{ s|wordwrap(3) }}",
  "{{ s|urlize }}",
  "{{ d|xmlattr }}",
  "{{ d|pprint }}",
  "{{ lipsum() }}",
  "{{ cycler(1) }}",
  "{{ '%s' |safe % s }}",
  "{{ '\\N{DASH}' }}",
  "{{ '&copy;'|striptags }}",
  "{{ {1.5: 2} }}",
];

/** Generated templates with the output of Jinja 3.1.6, set up as in transformers: expressions and blocks, scopes, tokens. */
interface Goldens {
  readonly groups: readonly {
    readonly variables: Record<string, unknown>;
    /** The output is null where Jinja raises. */
    readonly cases: readonly (readonly [source: string, output: string | null])[];
  }[];
}

test("render() produces Jinja's output for generated templates, and fails where Jinja fails", () => {
  const file = new URL("../../../goldens/jinja_templates.json", import.meta.url);
  for (const { variables, cases } of (JSON.parse(readFileSync(file, "utf8")) as Goldens).groups) {
    let unsupported = 0;
    for (const [source, output] of cases) {
      let text: string | null = null;
      try {
        text = new JinjaTemplate(source).render(variables);
      } catch (error) {
        assertInstanceOf(error, UpbeatError, source);
        if (output !== null) unsupported++;
        continue;
      }
      assertEquals(text, output, source);
    }
    assert(unsupported < cases.length / 50, `${unsupported} of ${cases.length} are not supported`);
  }
});

test("render() fails where a template uses what is not supported", () => {
  for (const source of UNSUPPORTED) {
    assertUpbeatError(() => new JinjaTemplate(source).render(VARIABLES), "CHAT_TEMPLATE_INVALID", "support");
  }
});

test("render() produces Jinja's output", () => {
  for (const [source, text] of CASES) assertEquals(new JinjaTemplate(source).render(VARIABLES), text, source);
});

test("render() fails where Jinja fails, with the reason", () => {
  for (const [source, message] of FAILURES) {
    const error = assertThrows(() => new JinjaTemplate(source).render(VARIABLES), UpbeatError);
    assertEquals(error.code, "CHAT_TEMPLATE_INVALID");
    assertStringIncludes(error.message, message);
  }
});
