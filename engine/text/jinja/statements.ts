/**
 * Compiles statements to functions.
 *
 * @module
 */
import { TemplateError } from "./errors.ts";
import { callValue, compileArguments, compileExpression, compileFilter, type Evaluate } from "./expressions.ts";
import { Arguments, expectText } from "./python/arguments.ts";
import { type Frame, frameNames, targetNames } from "./frames.ts";
import { Loop, type Recurse } from "./loop.ts";
import {
  type CallArguments,
  isObject,
  isTrue,
  lengthOf,
  membersOf,
  PyFunction,
  PyTuple,
  Undefined,
  type Value,
} from "./python/values.ts";
import { toText } from "./python/stringify.ts";
import { Output, type Scope } from "./scope.ts";
import type { ForNode, MacroNode, Statement, Target } from "./syntax/nodes.ts";

/** How a block ended: normally, or by `{% break %}` or `{% continue %}`. */
type Ending = "end" | "break" | "continue";

/** A compiled statement or block. */
export type Run = (scope: Scope) => Ending;

/** Where a statement is. */
interface Place {
  /** In the branch of a condition: unknown filters and tests are then errors of the run. */
  readonly isSoft: boolean;
  /** In a loop of the same macro. */
  readonly isInLoop: boolean;
  readonly frame: Frame | null;
}

/**
 * Compile the statements of a template.
 *
 * @param statements The statements.
 * @returns The function that runs them in a scope of their own.
 * @throws {TemplateError} For an unknown filter or test, or a `break` outside of a loop.
 */
export function compileTemplate(statements: readonly Statement[]): Run {
  return compileFrame(statements, null);
}

/** Statements that run in a scope of their own, in which some names are set already. */
function compileFrame(
  statements: readonly Statement[],
  parent: Frame | null,
  parameters: readonly string[] = [],
  isInLoop = false,
): Run {
  const { frame, hidden } = frameNames(statements, parameters, parent);
  const block = compileBlock(statements, { isSoft: false, isInLoop, frame });
  if (hidden.length === 0) return block;
  return (scope) => {
    for (const name of hidden) scope.set(name, new Undefined(`'${name}' is undefined`));
    return block(scope);
  };
}

function compileBlock(statements: readonly Statement[], place: Place): Run {
  const runs = statements.map((statement) => compileStatement(statement, place));
  return (scope) => {
    scope.budget.step(1 + runs.length);
    for (const run of runs) {
      const ending = run(scope);
      if (ending !== "end") return ending;
    }
    return "end";
  };
}

/** A function that always ends normally. */
function always(run: (scope: Scope) => void): Run {
  return (scope) => {
    run(scope);
    return "end";
  };
}

function write(scope: Scope, text: string): void {
  scope.budget.text(text.length);
  scope.output.text += text;
}

/** The output of a block that runs in a scope of its own. */
function capture(block: Run, scope: Scope): string {
  const output = new Output();
  block(scope.inner(output));
  return output.text;
}

function compileStatement(node: Statement, place: Place): Run {
  const captured = (body: readonly Statement[]): Run => compileFrame(body, place.frame);
  switch (node.kind) {
    case "text":
      return always((scope) => write(scope, node.text));
    case "output": {
      const value = compileExpression(node.value, place.isSoft);
      return always((scope) => write(scope, toText(scope.budget, value(scope))));
    }
    case "break":
    case "continue": {
      const { kind } = node;
      if (!place.isInLoop) throw new TemplateError(`'${kind}' outside loop`);
      return () => kind;
    }
    case "if": {
      const test = compileExpression(node.test, true);
      const then = compileBlock(node.then, { ...place, isSoft: true });
      const otherwise = compileBlock(node.otherwise, { ...place, isSoft: true });
      return (scope) => (isTrue(test(scope)) ? then(scope) : otherwise(scope));
    }
    case "for":
      return compileFor(node, place);
    case "set": {
      const value = compileExpression(node.value, place.isSoft);
      return always((scope) => assign(node.target, value(scope), scope));
    }
    case "setBlock": {
      const block = captured(node.body);
      const text: Evaluate = (scope) => capture(block, scope);
      const value = node.filter === null ? text : compileFilter(node.filter, place.isSoft, text);
      return always((scope) => assign(node.target, value(scope), scope));
    }
    case "with": {
      const values = node.values.map(([target, value]) => [target, compileExpression(value, place.isSoft)] as const);
      const names = node.values.flatMap(([target]) => targetNames(target));
      const block = compileFrame(node.body, place.frame, names, place.isInLoop);
      return (scope) => {
        const inner = scope.inner();
        for (const [target, value] of values) assign(target, value(scope), inner);
        return block(inner);
      };
    }
    case "macro": {
      const define = compileMacro(node, place);
      return always((scope) => scope.set(node.name, define(scope)));
    }
    case "callBlock":
      return compileCallBlock(node, place);
    case "filterBlock": {
      const block = captured(node.body);
      const value = compileFilter(node.filter, place.isSoft, (scope) => capture(block, scope));
      return always((scope) => write(scope, expectText(value(scope), "the result of a filter block")));
    }
    case "scope": {
      const block = captured(node.body);
      return always((scope) => {
        block(scope.inner());
      });
    }
  }
}

