import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { FILE_KINDS, parseJsonObject, readTextFile, readTextFileSync } from "../../../engine/files/text_file.ts";
import { UpbeatError } from "../../../errors.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { damageText, randomFrom } from "../../support/damage.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

const KIND = FILE_KINDS.config;

function withText(content: string | Uint8Array, use: (path: string) => unknown): Promise<void> {
  return withTemporaryFolder(async (folder) => {
    const path = join(folder, "config.json");
    writeFileSync(path, content);
    await use(path);
  });
}

test("readTextFile() reads UTF-8 without a byte order mark", async () => {
  await withText("\uFEFF{}", async (path) => {
    assertEquals(readTextFileSync(path, KIND), "{}");
    assertEquals(await readTextFile(path, KIND), "{}");
  });
});

const FOREIGN: readonly (readonly [string, string | Uint8Array, string])[] = [
  ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"],
  ["UTF-16", Buffer.from("\uFEFF{}", "utf16le"), "not valid UTF-8"],
  ["a ZIP archive", Uint8Array.of(0x50, 0x4b, 3, 4, 255), "ZIP archive"],
  ["compressed text", Uint8Array.of(0x1f, 0x8b, 8, 0, 255), "gzip"],
];
for (const [name, content, part] of FOREIGN) {
  test(`readTextFile() refuses ${name}, and says what it is`, async () => {
    await withText(content, async (path) => {
      assertUpbeatError(() => readTextFileSync(path, KIND), KIND.code, path, part);
      await assertRejects(() => readTextFile(path, KIND), UpbeatError);
    });
  });
}

test("parseJsonObject() refuses what is no JSON object, and says what it is", () => {
  const texts: [string, string][] = [
    ["", "not valid JSON"],
    ["[]", "must contain a JSON object"],
    ["null", "must contain a JSON object"],
    ["<!DOCTYPE html><html>", "web page"],
    ["<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "XML document"],
    ["GGUF\u0003", "GGUF"],
    ["x".repeat(1_000_000), "not valid JSON"],
    [`{"a": ${"[".repeat(1_000_000)}`, "not valid JSON"],
  ];
  for (const [text, part] of texts) {
    const error = assertUpbeatError(
      () => parseJsonObject("the/file.json", text, KIND),
      KIND.code,
      "the/file.json",
      part,
    );
    assertLess(error.message.length, 500);
  }
});

test("parseJsonObject() returns an object or throws a typed error for any damaged JSON", () => {
  const text = JSON.stringify({ a: [1, { b: "text", c: null }], "d\n": { e: [true, -1.5e3, []], f: {} } }, null, 1);
  let refused = 0;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      try {
        const object = parseJsonObject("file.json", damageText(randomFrom(seed), text), KIND);
        assert(object !== null && typeof object === "object");
      } catch (error) {
        assert(error instanceof UpbeatError && error.message.length < 500, String(error));
        refused++;
      }
    }),
    { seed: 20_261_130, numRuns: 20_000 },
  );
  assert(refused > 5000, `only ${refused} were refused`);
});
