/**
 * Python's values in templates: `null` is None, a number an int, {@linkcode PyFloat} a float, an array a list, a Map a dict.
 *
 * @module
 */
import type { Budget } from "../budget.ts";
import { TemplateError } from "../errors.ts";
import { hasSurrogates, pointsIn } from "./characters.ts";

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
  /** Names of the members of a named tuple. */
  readonly names: readonly string[];
  /**
   * @param items The members.
   * @param names Their names, for a named tuple.
   */
  constructor(items: readonly Value[], names: readonly string[] = []) {
    this.items = items;
    this.names = names;
  }
}

/** A string that is safe in HTML: strings that are joined with it are escaped. */
export class Markup {
  readonly text: string;
  /** @param text The string. */
  constructor(text: string) {
    this.text = text;
  }
}

/** `range(start, stop, step)`. */
export class PyRange {
  readonly start: number;
  readonly step: number;
  readonly length: number;
  readonly stop: number;
  /**
   * @param start First number.
   * @param stop Exclusive end.
   * @param step Distance; not zero.
   */
  constructor(start: number, stop: number, step: number) {
    [this.start, this.stop, this.step] = [start, stop, step];
    this.length = Math.max(0, Math.ceil((stop - start) / step));
  }
  /** The number at an index from 0 to `length - 1`. */
  at(index: number): number {
    return this.start + index * this.step;
  }
}

/** `dict.items()`, `dict.keys()` or `dict.values()`. */
export class PyView {
  readonly kind: "items" | "keys" | "values";
  readonly map: ReadonlyMap<Value, Value>;
  /**
   * @param kind Which view.
   * @param map The dict.
   */
  constructor(kind: PyView["kind"], map: ReadonlyMap<Value, Value>) {
    this.kind = kind;
    this.map = map;
  }
  /** The members. */
  members(): Value[] {
    if (this.kind === "items") return [...this.map].map((entry) => new PyTuple(entry));
    return [...(this.kind === "keys" ? this.map.keys() : this.map.values())];
  }
}

