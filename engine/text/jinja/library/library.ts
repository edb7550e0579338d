/**
 * All of Jinja's filters and tests.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import type { Arguments } from "../python/arguments.ts";
import { keyIn } from "../python/dict.ts";
import type { Value } from "../python/values.ts";
import type { Filter, Test } from "./filter.ts";
import { BASIC_FILTERS } from "./filters.ts";
import { functionalFilters } from "./functional_filters.ts";
import { BASIC_TESTS, plain } from "./tests.ts";

const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>(Object.entries({
  ...BASIC_FILTERS,
  ...functionalFilters({ filterNamed, testNamed }),
}));

const TESTS: ReadonlyMap<string, Test> = new Map<string, Test>(Object.entries({
  ...BASIC_TESTS,
  filter: plain((value, args) => isNameIn(FILTERS, value, args)),
  test: plain((value, args) => isNameIn(TESTS, value, args)),
}));

/** Whether a value is one of the names; lists and dicts cannot be compared with them. */
function isNameIn(names: ReadonlyMap<string, unknown>, value: Value, { budget }: Arguments): boolean {
  const key = keyIn(budget, new Map(), value);
  return typeof key === "string" && names.has(key);
}

/**
 * A filter by name.
 *
 * @param name Its name.
 * @returns The filter.
 * @throws {TemplateError} When it does not exist.
 */
export function filterNamed(name: string): Filter {
  const found = FILTERS.get(name);
  if (found === undefined) throw new TemplateError(`No filter named '${name}'.`);
  return found;
}

/**
 * A test by name.
 *
 * @param name Its name.
 * @returns The test.
 * @throws {TemplateError} When it does not exist.
 */
export function testNamed(name: string): Test {
  const found = TESTS.get(name);
  if (found === undefined) throw new TemplateError(`No test named '${name}'.`);
  return found;
}
