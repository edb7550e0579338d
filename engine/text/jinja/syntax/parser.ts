/**
 * Parses templates to syntax trees, as Jinja 3.1 does with its loop controls and transformers' `generation` tag.
 *
 * @module
 */
import { parseExpression, parseFilterChain, parseTarget, parseTargetName, parseTuple } from "./expression_parser.ts";
import type { Expression, FilterNode, MacroNode, Parameter, Statement, Target } from "./nodes.ts";
import { TokenStream } from "./token_stream.ts";

/** Names that a macro gets without parameters of these names. */
const SPECIAL = ["caller", "kwargs", "varargs"];

/** Tags of Jinja that chat templates have no use for. */
const UNSUPPORTED = new Set(["block", "extends", "include", "import", "from", "autoescape"]);

/**
 * Parse a template.
 *
 * @param source Jinja source.
 * @returns Its statements.
 * @throws {TemplateError} When it does not parse or uses what is not supported.
 */
export function parseTemplate(source: string): readonly Statement[] {
  return new Parser(source).statements(null);
}

class Parser {
  readonly #stream: TokenStream;
  constructor(source: string) {
    this.#stream = new TokenStream(source);
  }

  /** Statements up to one of the tags, which is left, or to the end of the template. */
  statements(ends: readonly string[] | null): Statement[] {
    const stream = this.#stream;
    const body: Statement[] = [];
    for (;;) {
      const token = stream.next();
      if (token.kind === "end") {
        if (ends === null) return body;
        throw stream.error(`Unexpected end of template, expected '${ends.join("' or '")}'`);
      }
      if (token.kind === "data") body.push({ kind: "text", text: token.text });
      else if (token.kind === "variableBegin") {
        body.push({ kind: "output", value: parseTuple(stream) });
        stream.expect("variableEnd");
      } else {
        if (ends !== null && stream.isName(...ends)) return body;
        const statement = stream.nested(() => this.#statement());
        if (statement !== null) body.push(...(Array.isArray(statement) ? statement : [statement]));
        stream.expect("blockEnd");
      }
    }
  }

  #statement(): Statement | Statement[] | null {
    const stream = this.#stream;
    const tag = stream.expect("name").text;
    switch (tag) {
      case "for":
        return this.#for();
      case "if":
        return this.#if();
      case "set":
        return this.#set();
      case "with":
        return this.#with();
      case "macro":
        return this.#macro();
      case "call":
        return this.#callBlock();
      case "filter": {
        const filter = parseFilterChain(stream, null, true) as FilterNode;
        return { kind: "filterBlock", filter, body: this.#body("endfilter") };
      }
      case "print":
        return this.#print();
      case "break":
      case "continue":
        return { kind: tag };
      case "generation":
        return { kind: "scope", body: this.#body("endgeneration") };
    }
    const known = UNSUPPORTED.has(tag);
    throw stream.error(known ? `the tag '${tag}' is not supported` : `Encountered unknown tag '${tag}'`);
  }

  /** The body of a block, and its end tag. */
  #body(end: string): Statement[] {
    this.#beginBody();
    const body = this.statements([end]);
    this.#stream.next();
    return body;
  }

  #beginBody(): void {
    this.#stream.skipOperator(":");
    this.#stream.expect("blockEnd");
  }

  #for(): Statement {
    const stream = this.#stream;
    const target = parseTarget(stream, { endName: "in" });
    stream.expectName("in");
    const iterable = parseTuple(stream, { condition: false, endName: "recursive" });
    const test = stream.skipName("if") ? parseExpression(stream) : null;
    const isRecursive = stream.skipName("recursive");
    this.#beginBody();
    const body = this.statements(["endfor", "else"]);
    const otherwise = stream.next().text === "else" ? this.#body("endfor") : [];
    if (namesOf(target).includes("loop")) {
      throw stream.error("Can't assign to special loop variable in for-loop target");
    }
    return { kind: "for", target, iterable, test, isRecursive, body, otherwise };
  }

  #if(): Statement {
    const stream = this.#stream;
    // Iterative, so that a long chain of elif does not count as nested.
    const branches: { test: Expression; then: Statement[] }[] = [];
    let otherwise: Statement[] = [];
    for (;;) {
      const test = parseTuple(stream, { condition: false });
      this.#beginBody();
      branches.push({ test, then: this.statements(["elif", "else", "endif"]) });
      const tag = stream.next().text;
      if (tag === "elif") continue;
      if (tag === "else") otherwise = this.#body("endif");
      break;
    }
    return branches.reduceRight<Statement>(
      (rest, { test, then }, index) => ({
        kind: "if",
        test,
        then,
        otherwise: index === branches.length - 1 ? otherwise : [rest],
      }),
      { kind: "text", text: "" },
    );
  }

  #set(): Statement {
    const target = parseTarget(this.#stream, { member: true });
    if (this.#stream.skipOperator("=")) return { kind: "set", target, value: parseTuple(this.#stream) };
    const filter = parseFilterChain(this.#stream, null) as FilterNode | null;
    return { kind: "setBlock", target, filter, body: this.#body("endset") };
  }

  #with(): Statement {
    const stream = this.#stream;
    const values: [Target, Expression][] = [];
    while (stream.current.kind !== "blockEnd") {
      if (values.length > 0) stream.expectOperator(",");
      const target = parseTarget(stream);
      stream.expectOperator("=");
      values.push([target, parseExpression(stream)]);
    }
    return { kind: "with", values, body: this.#body("endwith") };
  }

  #print(): Statement[] {
    const stream = this.#stream;
    const outputs: Statement[] = [];
    while (stream.current.kind !== "blockEnd") {
      if (outputs.length > 0) stream.expectOperator(",");
      outputs.push({ kind: "output", value: parseExpression(stream) });
    }
    return outputs;
  }

  #macro(): MacroNode {
    const { name } = parseTargetName(this.#stream);
    const parameters = this.#parameters();
    return this.#macroBody(name, parameters, "endmacro");
  }

  #callBlock(): Statement {
    const stream = this.#stream;
    const parameters = stream.isOperator("(") ? this.#parameters() : [];
    const call = parseExpression(stream);
    if (call.kind !== "call") throw stream.error("expected call");
    return { kind: "callBlock", call, caller: this.#macroBody("caller", parameters, "endcall") };
  }

  #macroBody(name: string, parameters: readonly Parameter[], end: string): MacroNode {
    const start = this.#stream.position;
    const body = this.#body(end);
    const reads = new Set(SPECIAL.filter((special) => this.#stream.reads(special, start)));
    return { kind: "macro", name, parameters, body, reads };
  }

  #parameters(): Parameter[] {
    const stream = this.#stream;
    const parameters: Parameter[] = [];
    stream.expectOperator("(");
    while (!stream.isOperator(")")) {
      if (parameters.length > 0) stream.expectOperator(",");
      const { name } = parseTargetName(stream);
      const fallback = stream.skipOperator("=") ? parseExpression(stream) : null;
      if (fallback === null && parameters.at(-1)?.fallback) {
        throw stream.error("non-default argument follows default argument");
      }
      if (parameters.some((other) => other.name === name)) throw stream.error(`duplicate argument '${name}'`);
      parameters.push({ name, fallback });
    }
    stream.expectOperator(")");
    return parameters;
  }
}

/** The names that a target assigns. */
function namesOf(target: Target): string[] {
  if (target.kind === "targets") return target.items.flatMap(namesOf);
  return target.kind === "name" ? [target.name] : [];
}
