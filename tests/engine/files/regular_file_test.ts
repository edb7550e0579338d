import { assertEquals, assertInstanceOf, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openRegularFile, readRegularFile, readRegularFileSync } from "../../../engine/files/regular_file.ts";
import { UpbeatError } from "../../../errors.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { replaceFile, SPECIAL_FILES } from "../../support/special_files.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

const KIND = { code: "MODEL_CONFIG_INVALID", maxBytes: 100_000 } as const;

for (const kind of Object.keys(SPECIAL_FILES)) {
  if (kind === "Git LFS pointer") continue;
  test(`readRegularFile() and readRegularFileSync() refuse a ${kind} at once`, async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, "config.json");
      const part = replaceFile(path, kind);
      const start = performance.now();
      assertUpbeatError(() => readRegularFileSync(path, KIND), KIND.code, path, part);
      const error = await assertRejects(() => readRegularFile(path, KIND), UpbeatError);
      assertEquals(error.code, KIND.code);
      assertStringIncludes(error.message, part);
      assertLess(performance.now() - start, 1000);
    });
  });
}

test("readRegularFile() and readRegularFileSync() read a whole file, through links too", async () => {
  await withTemporaryFolder(async (folder) => {
    const [path, link] = [join(folder, "file"), join(folder, "link")];
    symlinkSync("file", link);
    for (const length of [0, 1, KIND.maxBytes]) {
      writeFileSync(path, Uint8Array.from({ length }, (_, at) => at % 251));
      for (const name of [path, link]) {
        assertEquals(readRegularFileSync(name, KIND), readFileSync(path));
        assertEquals(await readRegularFile(name, KIND), readFileSync(path));
      }
    }
  });
});

test("readRegularFile() and readRegularFileSync() return null for a file that does not exist", async () => {
  await withTemporaryFolder(async (folder) => {
    writeFileSync(join(folder, "file"), "");
    for (const path of [join(folder, "missing"), join(folder, "missing", "file"), join(folder, "file", "file")]) {
      assertEquals(readRegularFileSync(path, KIND), null);
      assertEquals(await readRegularFile(path, KIND), null);
      assertEquals(openRegularFile(path, KIND.code), null);
    }
  });
});

test("readRegularFile() and readRegularFileSync() refuse a file that is too large, with both sizes", async () => {
  await withTemporaryFolder(async (folder) => {
    const path = join(folder, "file");
    writeFileSync(path, new Uint8Array(KIND.maxBytes + 1));
    assertUpbeatError(() => readRegularFileSync(path, KIND), KIND.code, "97.7 KiB long", "at most 97.7 KiB");
    await assertRejects(() => readRegularFile(path, KIND), UpbeatError);
  });
});

test("openRegularFile() reads ranges, and fewer bytes at the end of the file", () => {
  withTemporaryFolder((folder) => {
    const path = join(folder, "file");
    writeFileSync(path, "0123456789");
    using file = openRegularFile(path, KIND.code)!;
    assertEquals(file.bytes, 10);
    assertEquals(file.read(2, 3).toString(), "234");
    assertEquals(file.read(8, 5).toString(), "89");
    truncateSync(path, 5);
    assertEquals(file.read(2, 8).toString(), "234");
  });
});

test("readRegularFileSync() names what the system refuses", () => {
  assertUpbeatError(() => readRegularFileSync("nul\0byte", KIND), KIND.code, "cannot be read");
  assertUpbeatError(() => readRegularFileSync("x".repeat(100_000), KIND), KIND.code, "cannot be read");
});

test("readRegularFile() ends with the signal's reason when it aborts", async () => {
  await withTemporaryFolder(async (folder) => {
    const path = join(folder, "file");
    writeFileSync(path, new Uint8Array(50_000));
    const reason = new Error("no more");
    const thrown = await readRegularFile(path, KIND, AbortSignal.abort(reason)).catch((error: unknown) => error);
    assertInstanceOf(thrown, Error);
    assertEquals(thrown, reason);
  });
});
