import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { optionsDocument } from "../../scripts/support/options_document.ts";
import { ROOT } from "../../scripts/support/paths.ts";

test("docs/options.md is up to date; else run `bun scripts/options.ts`", () => {
  assertEquals(readFileSync(join(ROOT, "docs/options.md"), "utf8"), optionsDocument());
});
