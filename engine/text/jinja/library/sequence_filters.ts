/**
 * Jinja's filters of lists and dicts: `x | selectattr("role", "equalto", "user")`.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import { compare, isEqual } from "../python/equality.ts";
import { length } from "../python/methods.ts";
import { binary } from "../python/operators.ts";
import {
  membersOf,
  numeric,
  PyIterator,
  PyTuple,
  PyView,
  stringOf,
  typeName,
  Undefined,
  type Value,
} from "../python/values.ts";
import { type Arguments, markupAs } from "../python/arguments.ts";
import { attributeOf, type Filter, filter, foldCase } from "./filter.ts";

/** A stable sort by keys. */
function sorted(args: Arguments, items: readonly Value[], keyOf: (item: Value) => Value, reverse: boolean): Value[] {
  args.budget.step(4 * items.length);
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  keyed.sort((a, b) => (reverse ? compare(args.budget, b.key, a.key) : compare(args.budget, a.key, b.key)));
  return keyed.map(({ item }) => item);
}

const sort = filter("reverse case_sensitive attribute", (value, args) => {
  const attribute = args.get(2, null);
  const text = stringOf(attribute);
  const paths = (text === null ? [attribute] : text.split(",")).map((path) => attributeOf(args, path));
  const isCaseSensitive = args.flag(1);
  // A list, of which equal members need no order.
  const keysOf = (item: Value): Value => paths.map((key) => foldCase(args, key(item), isCaseSensitive));
  return sorted(args, membersOf(args.budget, value), keysOf, args.flag(0));
});

function extreme(sign: number): Filter {
  return filter("case_sensitive attribute", (value, args) => {
    const isCaseSensitive = args.flag(0);
    const attribute = attributeOf(args, args.get(1, null));
    const items = membersOf(args.budget, value);
    const [first, ...rest] = items;
    if (first === undefined) return new Undefined("No aggregated item, sequence was empty.");
    const key = (item: Value): Value => foldCase(args, attribute(item), isCaseSensitive);
    let [best, bestKey] = [first, key(first)];
    for (const item of rest) {
      const own = key(item);
      if (sign * compare(args.budget, own, bestKey) > 0) [best, bestKey] = [item, own];
    }
    return best;
  });
}