/** A generator or another iterator: it is true, has no length, and yields its members once. */
export class PyIterator {
  #make: (() => readonly Value[]) | null;
  /** @param make Computes the members, when they are first needed. */
  constructor(make: () => readonly Value[]) {
    this.#make = make;
  }
  /** The members that have not been taken. */
  take(): readonly Value[] {
    const make = this.#make;
    this.#make = null;
    return make === null ? [] : make();
  }
  /** Leave members to be taken later. */
  restore(members: readonly Value[]): void {
    this.#make = () => members;
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

/** The arguments of a call; see `arguments.ts`. */
export interface CallArguments {
  /** What the function charges. */
  readonly budget: Budget;
  /** Name of the function, for messages. */
  readonly name: string;
  /** Arguments by position. */
  readonly positional: readonly Value[];
  /** Arguments by name. */
  readonly keywords: Keywords;
  /** Match the arguments with parameters. */
  bind(parameters: readonly string[], byName?: boolean): CallArguments;
  /** A required argument. */
  required(index: number): Value;
  /** An argument, or `fallback`. */
  get(index: number, fallback: Value): Value;
  /** A string argument. */
  text(index: number): string;
  /** An integer argument. */
  integer(index: number, fallback?: number): number;
  /** The same arguments with others by position. */
  withPositional(positional: readonly Value[]): CallArguments;
}

/** A callable. */
export class PyFunction {
  readonly name: string;
  readonly call: (args: CallArguments) => Value;
  /** How it prints; null if that has an address, which is not supported. */
  readonly printed: string | null;
  /**
   * @param name Its name.
   * @param call Its implementation.
   * @param printed See {@linkcode PyFunction.printed}.
   */
  constructor(name: string, call: (args: CallArguments) => Value, printed: string | null = null) {
    [this.name, this.call, this.printed] = [name, call, printed];
  }
}

/** An object with attributes: a namespace, a loop, a cycler. */
export interface PyObject {
  /** Its type. */
  readonly type: string;
  /** An attribute, or undefined. */
  attribute(name: string): Value | undefined;
  /** Assign an attribute, where templates may. */
  assign?(name: string, value: Value): void;
  /** Call it, where that is possible. */
  call?(args: CallArguments): Value;
  /** How it prints; throws where that is not supported. */
  print(budget: Budget, depth: number): string;
  /** `len()`, if it has one. */
  readonly length?: number;
}

/** Any value. */
export type Value =
  | null
  | boolean
  | number
  | string
  | PyFloat
  | PyTuple
  | Markup
  | PyRange
  | PyView
  | PyIterator
  | Undefined
  | PyFunction
  | PyObject
  | Value[]
  | Map<Value, Value>;

/** Whether a value is an object with attributes. */
export function isObject(value: Value): value is PyObject {
  return typeof value === "object" && value !== null && "attribute" in value;
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
  if (Array.isArray(value)) return "list";
  if (value instanceof Map) return "dict";
  if (value instanceof PyFloat) return "float";
  if (value instanceof PyTuple) return "tuple";
  if (value instanceof Markup) return "Markup";
  if (value instanceof PyRange) return "range";
  if (value instanceof PyView) return `dict_${value.kind}`;
  if (value instanceof PyIterator) return "generator";
  if (value instanceof Undefined) return "Undefined";
  return value instanceof PyFunction ? "function" : value.type;
}

/**
 * A string, also of markup.
 *
 * @param value Any value.
 * @returns The string; null for anything else.
 */
export function stringOf(value: Value): string | null {
  if (typeof value === "string") return value;
  return value instanceof Markup ? value.text : null;
}

/**
 * An int.
 *
 * @param value A number without a fraction.
 * @returns The number.
 * @throws {TemplateError} When it is too large to be exact.
 */
export function int(value: number): number {
  if (!Number.isSafeInteger(value)) throw new TemplateError("integers beyond 2^53 are not supported");
  return value + 0;
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
 * Python's `len()`.
 *
 * @param value Any value.
 * @returns The length, or null if it has none.
 */
export function lengthOf(value: Value): number | null {
  const text = stringOf(value);
  if (text !== null) return hasSurrogates(text) ? pointsIn(text) : text.length;
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  if (value instanceof PyTuple) return value.items.length;
  if (value instanceof PyRange) return value.length;
  if (value instanceof PyView) return value.map.size;
  if (value instanceof Undefined) return 0;
  return value !== null && isObject(value) ? value.length ?? null : null;
}

/**
 * Python's `bool()`.
 *
 * @param value Any value.
 * @returns Whether it is truthy.
 */
export function isTrue(value: Value): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return value !== "";
  if (value === null) return false;
  const number = numeric(value);
  if (number !== null) return number !== 0;
  if (value instanceof Markup) return value.text !== "";
  return lengthOf(value) !== 0;
}

/**
 * The members of an iterable; each is charged as a step.
 *
 * @param budget What is charged.
 * @param value A list, tuple, dict (its keys), string (its characters), undefined (none), range, view or iterator.
 * @returns The members.
 * @throws {TemplateError} For anything else.
 */
export function membersOf(budget: Budget, value: Value): readonly Value[] {
  if (value instanceof PyIterator) {
    const members = value.take();
    budget.step(members.length);
    return members;
  }
  const isIterable = lengthOf(value) !== null && !isObject(value);
  if (!isIterable) throw new TemplateError(`'${typeName(value)}' object is not iterable`);
  const text = stringOf(value);
  budget.step(text === null ? lengthOf(value) as number : text.length);
  if (text !== null) return Array.from(text);
  if (Array.isArray(value)) return value;
  if (value instanceof PyTuple) return value.items;
  if (value instanceof Map) return [...value.keys()];
  if (value instanceof PyView) return value.members();
  if (value instanceof PyRange) return Array.from({ length: value.length }, (_, index) => value.at(index));
  return [];
}
