/**
 * Runs a template as Jinja 3.1 does in Hugging Face transformers.
 *
 * Our own, because the interpreter of `@huggingface/jinja` 0.5.11 has JavaScript's semantics where templates expect
 * Python's: None prints nothing, dicts and lists print as JSON, `True` as `true`, `lstrip("\n")` strips all white space,
 * `"1" == 1` is true, undefined values pass where Jinja raises, macros see the variables of their caller, and common
 * filters are missing or reject types (`string` of a dict, `trim` of undefined, `map("upper")`, `reject`).
 *
 * @module
 */
import { Arguments } from "./arguments.ts";
import { type FilterContext, filterNamed } from "./filters.ts";
import { binary, member, slice, unary } from "./operators.ts";
import { Scope } from "./scope.ts";
import {
  type Argument,
  type Call,
  type Expression,
  type Identifier,
  NEGATED_TEST_PREFIX,
  type Parameter,
  type Statement,
  TEST_PREFIX,
} from "./syntax.ts";
import { testNamed } from "./tests.ts";
import { toText } from "./stringify.ts";
import {
  isTrue,
  iterate,
  type Keywords,
  PyFloat,
  PyFunction,
  PyObject,
  PyTuple,
  TemplateError,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./values.ts";

/** How a block ended: normally, or by `{% break %}` or `{% continue %}`. */
type Ending = "end" | "break" | "continue";

/** The output of one rendering. */
interface Output {
  text: string;
}

const filterContext: FilterContext = { attribute: (value, name) => member(value, name, true) };

/**
 * Render statements.
 *
 * @param statements The template.
 * @param scope Its variables.
 * @returns The text.
 * @throws {TemplateError} When the template raises or cannot be evaluated.
 */
export function renderTemplate(statements: readonly Statement[], scope: Scope): string {
  const output: Output = { text: "" };
  runBlock(statements, scope, output);
  return output.text;
}

function runBlock(statements: readonly Statement[], scope: Scope, output: Output): Ending {
  for (const statement of statements) {
    const ending = run(statement, scope, output);
    if (ending !== "end") return ending;
  }
  return "end";
}

function run(statement: Statement, scope: Scope, output: Output): Ending {
  switch (statement.type) {
    case "Comment":
      return "end";
    case "Break":
      return "break";
    case "Continue":
      return "continue";
    case "If":
      return runBlock(isTrue(evaluate(statement.test, scope)) ? statement.body : statement.alternate, scope, output);
    case "For":
      runFor(statement, scope, output);
      return "end";
    case "Set":
      assign(
        statement.assignee,
        statement.value === null ? renderTemplate(statement.body, new Scope(scope)) : evaluate(statement.value, scope),
        scope,
      );
      return "end";
    case "Macro":
      scope.set(statement.name.value, macro(statement.name.value, statement.args, statement.body, scope));
      return "end";
    case "CallStatement": {
      const caller = macro("caller", statement.callerArgs ?? [], statement.body, scope);
      const { positional, keywords } = argumentsOf(statement.call.args, scope);
      const named = new Map([...keywords, ["caller", caller as Value]]);
      output.text += toText(callValue(evaluate(statement.call.callee, scope), positional, named));
      return "end";
    }
    case "FilterStatement":
      output.text += toText(applyFilter(renderTemplate(statement.body, new Scope(scope)), statement.filter, scope));
      return "end";
    default:
      output.text += toText(evaluate(statement, scope));
      return "end";
  }
}

function runFor(node: Statement & { type: "For" }, scope: Scope, output: Output): void {
  const filtered = node.iterable.type === "SelectExpression" ? node.iterable : null;
  const source = evaluate(filtered === null ? node.iterable : filtered.lhs, scope);
  let items = iterate(source);
  if (filtered !== null) {
    items = items.filter((item) => {
      const inner = new Scope(scope);
      assign(node.loopvar, item, inner);
      return isTrue(evaluate(filtered.test, inner));
    });
  }
  const loopScope = new Scope(scope);
  // As in Jinja, the else block runs unless some iteration reached the end of the body.
  let completed = false;
  for (let i = 0; i < items.length; i++) {
    const inner = new Scope(loopScope);
    inner.set("loop", loopObject(items, i));
    assign(node.loopvar, items[i] as Value, inner);
    const ending = runBlock(node.body, inner, output);
    if (ending === "break") break;
    if (ending === "end") completed = true;
  }
  if (!completed) runBlock(node.defaultBlock, new Scope(scope), output);
}

function loopObject(items: readonly Value[], index: number): PyObject {
  const neighbour = (at: number, which: string): Value => items[at] ?? new Undefined(`there is no ${which} item`);
  return new PyObject(
    new Map<string, Value>([
      ["index", index + 1],
      ["index0", index],
      ["revindex", items.length - index],
      ["revindex0", items.length - index - 1],
      ["first", index === 0],
      ["last", index === items.length - 1],
      ["length", items.length],
      ["depth", 1],
      ["depth0", 0],
      ["previtem", neighbour(index - 1, "previous")],
      ["nextitem", neighbour(index + 1, "next")],
      ["cycle", new PyFunction((args) => args[index % args.length] ?? null)],
    ]),
    false,
  );
}

function assign(target: Expression, value: Value, scope: Scope): void {
  if (target.type === "Identifier") scope.set(target.value, value);
  else if (target.type === "TupleLiteral") {
    const items = iterate(value);
    if (items.length !== target.value.length) {
      const problem = items.length < target.value.length ? "not enough" : "too many";
      throw new TemplateError(`${problem} values to unpack (expected ${target.value.length})`);
    }
    target.value.forEach((part, index) => assign(part, items[index] as Value, scope));
  } else if (target.type === "MemberExpression" && target.property.type === "Identifier" && !target.computed) {
    const object = evaluate(target.object, scope);
    if (!(object instanceof PyObject) || !object.assignable) {
      throw new TemplateError("cannot assign attribute on non-namespace object");
    }
    object.attributes.set(target.property.value, value);
  } else throw new TemplateError("cannot assign to this expression");
}

function macro(name: string, parameters: readonly Parameter[], body: readonly Statement[], defined: Scope): PyFunction {
  return new PyFunction((positional, keywords) => {
    const scope = new Scope(defined);
    const left = new Map(keywords);
    const names = parameters.map((parameter) => (parameter.type === "Identifier" ? parameter : parameter.key).value);
    names.forEach((parameter, index) => {
      const given = positional[index] ?? left.get(parameter);
      left.delete(parameter);
      scope.set(parameter, given ?? new Undefined(`parameter '${parameter}' was not provided`));
    });
    parameters.forEach((parameter, index) => {
      const missing = positional[index] === undefined && !keywords.has(names[index] as string);
      if (parameter.type !== "Identifier" && missing) {
        scope.set(parameter.key.value, evaluate(parameter.value, scope));
      }
    });
    scope.set("caller", left.get("caller") ?? new Undefined("No caller defined"));
    left.delete("caller");
    scope.set("kwargs", left);
    scope.set("varargs", new PyTuple(positional.slice(parameters.length)));
    const mentions = (special: string): boolean => JSON.stringify(body, jsonMaps).includes(`"${special}"`);
    if (left.size > 0 && !mentions("kwargs")) {
      throw new TemplateError(`macro '${name}' takes no keyword argument '${toText([...left.keys()][0] ?? null)}'`);
    }
    if (positional.length > parameters.length && !mentions("varargs")) {
      throw new TemplateError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
    }
    return renderTemplate(body, scope);
  });
}

/** Lets JSON.stringify include the members of maps in syntax trees. */
const jsonMaps = (_key: string, value: unknown): unknown => (value instanceof Map ? [...value] : value);

function argumentsOf(list: readonly Argument[], scope: Scope): { positional: Value[]; keywords: Keywords } {
  const positional: Value[] = [];
  const keywords = new Map<string, Value>();
  for (const argument of list) {
    if (argument.type === "KeywordArgumentExpression") {
      keywords.set(argument.key.value, evaluate(argument.value, scope));
    } else if (argument.type === "SpreadExpression") positional.push(...iterate(evaluate(argument.argument, scope)));
    else if (argument.type === "KeywordSpreadExpression") {
      const map = evaluate(argument.argument, scope);
      if (!(map instanceof Map)) throw new TemplateError("argument after ** must be a mapping");
      for (const [key, value] of map) keywords.set(toText(key), value);
    } else positional.push(evaluate(argument, scope));
  }
  return { positional, keywords };
}

function callValue(callee: Value, positional: readonly Value[], keywords: Keywords): Value {
  if (callee instanceof Undefined) throw undefinedError(callee);
  if (!(callee instanceof PyFunction)) throw new TemplateError(`'${typeName(callee)}' object is not callable`);
  return callee.call(positional, keywords);
}

function applyFilter(value: Value, filter: Identifier | Call, scope: Scope): Value {
  const callee = filter.type === "Identifier" ? filter : filter.callee;
  if (callee.type !== "Identifier") throw new TemplateError("a filter must be a name");
  const name = callee.value;
  const { positional, keywords } = filter.type === "Identifier"
    ? { positional: [], keywords: new Map() }
    : argumentsOf(filter.args, scope);
  if (name.startsWith(NEGATED_TEST_PREFIX)) {
    return !testNamed(name.slice(NEGATED_TEST_PREFIX.length))(value, ...positional);
  }
  if (name.startsWith(TEST_PREFIX)) return testNamed(name.slice(TEST_PREFIX.length))(value, ...positional);
  return filterNamed(name)(value, new Arguments(name, positional, keywords), filterContext);
}

function evaluate(node: Expression, scope: Scope): Value {
  switch (node.type) {
    case "Identifier":
      return scope.get(node.value);
    case "IntegerLiteral":
    case "StringLiteral":
      return node.value;
    case "FloatLiteral":
      return new PyFloat(node.value);
    case "ArrayLiteral":
      return node.value.map((item) => evaluate(item, scope));
    case "TupleLiteral":
      return new PyTuple(node.value.map((item) => evaluate(item, scope)));
    case "ObjectLiteral":
      return new Map([...node.value].map(([key, value]) => [evaluate(key, scope), evaluate(value, scope)]));
    case "CallExpression": {
      const callee = evaluate(node.callee, scope);
      const { positional, keywords } = argumentsOf(node.args, scope);
      return callValue(callee, positional, keywords);
    }
    case "MemberExpression":
      return evaluateMember(node, scope);
    case "FilterExpression":
      return applyFilter(evaluate(node.operand, scope), node.filter, scope);
    case "TestExpression":
      return testNamed(node.test.value)(evaluate(node.operand, scope)) !== node.negate;
    case "UnaryExpression":
      return unary(node.operator.value, evaluate(node.argument, scope));
    case "BinaryExpression": {
      const left = evaluate(node.left, scope);
      if (node.operator.value === "and") return isTrue(left) ? evaluate(node.right, scope) : left;
      if (node.operator.value === "or") return isTrue(left) ? left : evaluate(node.right, scope);
      return binary(node.operator.value, left, evaluate(node.right, scope));
    }
    case "Ternary":
      return evaluate(isTrue(evaluate(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
    case "SelectExpression":
      return isTrue(evaluate(node.test, scope))
        ? evaluate(node.lhs, scope)
        : new Undefined("the inline if-expression evaluated to false and no else section was defined.");
    default:
      throw new TemplateError(`this expression is not supported: ${(node as { type: string }).type}`);
  }
}

function evaluateMember(node: Expression & { type: "MemberExpression" }, scope: Scope): Value {
  const object = evaluate(node.object, scope);
  const { property } = node;
  if (property.type === "SliceExpression") {
    const bounds = [property.start, property.stop, property.step];
    const values = bounds.map((bound) => (bound === undefined ? null : evaluate(bound, scope)));
    return slice(object, new Arguments("slice", values, new Map()));
  }
  if (node.computed) return member(object, evaluate(property, scope), true);
  if (property.type === "Identifier") return member(object, property.value, false);
  return member(object, evaluate(property, scope), true);
}
