import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { strftime } from "../../../../../engine/text/jinja/python/strftime.ts";
import { JinjaTemplate } from "../../../../../engine/text/jinja/template.ts";

test("strftime() formats as Python does in the C locale", () => {
  const date = new Date(2024, 6, 4, 15, 5, 9);
  assertEquals(
    strftime(date, "%d %b %Y|%B|%A %a|%H:%M:%S|%I %p|%j|%-d/%-m|%y|%F|%%|%e"),
    "04 Jul 2024|July|Thursday Thu|15:05:09|03 PM|186|4/7|24|2024-07-04|%| 4",
  );
  assertEquals(new JinjaTemplate("{{ strftime_now('%Y') }}").render({}, { now: date }), "2024");
});
