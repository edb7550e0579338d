/**
 * Python's values in templates: `null` is None, a number an int, {@linkcode PyFloat} a float, an array a list, a Map a dict.
 *
 * @module
 */

/** A float, distinct from an int: `1.0` prints as `1.0`. */
export class PyFloat {
  readonly value: number;
  /** @param value The number. */
  constructor(value: number) {
    this.value = value;
  }
}

/** A tuple. */
export class PyTuple {
  readonly items: readonly Value[];
  /** @param items The members. */
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

/** Jinja's undefined: empty when printed or iterated; any other use is an error. */
export class Undefined {
  readonly problem: string;
  /** @param problem Jinja's message about what is missing. */
  constructor(problem: string) {
    this.problem = problem;
  }
}

/** Keyword arguments. */
export type Keywords = ReadonlyMap<string, Value>;

/** A callable. */
export class PyFunction {
  readonly call: (args: readonly Value[], keywords: Keywords) => Value;
  /** @param call Its implementation. */
  constructor(call: (args: readonly Value[], keywords: Keywords) => Value) {
    this.call = call;
  }
}

/** An object with attributes: a namespace (which templates may assign to) or a loop. */
export class PyObject {
  readonly attributes: Map<string, Value>;
  readonly assignable: boolean;
  /**
   * @param attributes Values by name.
   * @param assignable Whether `{% set object.name = … %}` is allowed.
   */
  constructor(attributes: Map<string, Value>, assignable: boolean) {
    this.attributes = attributes;
    this.assignable = assignable;
  }
}

/** Any value. */
export type Value =
  | null
  | boolean
  | number
  | string
  | PyFloat
  | PyTuple
  | Undefined
  | PyFunction
  | PyObject
  | Value[]
  | Map<Value, Value>;

/** An error in a template; the message is the reference's where a template can observe it. */
export class TemplateError extends Error {}

/**
 * Convert a plain JavaScript value to a Python one.
 *
 * @param value JSON-like data.
 * @returns The value; numbers with a fraction are floats.
 * @throws {TemplateError} For a function or a symbol.
 */
export function fromPlain(value: unknown): Value {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (value === undefined) return new Undefined("value is undefined");
  if (typeof value === "number") return Number.isInteger(value) ? value : new PyFloat(value);
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(fromPlain);
  if (typeof value === "object") {
    return new Map(
      Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, fromPlain(item)]),
    );
  }
  throw new TemplateError(`a ${typeof value} cannot be passed to a template`);
}

/** The error for using an undefined value. */
export function undefinedError(value: Undefined): TemplateError {
  return new TemplateError(value.problem);
}

/**
 * The name of a value's type.
 *
 * @param value Any value.
 * @returns Python's name.
 */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return "int";
  if (typeof value === "string") return "str";
  if (value instanceof PyFloat) return "float";
  if (value instanceof PyTuple) return "tuple";
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof PyFunction) return "function";
  if (value instanceof PyObject) return "object";
  return Array.isArray(value) ? "list" : "dict";
}

/**
 * Python's `bool()`.
 *
 * @param value Any value.
 * @returns Whether it is truthy.
 */
export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return value !== 0;
  if (typeof value === "string") return value !== "";
  if (value instanceof PyFloat) return value.value !== 0;
  if (value instanceof PyTuple) return value.items.length > 0;
  if (Array.isArray(value)) return value.length > 0;
  return value instanceof Map ? value.size > 0 : true;
}

/**
 * The number of an int, float or bool.
 *
 * @param value Any value.
 * @returns The number, or null for anything else.
 */
export function numeric(value: Value): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return value instanceof PyFloat ? value.value : null;
}

/**
 * The members of an iterable.
 *
 * @param value A list, tuple, dict (its keys), string (its characters) or undefined (none).
 * @returns The members.
 * @throws {TemplateError} For anything else.
 */
export function iterate(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value;
  if (value instanceof PyTuple) return value.items;
  if (value instanceof Map) return [...value.keys()];
  if (typeof value === "string") return Array.from(value);
  if (value instanceof Undefined) return [];
  throw new TemplateError(`'${typeName(value)}' object is not iterable`);
}

/**
 * Python's `==`.
 *
 * @param left A value.
 * @param right A value.
 * @returns Whether they are equal.
 */
export function isEqual(left: Value, right: Value): boolean {
  if (left === right) return true;
  const a = numeric(left);
  const b = numeric(right);
  if (a !== null && b !== null) return a === b;
  if (left instanceof Undefined && right instanceof Undefined) return true;
  if (left instanceof PyTuple && right instanceof PyTuple) return allEqual(left.items, right.items);
  if (Array.isArray(left) && Array.isArray(right)) return allEqual(left, right);
  if (left instanceof Map && right instanceof Map) {
    if (left.size !== right.size) return false;
    for (const [key, value] of left) {
      const other = right.get(key);
      if (other === undefined || !isEqual(value, other)) return false;
    }
    return true;
  }
  return false;
}

function allEqual(left: readonly Value[], right: readonly Value[]): boolean {
  return left.length === right.length && left.every((value, index) => isEqual(value, right[index] as Value));
}

/**
 * Python's ordering.
 *
 * @param left A value.
 * @param right A value of a comparable type.
 * @returns Negative, zero or positive.
 * @throws {TemplateError} When the two cannot be ordered.
 */
export function compare(left: Value, right: Value): number {
  const a = numeric(left);
  const b = numeric(right);
  if (a !== null && b !== null) return a - b;
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  const one = Array.isArray(left) ? left : left instanceof PyTuple ? left.items : null;
  const two = Array.isArray(right) ? right : right instanceof PyTuple ? right.items : null;
  if (one !== null && two !== null && typeName(left) === typeName(right)) {
    for (let i = 0; i < Math.min(one.length, two.length); i++) {
      const x = one[i] as Value;
      const y = two[i] as Value;
      if (!isEqual(x, y)) return compare(x, y);
    }
    return one.length - two.length;
  }
  for (const value of [left, right]) if (value instanceof Undefined) throw undefinedError(value);
  throw new TemplateError(`'${typeName(left)}' and '${typeName(right)}' cannot be ordered`);
}

/** Compares by code points, as Python does; UTF-16 order differs above the basic plane. */
function compareText(left: string, right: string): number {
  const a = Array.from(left, (char) => char.codePointAt(0) as number);
  const b = Array.from(right, (char) => char.codePointAt(0) as number);
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  }
  return a.length - b.length;
}

/**
 * Python's `in`.
 *
 * @param item The item.
 * @param container The container.
 * @returns Whether the container has the item.
 * @throws {TemplateError} When it is not a container.
 */
export function contains(item: Value, container: Value): boolean {
  if (typeof container === "string") {
    if (item instanceof Undefined) throw undefinedError(item);
    if (typeof item !== "string") {
      throw new TemplateError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    return container.includes(item);
  }
  if (container instanceof Map) return container.has(item);
  return iterate(container).some((member) => isEqual(member, item));
}
