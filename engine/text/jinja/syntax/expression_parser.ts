/**
 * Parses expressions, as Jinja 3.1 does.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import { int, PyFloat } from "../python/values.ts";
import type { CallArguments, Comparison, Expression, FilterNode, SliceNode, Target } from "./nodes.ts";
import type { TokenStream } from "./token_stream.ts";

const NO_ARGUMENTS: CallArguments = { positional: [], keywords: [], spread: null, keywordSpread: null };

/** Operators of one precedence, and the parser of their operands. */
type Level = readonly [operators: readonly string[], operand: (stream: TokenStream) => Expression];

const POWER: Level = [["**"], (stream) => parseUnary(stream, true)];
const PRODUCT: Level = [["*", "/", "//", "%"], (stream) => parseBinary(stream, POWER)];
const SUM: Level = [["+", "-"], parseConcat];

/**
 * Parse an expression, or a tuple without parentheses.
 *
 * @param stream The tokens.
 * @param options Whether conditions may follow, a name that ends it, and whether it is in parentheses.
 * @returns The expression.
 * @throws {TemplateError} When it is invalid.
 */
export function parseTuple(
  stream: TokenStream,
  options: { condition?: boolean; endName?: string; inParentheses?: boolean } = {},
): Expression {
  const items: Expression[] = [];
  let isTuple = false;
  for (;;) {
    if (items.length > 0) stream.expectOperator(",");
    const { kind } = stream.current;
    const ends = kind === "variableEnd" || kind === "blockEnd" || stream.isOperator(")") ||
      (options.endName !== undefined && stream.isName(options.endName));
    if (ends) break;
    items.push(parseExpression(stream, options.condition ?? true));
    if (!stream.isOperator(",")) break;
    isTuple = true;
  }
  if (isTuple) return { kind: "tuple", items };
  if (items[0] !== undefined) return items[0];
  if (options.inParentheses) return { kind: "tuple", items };
  throw stream.unexpected("an expression");
}

/**
 * Parse an expression.
 *
 * @param stream The tokens.
 * @param condition Whether `a if b else c` is allowed.
 * @returns The expression.
 * @throws {TemplateError} When it is invalid.
 */
export function parseExpression(stream: TokenStream, condition = true): Expression {
  return stream.nested(() => (condition ? parseCondition(stream) : parseOr(stream)));
}

function parseCondition(stream: TokenStream): Expression {
  let then = parseOr(stream);
  while (stream.skipName("if")) {
    const test = parseOr(stream);
    const otherwise = stream.skipName("else") ? stream.nested(() => parseCondition(stream)) : null;
    then = { kind: "condition", test, then, otherwise };
  }
  return then;
}

function parseOr(stream: TokenStream): Expression {
  let left = parseAnd(stream);
  while (stream.skipName("or")) left = { kind: "or", left, right: parseAnd(stream) };
  return left;
}

function parseAnd(stream: TokenStream): Expression {
  let left = parseNot(stream);
  while (stream.skipName("and")) left = { kind: "and", left, right: parseNot(stream) };
  return left;
}

function parseNot(stream: TokenStream): Expression {
  if (!stream.skipName("not")) return parseComparison(stream);
  return { kind: "not", operand: stream.nested(() => parseNot(stream)) };
}

function parseComparison(stream: TokenStream): Expression {
  const first = parseBinary(stream, SUM);
  const rest: Comparison[] = [];
  for (;;) {
    let operator: string;
    if (stream.isOperator("==", "!=", "<", "<=", ">", ">=")) operator = stream.next().text;
    else if (stream.skipName("in")) operator = "in";
    else if (stream.isName("not") && stream.followedByName("in")) {
      stream.next();
      stream.next();
      operator = "not in";
    } else break;
    rest.push({ operator, operand: parseBinary(stream, SUM) });
  }
  return rest.length === 0 ? first : { kind: "compare", first, rest };
}

function parseBinary(stream: TokenStream, [operators, operand]: Level): Expression {
  let left = operand(stream);
  while (stream.isOperator(...operators)) {
    left = { kind: "binary", operator: stream.next().text, left, right: operand(stream) };
  }
  return left;
}

function parseConcat(stream: TokenStream): Expression {
  const first = parseBinary(stream, PRODUCT);
  const items = [first];
  while (stream.skipOperator("~")) items.push(parseBinary(stream, PRODUCT));
  return items.length === 1 ? first : { kind: "concat", items };
}