function compileFor(node: ForNode, place: Place): Run {
  const iterable = compileExpression(node.iterable, place.isSoft);
  const test = node.test === null ? null : compileExpression(node.test, false);
  const body = compileFrame(node.body, place.frame, [...targetNames(node.target), "loop"], true);
  const otherwise = compileFrame(node.otherwise, place.frame, [], place.isInLoop);

  const select = (value: Value, scope: Scope): readonly Value[] => {
    const members = value instanceof Loop ? null : membersOf(scope.budget, value);
    if (members === null) throw new TemplateError("iterating over a loop is not supported");
    if (test === null) return members;
    const selected = members.filter((item) => {
      scope.budget.step(6);
      const inner = scope.inner();
      assign(node.target, item, inner);
      return isTrue(test(inner));
    });
    return selected.map((item) => shaped(scope, node.target, item));
  };

  const iterate = (value: Value, scope: Scope, depth: number): Ending => {
    const items = select(value, scope);
    const recurse: Recurse = (inner, level) => {
      const output = new Output();
      scope.budget.nested(() => iterate(inner, scope.inner(output), level));
      return output.text;
    };
    const loop = new Loop(items, depth, node.isRecursive ? recurse : null);
    // As in Jinja, the else block runs unless some iteration reached the end of the body.
    let isComplete = false;
    for (const item of items) {
      scope.budget.step(6);
      const inner = scope.inner();
      inner.set("loop", loop);
      assign(node.target, item, inner);
      const ending = body(inner);
      if (ending === "break") break;
      if (ending === "end") isComplete = true;
      loop.index++;
    }
    return isComplete ? "end" : otherwise(scope.inner());
  };
  return (scope) => iterate(iterable(scope), scope, 0);
}

/** An item of a loop with a test: Jinja makes new tuples of what the targets get. */
function shaped(scope: Scope, target: Target, item: Value): Value {
  if (target.kind !== "targets") return item;
  const members = membersOf(scope.budget, item);
  return new PyTuple(target.items.map((inner, index) => shaped(scope, inner, members[index] as Value)));
}

function assign(target: Target, value: Value, scope: Scope): void {
  if (target.kind === "name") scope.set(target.name, value);
  else if (target.kind === "targets") {
    const { items } = target;
    const length = lengthOf(value);
    if (length !== null && length > items.length) {
      throw new TemplateError(`too many values to unpack (expected ${items.length})`);
    }
    const values = membersOf(scope.budget, value);
    if (values.length !== items.length) {
      const problem = values.length < items.length ? "not enough" : "too many";
      throw new TemplateError(`${problem} values to unpack (expected ${items.length})`);
    }
    items.forEach((item, index) => assign(item, values[index] as Value, scope));
  } else {
    const object = scope.get(target.object);
    if (object === null || !isObject(object) || object.assign === undefined) {
      throw new TemplateError("cannot assign attribute on non-namespace object");
    }
    scope.budget.step();
    object.assign(target.name, value);
  }
}

/** A function that makes the macro, which sees the variables of the place where it is defined. */
function compileMacro(node: MacroNode, place: Place): (scope: Scope) => PyFunction {
  const { name, parameters, reads } = node;
  const names = parameters.map((parameter) => parameter.name);
  const fallbacks = parameters.map(({ fallback }) => fallback === null ? null : compileExpression(fallback, false));
  const block = compileFrame(node.body, place.frame, [...names, ...reads]);

  const bind = (args: CallArguments, scope: Scope): void => {
    const { positional } = args;
    const left = new Map(args.keywords);
    const given = names.map((parameter, index) => {
      if (index < positional.length) return positional[index];
      const value = left.get(parameter);
      left.delete(parameter);
      return value;
    });
    // Defaults may read other parameters.
    names.forEach((parameter, index) => {
      scope.set(parameter, given[index] ?? new Undefined(`parameter '${parameter}' was not provided`));
    });
    fallbacks.forEach((fallback, index) => {
      const isMissing = given[index] === undefined;
      if (isMissing && fallback !== null) scope.set(names[index] as string, fallback(scope));
      else if (!isMissing) scope.set(names[index] as string, given[index] as Value);
    });
    if (reads.has("caller") && !names.includes("caller")) {
      scope.set("caller", left.get("caller") ?? new Undefined("No caller defined"));
      left.delete("caller");
    }
    if (reads.has("kwargs")) scope.set("kwargs", left);
    else if (left.size > 0) {
      throw new TemplateError(`macro '${name}' takes no keyword argument '${[...left.keys()][0]}'`);
    }
    if (reads.has("varargs")) scope.set("varargs", new PyTuple(positional.slice(names.length)));
    else if (positional.length > names.length) {
      throw new TemplateError(`macro '${name}' takes not more than ${names.length} argument(s)`);
    }
  };

  return (defined) =>
    new PyFunction(name, (args) => {
      const output = new Output();
      const scope = defined.inner(output);
      return args.budget.nested(() => {
        bind(args, scope);
        block(scope);
        return output.text;
      });
    }, `<Macro '${name}'>`);
}

function compileCallBlock(node: Statement & { kind: "callBlock" }, place: Place): Run {
  const define = compileMacro(node.caller, place);
  const callee = compileExpression(node.call.callee, place.isSoft);
  const evaluateArguments = compileArguments(node.call.args, place.isSoft);
  return always((scope) => {
    const value = callee(scope);
    const args = evaluateArguments(scope, value instanceof PyFunction ? value.name : "the object");
    if (args.keywords.has("caller")) throw new TemplateError("the argument 'caller' is given twice");
    const keywords = new Map([...args.keywords, ["caller", define(scope)] as const]);
    const result = callValue(value, new Arguments(scope.budget, args.name, args.positional, keywords));
    write(scope, toText(scope.budget, result));
  });
}