/** A set of keys, of types that Python can hash. */
class Keys {
  readonly #known = new Set<unknown>();
  /** Whether a key is new; it is then known. */
  add(args: Arguments, key: Value): boolean {
    const text = stringOf(key);
    args.budget.step(3);
    args.budget.text(text?.length ?? 0);
    const own = text ?? numeric(key) ?? (key instanceof Undefined ? Undefined : key);
    if (own !== null && typeof own === "object") throw new TemplateError(`unique values of type ${typeName(key)}`);
    const id = text === null ? own : `=${text}`;
    if (this.#known.has(id)) return false;
    this.#known.add(id);
    return true;
  }
}

const unique = filter("case_sensitive attribute", (value, args) => {
  const isCaseSensitive = args.flag(0);
  const key = attributeOf(args, args.get(1, null));
  return new PyIterator(() => {
    const seen = new Keys();
    return membersOf(args.budget, value).filter((item) => seen.add(args, foldCase(args, key(item), isCaseSensitive)));
  });
});

const groupby = filter("attribute default case_sensitive", (value, args) => {
  const isCaseSensitive = args.flag(2);
  const attribute = attributeOf(args, args.required(0), args.get(1, null));
  const key = (item: Value): Value => foldCase(args, attribute(item), isCaseSensitive);
  const groups: { key: Value; items: Value[] }[] = [];
  for (const item of sorted(args, membersOf(args.budget, value), key, false)) {
    const own = key(item);
    const last = groups.at(-1);
    if (last !== undefined && isEqual(args.budget, last.key, own)) last.items.push(item);
    else groups.push({ key: own, items: [item] });
  }
  return groups.map(({ items }) => new PyTuple([attribute(items[0] as Value), items], ["grouper", "list"]));
});

const dictsort = filter("case_sensitive by reverse", (value, args) => {
  if (!(value instanceof Map)) throw new TemplateError(`'${typeName(value)}' object has no attribute 'items'`);
  const by = args.text(1, "key");
  if (by !== "key" && by !== "value") throw new TemplateError('You can only sort by either "key" or "value"');
  const isCaseSensitive = args.flag(0);
  const entries = membersOf(args.budget, new PyView("items", value)) as PyTuple[];
  const key = (entry: Value): Value =>
    foldCase(args, (entry as PyTuple).items[by === "key" ? 0 : 1] as Value, isCaseSensitive);
  return sorted(args, entries, key, args.flag(2));
});

function reversed(value: Value, args: Arguments): Value {
  const text = stringOf(value);
  if (text !== null) {
    args.budget.step(text.length);
    return markupAs(value, Array.from(text).reverse().join(""));
  }
  if (value instanceof PyIterator) return [...membersOf(args.budget, value)].reverse();
  if (numeric(value) !== null || value === null) throw new TemplateError("argument must be iterable");
  const items = membersOf(args.budget, value);
  return new PyIterator(() => [...items].reverse());
}

const batch = filter("linecount fill_with", (value, args) => {
  const [size, fill] = [args.integer(0), args.get(1, null)];
  return new PyIterator(() => {
    const items = membersOf(args.budget, value);
    const rows: Value[][] = [];
    // A size below one never fills a row.
    for (let at = 0; at < items.length; at += size < 1 ? items.length : size) {
      rows.push(items.slice(at, size < 1 ? items.length : at + size));
    }
    if (size === 0 && items.length > 0) rows.unshift([]);
    const last = rows.at(-1);
    if (last !== undefined && fill !== null && last.length < size) {
      args.budget.step(size - last.length);
      while (last.length < size) last.push(fill);
    }
    return rows;
  });
});

const slices = filter("slices fill_with", (value, args) => {
  const [count, fill] = [args.integer(0), args.get(1, null)];
  return new PyIterator(() => {
    const items = membersOf(args.budget, value);
    if (count === 0) throw new TemplateError("integer division or modulo by zero");
    args.budget.step(Math.max(0, count));
    const size = Math.floor(items.length / count);
    const extra = items.length - size * count;
    const columns: Value[][] = [];
    let at = 0;
    for (let i = 0; i < count; i++) {
      const end = at + size + (i < extra ? 1 : 0);
      const column = items.slice(at, end);
      if (fill !== null && i >= extra) column.push(fill);
      columns.push(column);
      at = end;
    }
    return columns;
  });
});

function first(value: Value, args: Arguments): Value {
  const members = value instanceof PyIterator ? value.take() : null;
  if (members !== null) (value as PyIterator).restore(members.slice(1));
  const [item] = members ?? membersOf(args.budget, value);
  return item === undefined ? new Undefined("No first item, sequence was empty.") : item;
}

function last(value: Value, args: Arguments): Value {
  if (value instanceof PyIterator) throw new TemplateError("'generator' object is not reversible");
  const item = membersOf(args.budget, value).at(-1);
  return item === undefined ? new Undefined("No last item, sequence was empty.") : item;
}

/** Filters of lists and dicts by name. */
export const SEQUENCE_FILTERS: Readonly<Record<string, Filter>> = {
  batch,
  count: filter("", (value, args) => length(args, value)),
  dictsort,
  first: filter("", first),
  groupby,
  items: filter("", (value, args) =>
    new PyIterator(() => {
      if (value instanceof Undefined) return [];
      if (!(value instanceof Map)) throw new TemplateError("Can only get item pairs from a mapping.");
      return membersOf(args.budget, new PyView("items", value));
    })),
  last: filter("", last),
  length: filter("", (value, args) => length(args, value)),
  list: filter("", (value, args) => [...membersOf(args.budget, value)]),
  max: extreme(1),
  min: extreme(-1),
  reverse: filter("", reversed),
  slice: slices,
  sort,
  sum: filter("attribute start", (value, args) => {
    const key = attributeOf(args, args.get(0, null));
    let total = args.get(1, 0);
    if (stringOf(total) !== null) throw new TemplateError("sum() can't sum strings");
    for (const item of membersOf(args.budget, value)) total = binary(args.budget, "+", total, key(item));
    return total;
  }),
  unique,
};