function parseUnary(stream: TokenStream, withFilter: boolean): Expression {
  let node: Expression;
  if (stream.isOperator("-", "+")) {
    const operator = stream.next().text;
    node = { kind: "sign", operator, operand: stream.nested(() => parseUnary(stream, false)) };
  } else node = parsePrimary(stream);
  node = parsePostfix(stream, node);
  return withFilter ? parseFilters(stream, node) : node;
}

function parsePrimary(stream: TokenStream): Expression {
  const token = stream.current;
  switch (token.kind) {
    case "name":
      stream.next();
      return parseName(token.text);
    case "string": {
      let value = "";
      while (stream.current.kind === "string") value += stream.next().text;
      return { kind: "constant", value };
    }
    case "integer":
      stream.next();
      return { kind: "constant", value: int(Number(token.text)) };
    case "float":
      stream.next();
      return { kind: "constant", value: new PyFloat(Number(token.text)) };
  }
  if (stream.skipOperator("(")) {
    const inner = parseTuple(stream, { inParentheses: true });
    stream.expectOperator(")");
    return inner;
  }
  if (stream.skipOperator("[")) return { kind: "list", items: parseItems(stream, "]", () => parseExpression(stream)) };
  if (!stream.skipOperator("{")) throw stream.unexpected("an expression");
  const entries = parseItems(stream, "}", () => {
    const key = parseExpression(stream);
    stream.expectOperator(":");
    return [key, parseExpression(stream)] as const;
  });
  return { kind: "dict", entries };
}

function parseName(name: string): Expression {
  if (name === "true" || name === "True") return { kind: "constant", value: true };
  if (name === "false" || name === "False") return { kind: "constant", value: false };
  if (name === "none" || name === "None") return { kind: "constant", value: null };
  return { kind: "name", name };
}

/** Items up to a closing bracket; a comma may follow the last. */
function parseItems<T>(stream: TokenStream, close: string, parse: () => T): T[] {
  const items: T[] = [];
  while (!stream.isOperator(close)) {
    if (items.length > 0) stream.expectOperator(",");
    if (stream.isOperator(close)) break;
    items.push(parse());
  }
  stream.expectOperator(close);
  return items;
}

function parsePostfix(stream: TokenStream, start: Expression): Expression {
  let node = start;
  for (;;) {
    if (stream.skipOperator(".")) node = parseAttribute(stream, node);
    else if (stream.skipOperator("[")) node = parseSubscript(stream, node);
    else if (stream.isOperator("(")) node = { kind: "call", callee: node, args: parseCallArguments(stream) };
    else return node;
  }
}

function parseAttribute(stream: TokenStream, object: Expression): Expression {
  const token = stream.next();
  if (token.kind === "name") return { kind: "attribute", object, name: token.text };
  if (token.kind !== "integer") throw stream.error("expected name or number");
  return { kind: "item", object, key: { kind: "constant", value: int(Number(token.text)) } };
}

function parseSubscript(stream: TokenStream, object: Expression): Expression {
  const keys: (Expression | SliceNode)[] = [];
  while (!stream.isOperator("]")) {
    if (keys.length > 0) stream.expectOperator(",");
    keys.push(parseKey(stream));
  }
  stream.expectOperator("]");
  const [key] = keys;
  if (keys.length === 1 && key !== undefined) return { kind: "item", object, key };
  if (keys.some((item) => item.kind === "slice")) throw stream.error("several slices are not supported");
  return { kind: "item", object, key: { kind: "tuple", items: keys as Expression[] } };
}

function parseKey(stream: TokenStream): Expression | SliceNode {
  const bounds: (Expression | null)[] = [null, null, null];
  for (let at = 0;; at++) {
    if (!stream.isOperator(":", "]", ",")) bounds[at] = parseExpression(stream);
    if (at === 2 || !stream.skipOperator(":")) {
      const [start] = bounds;
      return at === 0 && start != null ? start : { kind: "slice", bounds };
    }
  }
}

/**
 * Parse the arguments of a call.
 *
 * @param stream The tokens, at the opening parenthesis.
 * @returns The arguments.
 * @throws {TemplateError} When they are invalid.
 */
