import { assertEquals, assertStringIncludes } from "@std/assert";
import { execFileSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";

const isNode = process.versions["bun"] === undefined && process.versions["deno"] === undefined;
const onNode: typeof test = isNode
  ? test
  : ((name: string) => test.skip(`${name} (this is not Node)`, () => {})) as typeof test;

/** Open a device in a Node with further flags. Returns the error, as `"CODE: message"`. */
function openError(flags: readonly string[]): string {
  const module = new URL("../../ffi/device.ts", import.meta.url).href;
  const script = `const { openDevice } = await import(${JSON.stringify(module)});
    try { openDevice({ threads: 1 }).close(); } catch (error) { console.log(error.code + ": " + error.message); }`;
  return execFileSync(process.execPath, [...flags, "--input-type=module", "--eval", script], { encoding: "utf8" });
}

onNode("openDevice() fails with RUNTIME_UNSUPPORTED when node:ffi is turned off", () => {
  const error = openError(["--no-experimental-ffi"]);
  assertStringIncludes(error, "RUNTIME_UNSUPPORTED: ");
  assertStringIncludes(error, "26.11");
});

onNode("openDevice() names --allow-ffi when the permission model denies it", () => {
  const error = openError(["--permission", "--allow-fs-read=*"]);
  assertStringIncludes(error, "LIBRARY_INVALID: ");
  assertStringIncludes(error, "--allow-ffi");
  assertEquals(openError(["--permission", "--allow-fs-read=*", "--allow-ffi"]), "");
});
