import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assert, assertEquals, assertGreater, fail } from "@std/assert";
import {
  ABI_VERSION,
  type ArgumentType,
  BLOCK_TYPES,
  DTYPE,
  INPUT_DTYPE,
  parseParameter,
  SAMPLING_FLOATS,
  SAMPLING_INTS,
  SIMD,
  STATUS,
  SYMBOLS,
  TOKEN,
} from "../../ffi/abi.ts";

const header = readFileSync(new URL("../../ffi/upbeat.h", import.meta.url), "utf8").replaceAll(/\/\*[^]*?\*\//g, "");

/** Every function the header declares, with the C type and name of each parameter. */
function declarations(): Map<string, { type: string; name: string }[]> {
  const found = new Map<string, { type: string; name: string }[]>();
  for (const [, result, name, list] of header.matchAll(/UPBEAT_API\s+(\w+)\s+(\w+)\(([^)]*)\);/g)) {
    assertEquals(result, "int32_t", name);
    const parameters = list!.trim() === "void" ? [] : list!.split(",").map((parameter) => {
      const [, type, parameterName] = parameter.trim().match(/^(.*[ *])(\w+)$/)!;
      return { type: type!.trim().replaceAll(/\s+/g, " "), name: parameterName! };
    });
    found.set(name!, parameters);
  }
  return found;
}

/** The ways in which a C parameter may cross. */
function crossings(type: string, name: string): ArgumentType[] {
  const handles: Record<string, ArgumentType> = {
    device: "device",
    stream: "stream",
    event: "event",
    start: "event",
    end: "event",
    graph: "graph",
    weight: "weight",
  };
  switch (type) {
    case "int32_t":
      return [handles[name] ?? "i32"];
    case "int64_t":
      return ["i64"];
    case "float":
      return ["f32"];
    case "void*":
    case "const void*":
      return ["pointer", "pointer?"];
    case "uint8_t*":
    case "int64_t*":
    case "double*":
      return ["buffer"];
    case "const char*":
      return ["cstring"];
    default:
      fail(`upbeat.h uses the type ${type} for ${name}: add it to ArgumentTypes and to this test`);
  }
}

/** Every constant the header defines. */
function constants(): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [, name, value] of header.matchAll(/#define\s+(UPBEAT_\w+)\s+(-?\d+)/g)) found[name!] = Number(value);
  for (const [, body] of header.matchAll(/enum\s*\{([^}]*)\}/g)) {
    for (const [, name, value] of body!.matchAll(/(UPBEAT_\w+)\s*=\s*(-?\d+)/g)) found[name!] = Number(value);
    assertEquals(body!.split(",").filter((entry) => entry.trim() !== "").length, body!.match(/=/g)?.length);
  }
  return found;
}

test("SYMBOLS has every function of upbeat.h, and no other", () => {
  assertGreater(declarations().size, 40);
  assertEquals(Object.keys(SYMBOLS), [...declarations().keys()]);
});

test("SYMBOLS agrees with upbeat.h in the names and types of all parameters", () => {
  for (const [name, declared] of declarations()) {
    const described = SYMBOLS[name as keyof typeof SYMBOLS].map(parseParameter);
    assertEquals(described.map((parameter) => parameter.name), declared.map((parameter) => parameter.name), name);
    for (const [index, { type, name: parameterName }] of declared.entries()) {
      const allowed = crossings(type, parameterName);
      const actual = described[index]!.type;
      assert(allowed.includes(actual), `${name}: ${type} ${parameterName} crosses as ${actual}, not ${allowed}`);
    }
  }
});

test("the constants of abi.ts are those of upbeat.h", () => {
  const { OK, ...errors } = STATUS;
  const { LENGTH: floats, ...floatColumns } = SAMPLING_FLOATS;
  const { LENGTH: ints, ...intColumns } = SAMPLING_INTS;
  const described: Record<string, number> = {
    UPBEAT_ABI_VERSION: ABI_VERSION,
    UPBEAT_OK: OK,
    UPBEAT_SAMPLING_FLOATS: floats,
    UPBEAT_SAMPLING_INTS: ints,
  };
  for (const [name, { dtype }] of Object.entries(BLOCK_TYPES)) described[`UPBEAT_DTYPE_${name}`] = dtype;
  described["UPBEAT_DTYPE_I8"] = INPUT_DTYPE.I8;
  const groups = { ERROR: errors, DTYPE, SIMD, TOKEN, SAMPLING: { ...floatColumns, ...intColumns } };
  for (const [group, entries] of Object.entries(groups)) {
    for (const [name, value] of Object.entries(entries)) described[`UPBEAT_${group}_${name}`] = value;
  }
  assertEquals(described, constants());
});
