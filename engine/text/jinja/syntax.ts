/**
 * Parses Jinja source to a syntax tree.
 *
 * The lexer and the parser are those of `@huggingface/jinja` 0.5.11. Two things are rewritten before they run: line ends
 * (Jinja only has `\n`), and tests with arguments (`x is divisibleby(2)`, `x is in ["a"]`), which that parser rejects;
 * they become filters of a reserved name.
 *
 * @module
 */
import { parse, tokenize } from "@huggingface/jinja";

/** A token of the lexer. */
interface Token {
  readonly value: string;
  readonly type: string;
}

/** A name. */
export interface Identifier {
  readonly type: "Identifier";
  readonly value: string;
}

/** `name=value` in a call or a macro's parameters. */
export interface KeywordArgument {
  readonly type: "KeywordArgumentExpression";
  readonly key: Identifier;
  readonly value: Expression;
}

/** A call; also a filter with arguments. */
export interface Call {
  readonly type: "CallExpression";
  readonly callee: Expression;
  readonly args: readonly Argument[];
}

/** An argument of a call. */
export type Argument =
  | Expression
  | KeywordArgument
  | { readonly type: "SpreadExpression"; readonly argument: Expression }
  | { readonly type: "KeywordSpreadExpression"; readonly argument: Expression };

/** A parameter of a macro. */
export type Parameter = Identifier | KeywordArgument;

/** `a[start:stop:step]`. */
export interface Slice {
  readonly type: "SliceExpression";
  readonly start?: Expression;
  readonly stop?: Expression;
  readonly step?: Expression;
}

/** `a if b`: a conditional expression, or a loop's filter. */
export interface Select {
  readonly type: "SelectExpression";
  readonly lhs: Expression;
  readonly test: Expression;
}

/** An expression. */
export type Expression =
  | Identifier
  | Call
  | Select
  | { readonly type: "IntegerLiteral" | "FloatLiteral"; readonly value: number }
  | { readonly type: "StringLiteral"; readonly value: string }
  | { readonly type: "ArrayLiteral" | "TupleLiteral"; readonly value: readonly Expression[] }
  | { readonly type: "ObjectLiteral"; readonly value: ReadonlyMap<Expression, Expression> }
  | {
    readonly type: "MemberExpression";
    readonly object: Expression;
    readonly property: Expression | Slice;
    readonly computed: boolean;
  }
  | {
    readonly type: "BinaryExpression";
    readonly operator: Token;
    readonly left: Expression;
    readonly right: Expression;
  }
  | { readonly type: "UnaryExpression"; readonly operator: Token; readonly argument: Expression }
  | { readonly type: "FilterExpression"; readonly operand: Expression; readonly filter: Identifier | Call }
  | {
    readonly type: "TestExpression";
    readonly operand: Expression;
    readonly negate: boolean;
    readonly test: Identifier;
  }
  | {
    readonly type: "Ternary";
    readonly condition: Expression;
    readonly trueExpr: Expression;
    readonly falseExpr: Expression;
  };

/** A statement; the value of an expression is output. */
export type Statement =
  | Expression
  | { readonly type: "Comment" | "Break" | "Continue" }
  | { readonly type: "If"; readonly test: Expression; readonly body: Statement[]; readonly alternate: Statement[] }
  | {
    readonly type: "For";
    readonly loopvar: Expression;
    readonly iterable: Expression;
    readonly body: Statement[];
    readonly defaultBlock: Statement[];
  }
  | {
    readonly type: "Set";
    readonly assignee: Expression;
    readonly value: Expression | null;
    readonly body: Statement[];
  }
  | {
    readonly type: "Macro";
    readonly name: Identifier;
    readonly args: readonly Parameter[];
    readonly body: Statement[];
  }
  | {
    readonly type: "CallStatement";
    readonly call: Call;
    readonly callerArgs: readonly Parameter[] | null;
    readonly body: Statement[];
  }
  | { readonly type: "FilterStatement"; readonly filter: Identifier | Call; readonly body: Statement[] };

/** Name prefix of filters that represent tests with arguments. */
export const TEST_PREFIX = "__test_";
/** Name prefix of filters that represent negated tests with arguments. */
export const NEGATED_TEST_PREFIX = "__test_not_";

/**
 * Parse a template.
 *
 * @param source Jinja source.
 * @returns The statements of the template.
 * @throws {Error} When the source does not parse.
 */
export function parseTemplate(source: string): readonly Statement[] {
  const tokens = tokenize(source.replace(/\r\n?/g, "\n"), { lstrip_blocks: true, trim_blocks: true });
  const program = parse(rewriteTests(tokens as readonly Token[]) as typeof tokens);
  return program.body as unknown as readonly Statement[];
}

const LITERALS = new Set(["NumericLiteral", "StringLiteral"]);
/** Tests whose argument may be a variable without parentheses. */
const NAME_TESTS = new Set(["in", "sameas", "eq", "equalto", "ne", "gt", "ge", "lt", "le", "divisibleby"]);

/** `is [not] name argument` as `| __test_name(argument)`. */
function rewriteTests(tokens: readonly Token[]): Token[] {
  const output: Token[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as Token;
    const negated = tokens[i + 1]?.type === "Identifier" && tokens[i + 1]?.value === "not";
    const at = i + (negated ? 2 : 1);
    const name = tokens[at];
    const argument = tokens[at + 1];
    const isTest = token.type === "Identifier" && token.value === "is" && output.at(-1)?.type !== "Dot" &&
      name?.type === "Identifier" && argument !== undefined;
    const opens = argument?.type === "OpenParen" || argument?.type === "OpenSquareBracket";
    const plain = argument !== undefined &&
      (LITERALS.has(argument.type) || (argument.type === "Identifier" && NAME_TESTS.has(name?.value ?? "")));
    if (!isTest || !(opens || plain)) {
      output.push(token);
      continue;
    }
    output.push(
      { type: "Pipe", value: "|" },
      { type: "Identifier", value: (negated ? NEGATED_TEST_PREFIX : TEST_PREFIX) + name.value },
    );
    if (argument.type === "OpenParen" && name.value !== "in") i = at;
    else {
      const end = opens ? closing(tokens, at + 1) : memberEnd(tokens, at + 1);
      output.push({ type: "OpenParen", value: "(" }, ...tokens.slice(at + 1, end), { type: "CloseParen", value: ")" });
      i = end - 1;
    }
  }
  return output;
}

/** Index after the bracket that closes the one at `start`. */
function closing(tokens: readonly Token[], start: number): number {
  let depth = 0;
  for (let i = start; i < tokens.length; i++) {
    const { type } = tokens[i] as Token;
    if (type.startsWith("Open")) depth++;
    if (type.startsWith("Close") && --depth === 0) return i + 1;
  }
  return tokens.length;
}

/** Index after `name.field.field`. */
function memberEnd(tokens: readonly Token[], start: number): number {
  let end = start + 1;
  while (tokens[end]?.type === "Dot") end += 2;
  return end;
}
