import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assertEquals, assertStrictEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UpbeatError } from "../../errors.ts";
import { ABI_VERSION } from "../../ffi/abi.ts";
import { openDevice } from "../../ffi/device.ts";
import { findLibrary, libraryFileName, openDeviceLibrary } from "../../ffi/library.ts";

/** Run with a folder that is removed afterwards, and with UPBEAT_LIBRARY set to what `variable` makes of it. */
function inFolder(variable: (folder: string) => string | undefined, body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "upbeat-library-"));
  const before = process.env["UPBEAT_LIBRARY"];
  const set = (value: string | undefined) => {
    if (value === undefined) delete process.env["UPBEAT_LIBRARY"];
    else process.env["UPBEAT_LIBRARY"] = value;
  };
  try {
    set(variable(folder));
    body(folder);
  } finally {
    set(before);
    rmSync(folder, { recursive: true });
  }
}

test("findLibrary() finds the built library by default", () => {
  const path = findLibrary({ device: "cpu" });
  assertEquals(openDeviceLibrary(path).symbols.upbeat_abi_version(), ABI_VERSION);
});

test("findLibrary() prefers the path to UPBEAT_LIBRARY, and either may be a file or a folder", () => {
  inFolder((folder) => join(folder, "b"), (folder) => {
    const name = libraryFileName("cpu");
    for (const place of ["a", "b"]) {
      mkdirSync(join(folder, place));
      writeFileSync(join(folder, place, name), "");
    }
    assertEquals(findLibrary({ device: "cpu", path: join(folder, "a") }), join(folder, "a", name));
    assertEquals(findLibrary({ device: "cpu", path: join(folder, "a", name) }), join(folder, "a", name));
    assertEquals(findLibrary({ device: "cpu" }), join(folder, "b", name));
    process.env["UPBEAT_LIBRARY"] = join(folder, "b", name);
    assertEquals(findLibrary({ device: "cpu" }), join(folder, "b", name));
  });
});

test("findLibrary() names the place and the command when the path does not exist", () => {
  inFolder(() => undefined, (folder) => {
    const path = join(folder, "missing.so");
    const error = assertThrows(() => findLibrary({ device: "cpu", path }), UpbeatError);
    assertEquals(error.code, "LIBRARY_NOT_FOUND");
    assertEquals(error.details["places"], path);
    assertStringIncludes(error.message, path);
    assertStringIncludes(error.message, "`bun run build`");
  });
});

test("findLibrary() does not fall back when UPBEAT_LIBRARY does not exist", () => {
  inFolder((folder) => join(folder, "missing.so"), (folder) => {
    const error = assertThrows(() => findLibrary({ device: "cpu" }), UpbeatError);
    assertEquals(error.code, "LIBRARY_NOT_FOUND");
    assertEquals(error.details["places"], join(folder, "missing.so"));
    assertStringIncludes(error.message, "UPBEAT_LIBRARY");
  });
});

test("findLibrary() names all places when the library is in none of them", () => {
  inFolder(() => undefined, () => {
    const error = assertThrows(() => findLibrary({ device: "none" as "cpu" }), UpbeatError);
    assertEquals(error.code, "LIBRARY_NOT_FOUND");
    const places = String(error.details["places"]).split("\n");
    assertEquals(places.length >= 2, true);
    for (const place of places) assertStringIncludes(error.message, place);
  });
});

test("openDeviceLibrary() refuses a file that is not a library", () => {
  inFolder(() => undefined, (folder) => {
    const path = join(folder, libraryFileName("cpu"));
    writeFileSync(path, "This is text.\n".repeat(100));
    const error = assertThrows(() => openDeviceLibrary(path), UpbeatError);
    assertEquals(error.code, "LIBRARY_INVALID");
    assertStringIncludes(error.message, path);
    assertStringIncludes(error.message, "`bun run build`");
    assertEquals(assertThrows(() => openDevice({ libraryPath: path }), UpbeatError).code, "LIBRARY_INVALID");
  });
});

test("openDeviceLibrary() names both versions and the command when they differ", () => {
  const path = findLibrary({ device: "cpu" });
  const error = assertThrows(() => openDeviceLibrary(path, ABI_VERSION + 41), UpbeatError);
  assertEquals(error.code, "LIBRARY_VERSION_MISMATCH");
  assertStringIncludes(error.message, `ABI version ${ABI_VERSION},`);
  assertStringIncludes(error.message, `needs ${ABI_VERSION + 41}`);
  assertStringIncludes(error.message, "`bun run build`");
});

test("openDeviceLibrary() opens a library once", () => {
  const path = findLibrary({ device: "cpu" });
  assertStrictEquals(openDeviceLibrary(path), openDeviceLibrary(path));
});
