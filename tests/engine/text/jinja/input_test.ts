import { test } from "node:test";
import { assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { JinjaTemplate } from "../../../../engine/text/jinja/template.ts";
import { assertUpbeatError } from "../../../support/assert_upbeat_error.ts";

const template = new JinjaTemplate("{{ x|tojson }}");
const render = (x: unknown): string => template.render({ x });

test("render() takes plain data as it is", () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnpairedSurrogate: true } as object), (value) => {
      // JSON has no negative zero, and Python prints large numbers with all digits.
      const plain = JSON.stringify(value).replace(/-0\b(?!\.)/g, "0");
      if (/\d[eE]|\d{16}/.test(plain)) return;
      assertEquals(JSON.parse(render(JSON.parse(plain))), JSON.parse(plain));
    }),
    { seed: 77, numRuns: 300 },
  );
});

test("render() rejects what is not plain data, contains itself, or is too large, and names the variable", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = { cycle };
  class Own {
    readonly value = 1;
  }
  const wrong: [unknown, string][] = [
    [cycle, "nested too deeply"],
    [() => 1, "function"],
    [Symbol("s"), "symbol"],
    [new Own(), "Own"],
    [new Uint8Array(1e7), "Uint8Array"],
    [new Date(), "Date"],
    [new Map(), "Map"],
    [Array.from({ length: 1_000_000 }, () => 1), "larger than"],
    [new Array(4_000_000_000), "larger than"],
    ["x".repeat(40_000_000), "longer than"],
    [Array.from({ length: 50 }, () => "x".repeat(1_000_000)), "longer than"],
  ];
  for (const [value, problem] of wrong) {
    const error = assertUpbeatError(() => render(value), "PROMPT_INVALID", "variable x", problem);
    assertLess(error.message.length, 300);
  }
});
