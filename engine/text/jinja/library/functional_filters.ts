/**
 * Jinja's filters that apply other filters or tests to each member: `map`, `select` and their like.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import { expectText } from "../python/arguments.ts";
import { isTrue, membersOf, PyIterator, type Value } from "../python/values.ts";
import { attributeOf, type Filter, type Test } from "./filter.ts";

/** The filters and tests by name. */
export interface Library {
  /** A filter by name. */
  filterNamed(name: string): Filter;
  /** A test by name. */
  testNamed(name: string): Test;
}

/** A value's truth as a test. */
const truth: Test = (value) => isTrue(value);

/** `select`, `reject`, `selectattr`, `rejectattr`. */
function selecting(library: Library, keep: boolean, byAttribute: boolean): Filter {
  return (value, args) => {
    const { positional } = args;
    return new PyIterator(() => {
      if (!isTrue(value)) return [];
      const offset = byAttribute ? 1 : 0;
      const path = positional[0];
      if (byAttribute && path === undefined) throw new TemplateError("Missing parameter for attribute name");
      const key = byAttribute ? attributeOf(args, path as Value) : (item: Value) => item;
      const name = positional[offset];
      const test = name === undefined ? truth : library.testNamed(expectText(name, "the test's name"));
      const others = args.withPositional(positional.slice(offset + 1));
      return membersOf(args.budget, value).filter((item) => {
        args.budget.step(4);
        return test(key(item), others) === keep;
      });
    });
  };
}

const mapping = (library: Library): Filter => (value, args) => {
  const { positional, keywords } = args;
  return new PyIterator(() => {
    if (!isTrue(value)) return [];
    const attribute = keywords.get("attribute");
    if (positional.length === 0 && attribute !== undefined) {
      for (const name of keywords.keys()) {
        if (name !== "attribute" && name !== "default") {
          throw new TemplateError(`Unexpected keyword argument '${name}'`);
        }
      }
      return membersOf(args.budget, value).map(attributeOf(args, attribute, keywords.get("default") ?? null));
    }
    if (positional[0] === undefined) throw new TemplateError("map requires a filter argument");
    const inner = library.filterNamed(expectText(positional[0], "the filter's name"));
    const others = positional.slice(1);
    return membersOf(args.budget, value).map((item) => {
      args.budget.step(4);
      return inner(item, args.withPositional(others));
    });
  });
};

/**
 * The filters by name.
 *
 * @param library Which filters and tests they find.
 * @returns The filters.
 */
export function functionalFilters(library: Library): Readonly<Record<string, Filter>> {
  return {
    map: mapping(library),
    reject: selecting(library, false, false),
    rejectattr: selecting(library, false, true),
    select: selecting(library, true, false),
    selectattr: selecting(library, true, true),
  };
}