export function parseCallArguments(stream: TokenStream): CallArguments {
  const positional: Expression[] = [];
  const keywords: [string, Expression][] = [];
  let spread: Expression | null = null;
  let keywordSpread: Expression | null = null;
  const ensure = (isValid: boolean): void => {
    if (!isValid) throw stream.error("invalid syntax for function call expression");
  };
  stream.expectOperator("(");
  parseItems(stream, ")", () => {
    if (stream.skipOperator("*")) {
      ensure(spread === null && keywordSpread === null);
      spread = parseExpression(stream);
    } else if (stream.skipOperator("**")) {
      ensure(keywordSpread === null);
      keywordSpread = parseExpression(stream);
    } else if (stream.current.kind === "name" && stream.followedBy("=")) {
      ensure(keywordSpread === null);
      const name = stream.next().text;
      stream.next();
      if (keywords.some(([other]) => other === name)) throw stream.error(`keyword argument repeated: ${name}`);
      keywords.push([name, parseExpression(stream)]);
    } else {
      ensure(spread === null && keywordSpread === null && keywords.length === 0);
      positional.push(parseExpression(stream));
    }
  });
  return { positional, keywords, spread, keywordSpread };
}

function parseFilters(stream: TokenStream, start: Expression): Expression {
  let node = start;
  for (;;) {
    if (stream.isOperator("|")) node = parseFilterChain(stream, node) as FilterNode;
    else if (stream.isName("is")) node = parseTest(stream, node);
    else if (stream.isOperator("(")) node = { kind: "call", callee: node, args: parseCallArguments(stream) };
    else return node;
  }
}

function parseDottedName(stream: TokenStream): string {
  let name = stream.expect("name").text;
  while (stream.skipOperator(".")) name += `.${stream.expect("name").text}`;
  return name;
}

/**
 * Parse filters.
 *
 * @param stream The tokens.
 * @param operand What the first is applied to; null for the body of a block.
 * @param startsInline Whether the first is not preceded by a bar.
 * @returns The last filter, or the operand if there are none.
 * @throws {TemplateError} When one is invalid.
 */
export function parseFilterChain(
  stream: TokenStream,
  operand: Expression | null,
  startsInline = false,
): Expression | null {
  let node = operand;
  let isFirst = startsInline;
  while (isFirst || stream.skipOperator("|")) {
    isFirst = false;
    const name = parseDottedName(stream);
    const args = stream.isOperator("(") ? parseCallArguments(stream) : NO_ARGUMENTS;
    node = { kind: "filter", operand: node, name, args };
  }
  return node;
}

function parseTest(stream: TokenStream, operand: Expression): Expression {
  stream.next();
  const isNegated = stream.skipName("not");
  const name = parseDottedName(stream);
  let args = NO_ARGUMENTS;
  const startsValue = ["name", "string", "integer", "float"].includes(stream.current.kind) ||
    stream.isOperator("[", "{");
  if (stream.isOperator("(")) args = parseCallArguments(stream);
  else if (startsValue && !stream.isName("else", "or", "and")) {
    if (stream.isName("is")) throw stream.error("You cannot chain multiple tests with is");
    args = { ...NO_ARGUMENTS, positional: [parsePostfix(stream, parsePrimary(stream))] };
  }
  const node: Expression = { kind: "test", operand, name, args };
  return isNegated ? { kind: "not", operand: node } : node;
}

const CONSTANTS = new Set(["true", "false", "none", "True", "False", "None"]);

/**
 * Parse what is assigned to.
 *
 * @param stream The tokens.
 * @param options Whether members of namespaces are allowed, and a name that ends it.
 * @returns The target.
 * @throws {TemplateError} When it cannot be assigned to.
 */
export function parseTarget(stream: TokenStream, options: { member?: boolean; endName?: string } = {}): Target {
  const items: Target[] = [];
  let isTuple = false;
  for (;;) {
    if (items.length > 0) stream.expectOperator(",");
    const ends = stream.current.kind === "blockEnd" || stream.isOperator(")") ||
      (options.endName !== undefined && stream.isName(options.endName));
    if (ends) break;
    items.push(stream.nested(() => parseOneTarget(stream, options.member ?? false)));
    if (!stream.isOperator(",")) break;
    isTuple = true;
  }
  const [first] = items;
  if (first === undefined) throw stream.unexpected("a name");
  return isTuple ? { kind: "targets", items } : first;
}

function parseOneTarget(stream: TokenStream, member: boolean): Target {
  if (stream.skipOperator("(")) {
    const inner = parseTarget(stream);
    stream.expectOperator(")");
    return inner;
  }
  const name = stream.expect("name").text;
  if (member && !CONSTANTS.has(name) && stream.skipOperator(".")) {
    return { kind: "member", object: name, name: stream.expect("name").text };
  }
  return parseTargetName(stream, name);
}

/** A name that can be assigned to. */
export function parseTargetName(
  stream: TokenStream,
  name = stream.expect("name").text,
): { kind: "name"; name: string } {
  if (CONSTANTS.has(name)) throw new TemplateError(`can't assign to '${name}'`);
  return { kind: "name", name };
}
