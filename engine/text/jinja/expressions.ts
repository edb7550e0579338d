/**
 * Compiles expressions to functions.
 *
 * @module
 */
import { TemplateError } from "./errors.ts";
import { Arguments, expectText } from "./python/arguments.ts";
import { filterNamed, testNamed } from "./library/library.ts";
import { setEntry } from "./python/dict.ts";
import { compare, contains, isEqual } from "./python/equality.ts";
import { binary, joinTexts, sign } from "./python/operators.ts";
import { toText } from "./python/stringify.ts";
import { member, slice } from "./python/subscripts.ts";
import {
  isObject,
  isTrue,
  type Keywords,
  membersOf,
  PyFunction,
  PyTuple,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./python/values.ts";
import type { Scope } from "./scope.ts";
import type { CallArguments, Comparison, Expression, FilterNode, SliceNode } from "./syntax/nodes.ts";

/** A compiled expression. */
export type Evaluate = (scope: Scope) => Value;

/** Compiled arguments. */
export type EvaluateArguments = (scope: Scope, name: string, first?: readonly Value[]) => Arguments;

const NO_KEYWORDS: Keywords = new Map();

/**
 * Compile an expression.
 *
 * @param node The expression.
 * @param isSoft Whether it may be left out at run time: unknown filters and tests are then errors of the run.
 * @returns The function that evaluates it.
 * @throws {TemplateError} For an unknown filter or test.
 */
export function compileExpression(node: Expression, isSoft: boolean): Evaluate {
  const compile = (inner: Expression): Evaluate => compileExpression(inner, isSoft);
  switch (node.kind) {
    case "constant": {
      const { value } = node;
      return () => value;
    }
    case "name": {
      const { name } = node;
      return (scope) => scope.get(name);
    }
    case "list":
    case "tuple": {
      const items = node.items.map(compile);
      const isTuple = node.kind === "tuple";
      return (scope) => {
        scope.budget.step(items.length);
        const values = items.map((item) => item(scope));
        return isTuple ? new PyTuple(values) : values;
      };
    }
    case "dict":
      return compileDict(node.entries.map(([key, value]) => [compile(key), compile(value)]));
    case "attribute": {
      const object = compile(node.object);
      const { name } = node;
      return (scope) => member(scope.budget, object(scope), name, false);
    }
    case "item":
      return compileItem(compile(node.object), node.key, isSoft);
    case "call":
      return compileCall(compile(node.callee), compileArguments(node.args, isSoft));
    case "filter":
      return compileFilter(node, isSoft);
    case "test":
      return compileTest(node, isSoft);
    case "not": {
      const operand = compile(node.operand);
      return (scope) => {
        scope.budget.step();
        return !isTrue(operand(scope));
      };
    }
    case "sign": {
      const operand = compile(node.operand);
      return (scope) => {
        scope.budget.step();
        return sign(node.operator, operand(scope));
      };
    }
    case "binary": {
      const [left, right] = [compile(node.left), compile(node.right)];
      const { operator } = node;
      if (operator === "**" && node.left.kind === "sign" && node.right.kind !== "constant") {
        // Jinja writes -2 ** x into Python, where the sign comes last.
        throw new TemplateError("a power of a signed number is not supported");
      }
      return (scope) => {
        scope.budget.step();
        return binary(scope.budget, operator, left(scope), right(scope));
      };
    }
    case "and":
    case "or": {
      const [left, right] = [compile(node.left), compile(node.right)];
      const decides = node.kind === "or";
      return (scope) => {
        scope.budget.step();
        const value = left(scope);
        return isTrue(value) === decides ? value : right(scope);
      };
    }
    case "compare":
      return compileComparison(compile(node.first), node.rest, isSoft);
    case "concat": {
      const items = node.items.map(compile);
      return (scope) => {
        scope.budget.step(items.length);
        return joinTexts(scope.budget, items.map((item) => item(scope)).map((value) => toText(scope.budget, value)));
      };
    }
    case "condition":
      return compileCondition(node);
  }
}

function compileDict(entries: readonly (readonly [Evaluate, Evaluate])[]): Evaluate {
  return (scope) => {
    scope.budget.step(entries.length);
    const map = new Map<Value, Value>();
    for (const [key, value] of entries) setEntry(scope.budget, map, key(scope), value(scope));
    return map;
  };
}

function compileItem(object: Evaluate, key: Expression | SliceNode, isSoft: boolean): Evaluate {
  if (key.kind !== "slice") {
    const index = compileExpression(key, isSoft);
    return (scope) => member(scope.budget, object(scope), index(scope), true);
  }
  const bounds = key.bounds.map((bound) => bound === null ? () => null : compileExpression(bound, isSoft));
  return (scope) => {
    scope.budget.step();
    return slice(scope.budget, object(scope), bounds.map((bound) => bound(scope)));
  };
}

function compileCondition(node: Expression & { kind: "condition" }): Evaluate {
  const [test, then] = [compileExpression(node.test, true), compileExpression(node.then, true)];
  const otherwise = node.otherwise === null
    ? () => new Undefined("the inline if-expression evaluated to false and no else section was defined.")
    : compileExpression(node.otherwise, true);
  return (scope) => {
    scope.budget.step();
    return isTrue(test(scope)) ? then(scope) : otherwise(scope);
  };
}

function compileComparison(first: Evaluate, rest: readonly Comparison[], isSoft: boolean): Evaluate {
  const steps = rest.map(({ operator, operand }) => ({ operator, operand: compileExpression(operand, isSoft) }));
  return (scope) => {
    let left = first(scope);
    for (const { operator, operand } of steps) {
      scope.budget.step();
      const right = operand(scope);
      if (!holds(scope, operator, left, right)) return false;
      left = right;
    }
    return true;
  };
}

function holds({ budget }: Scope, operator: string, left: Value, right: Value): boolean {
  switch (operator) {
    case "==":
      return isEqual(budget, left, right);
    case "!=":
      return !isEqual(budget, left, right);
    case "in":
      return contains(budget, left, right);
    case "not in":
      return !contains(budget, left, right);
    case "<":
      return compare(budget, left, right, operator) < 0;
    case "<=":
      return compare(budget, left, right, operator) <= 0;
    case ">":
      return compare(budget, left, right, operator) > 0;
    default:
      return compare(budget, left, right, operator) >= 0;
  }
}

/**
 * Compile the arguments of a call.
 *
 * @param args The arguments.
 * @param isSoft See {@linkcode compileExpression}.
 * @returns The function that evaluates them; further values may stand before them.
 */
export function compileArguments(args: CallArguments, isSoft: boolean): EvaluateArguments {
  const positional = args.positional.map((value) => compileExpression(value, isSoft));
  const keywords = args.keywords.map(([name, value]) => [name, compileExpression(value, isSoft)] as const);
  const spread = args.spread === null ? null : compileExpression(args.spread, isSoft);
  const keywordSpread = args.keywordSpread === null ? null : compileExpression(args.keywordSpread, isSoft);
  const isSimple = keywords.length === 0 && spread === null && keywordSpread === null;
  return (scope, name) => {
    const { budget } = scope;
    budget.step(3 + positional.length + 3 * keywords.length);
    const values = positional.map((value) => value(scope));
    if (isSimple) return new Arguments(budget, name, values);
    if (spread !== null) { for (const value of membersOf(budget, spread(scope))) values.push(value); }
    const named = new Map<string, Value>();
    for (const [key, value] of keywords) named.set(key, value(scope));
    if (keywordSpread !== null) addSpread(scope, named, keywordSpread(scope));
    return new Arguments(budget, name, values, named.size === 0 ? NO_KEYWORDS : named);
  };
}

function addSpread({ budget }: Scope, named: Map<string, Value>, map: Value): void {
  if (!(map instanceof Map)) throw new TemplateError("argument after ** must be a mapping");
  budget.step(map.size);
  for (const [key, value] of map) {
    const name = expectText(key, "a keyword");
    if (named.has(name)) throw new TemplateError(`got multiple values for keyword argument '${name}'`);
    named.set(name, value);
  }
}

function compileCall(callee: Evaluate, evaluateArguments: EvaluateArguments): Evaluate {
  return (scope) => {
    const value = callee(scope);
    return callValue(value, evaluateArguments(scope, value instanceof PyFunction ? value.name : "the object"));
  };
}

/**
 * Call a value.
 *
 * @param callee A function, or an object that can be called.
 * @param args The arguments.
 * @returns The result.
 * @throws {TemplateError} When it cannot be called, or fails.
 */
export function callValue(callee: Value, args: Arguments): Value {
  if (callee instanceof PyFunction) return callee.call(args);
  if (callee instanceof Undefined) throw undefinedError(callee);
  if (callee !== null && isObject(callee) && callee.call !== undefined) return callee.call(args);
  throw new TemplateError(`'${typeName(callee)}' object is not callable`);
}

/**
 * Compile a filter.
 *
 * @param node The filter.
 * @param isSoft See {@linkcode compileExpression}.
 * @param body What the filter of a block is applied to.
 * @returns The function that evaluates it.
 * @throws {TemplateError} For an unknown filter.
 */
export function compileFilter(node: FilterNode, isSoft: boolean, body?: Evaluate): Evaluate {
  const { name, operand } = node;
  if (!isSoft) filterNamed(name);
  const evaluate = operand === null
    ? body as Evaluate
    : operand.kind === "filter"
    ? compileFilter(operand, isSoft, body)
    : compileExpression(operand, isSoft);
  const evaluateArguments = compileArguments(node.args, isSoft);
  return (scope) => {
    const value = evaluate(scope);
    return filterNamed(name)(value, evaluateArguments(scope, name));
  };
}

function compileTest(node: Expression & { kind: "test" }, isSoft: boolean): Evaluate {
  const { name } = node;
  if (!isSoft) testNamed(name);
  const operand = compileExpression(node.operand, isSoft);
  const evaluateArguments = compileArguments(node.args, isSoft);
  return (scope) => {
    const value = operand(scope);
    return testNamed(name)(value, evaluateArguments(scope, name));
  };
}
