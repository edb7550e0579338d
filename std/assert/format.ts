/** Elements printed of one collection; the rest is counted. */
const MAX_ELEMENTS = 1000;
const MAX_DEPTH = 8;
/** Numbers printed per line, so that the line of a difference shows its position. */
const NUMBERS_PER_LINE = 8;

function formatNumber(value: number | bigint): string {
  return typeof value === "bigint" ? `${value}n` : Object.is(value, -0) ? "-0" : String(value);
}

function formatKey(key: PropertyKey): string {
  if (typeof key === "symbol") return `[${String(key)}]`;
  return /^[A-Za-z_$][\w$]*$/.test(String(key)) ? String(key) : JSON.stringify(key);
}

function block(
  open: string,
  lines: string[],
  close: string,
  indent: string,
): string {
  if (lines.length === 0) return open + close;
  return `${open}\n${lines.map((line) => `${indent}  ${line},`).join("\n")}\n${indent}${close}`;
}

function className(value: object): string {
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)
    ?.constructor?.name;
  return name === undefined ? "[Object: null prototype] " : name === "Object" || name === "Array" ? "" : `${name} `;
}

function formatNumbers(
  value: ArrayLike<number | bigint>,
  prefix: string,
  indent: string,
): string {
  const shown = Array.from(
    { length: Math.min(value.length, MAX_ELEMENTS) },
    (_, i) => formatNumber(value[i]!),
  );
  const lines: string[] = [];
  for (let i = 0; i < shown.length; i += NUMBERS_PER_LINE) {
    lines.push(shown.slice(i, i + NUMBERS_PER_LINE).join(", "));
  }
  if (value.length > shown.length) {
    lines.push(`… ${value.length - shown.length} more`);
  }
  return block(`${prefix}[`, lines, "]", indent);
}

function formatObject(value: object, indent: string, within: object[]): string {
  if (within.includes(value)) return "[Circular]";
  if (within.length >= MAX_DEPTH) return `${className(value)}…`;
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? "Invalid Date" : `Date ${value.toISOString()}`;
  }
  if (value instanceof RegExp) return String(value);
  if (value instanceof URL) return `URL ${value.href}`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  const prefix = className(value);
  if (value instanceof ArrayBuffer) {
    return formatNumbers(new Uint8Array(value), prefix, indent);
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const elements = value as unknown as ArrayLike<number | bigint>;
    return formatNumbers(
      elements,
      `${prefix.trimEnd()}(${elements.length}) `,
      indent,
    );
  }
  const inner = (item: unknown) => formatValue(item, indent + "  ", [...within, value]);
  if (Array.isArray(value)) {
    if (
      value.length > NUMBERS_PER_LINE &&
      value.every((item) => typeof item === "number")
    ) {
      return formatNumbers(value, prefix, indent);
    }
    return block(`${prefix}[`, capped(value, inner), "]", indent);
  }
  if (value instanceof Set) {
    return block(`${prefix}{`, capped([...value], inner), "}", indent);
  }
  if (value instanceof Map) {
    return block(
      `${prefix}{`,
      capped([...value], ([key, item]) => `${inner(key)} => ${inner(item)}`),
      "}",
      indent,
    );
  }
  // Sorted: the order of keys does not matter for equality and must not show up as a difference.
  const keys: PropertyKey[] = [
    ...Object.keys(value).sort(),
    ...Object.getOwnPropertySymbols(value),
  ];
  return block(
    `${prefix}{`,
    capped(
      keys,
      (key) => `${formatKey(key)}: ${inner(Reflect.get(value, key) as unknown)}`,
    ),
    "}",
    indent,
  );
}

function capped<T>(items: readonly T[], format: (item: T) => string): string[] {
  const lines = items.slice(0, MAX_ELEMENTS).map(format);
  if (items.length > MAX_ELEMENTS) {
    lines.push(`… ${items.length - MAX_ELEMENTS} more`);
  }
  return lines;
}

function formatValue(value: unknown, indent: string, within: object[]): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
    case "bigint":
      return formatNumber(value);
    case "function":
      return `[Function: ${value.name || "anonymous"}]`;
    case "object":
      return value === null ? "null" : formatObject(value, indent, within);
    default:
      return String(value);
  }
}

/**
 * Format a value for a failure message: one property per line, keys sorted, cycles marked, long collections cut.
 *
 * @param value Any value.
 * @returns Its text.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { format } from "./format.ts";
 * assertEquals(format({ b: 1, a: "x" }), '{\n  a: "x",\n  b: 1,\n}');
 * ```
 */
export function format(value: unknown): string {
  return formatValue(value, "", []);
}
