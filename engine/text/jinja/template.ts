/**
 * A parsed Jinja template.
 *
 * Our own implementation of Jinja 3.1 as Hugging Face transformers configures it, with Python's semantics. What is not
 * supported is an error, never other text; what a rendering may do is bounded.
 *
 * @module
 */
import { UpbeatError } from "../../../errors.ts";
import { Budget } from "./budget.ts";
import { RaisedByTemplate, TemplateError } from "./errors.ts";
import { readInput } from "./input.ts";
import { templateGlobals } from "./library/globals.ts";
import { Output, Scope } from "./scope.ts";
import { compileTemplate, type Run } from "./statements.ts";
import { parseTemplate } from "./syntax/parser.ts";

/** Options of {@linkcode JinjaTemplate.render}. */
export interface RenderOptions {
  /** The time of `strftime_now`. */
  readonly now?: Date;
  /** Whether this is a small conversation that is rendered to see what the template does; it gets a small budget. */
  readonly isProbe?: boolean;
}

/** A template that is parsed once and rendered any number of times. */
export class JinjaTemplate {
  readonly #run: Run;

  /**
   * @param source Jinja source.
   * @throws {UpbeatError} CHAT_TEMPLATE_INVALID when it does not parse.
   */
  constructor(source: string) {
    try {
      this.#run = compileTemplate(parseTemplate(source));
    } catch (error) {
      throw templateError("does not parse", error);
    }
  }

  /**
   * Render the template.
   *
   * @param variables Plain values by name; they take precedence over globals of the same name.
   * @param options See {@linkcode RenderOptions}.
   * @returns The text.
   * @throws {UpbeatError} CHAT_TEMPLATE_INVALID, with the template's own message, when it raises, cannot be evaluated, or
   * does too much; PROMPT_INVALID when the variables are not plain values.
   */
  render(variables: Readonly<Record<string, unknown>>, options: RenderOptions = {}): string {
    const { now = new Date(), isProbe = false } = options;
    const budget = new Budget(isProbe);
    const input = readInput(variables, budget);
    const output = new Output();
    const scope = new Scope(null, budget, output);
    for (const [name, value] of templateGlobals(now)) scope.set(name, value);
    for (const [name, value] of input) scope.set(name, value);
    try {
      this.#run(scope.inner());
      return output.text;
    } catch (error) {
      throw templateError(error instanceof RaisedByTemplate ? "rejected the conversation" : "failed", error);
    }
  }
}

/** A typed error with the template's own message. */
function templateError(what: string, error: unknown): UpbeatError {
  // Deep recursion, or a text longer than the engine allows.
  const message = error instanceof RangeError
    ? "it is nested too deeply or makes too long a text"
    : error instanceof Error
    ? error.message
    : String(error);
  const details = { templateMessage: message };
  const cause = error instanceof TemplateError ? {} : { cause: error };
  return new UpbeatError("CHAT_TEMPLATE_INVALID", `the chat template ${what}: ${message}`, details, cause);
}
