/**
 * A parsed Jinja template.
 *
 * @module
 */
import { UpbeatError } from "../../../errors.ts";
import { RaisedByTemplate, templateGlobals } from "./globals.ts";
import { renderTemplate } from "./interpreter.ts";
import { Scope } from "./scope.ts";
import { parseTemplate, type Statement } from "./syntax.ts";
import { fromPlain } from "./values.ts";

/** A template that is parsed once and rendered any number of times. */
export class JinjaTemplate {
  readonly #statements: readonly Statement[];

  /**
   * @param source Jinja source.
   * @throws {UpbeatError} CHAT_TEMPLATE_INVALID when it does not parse.
   */
  constructor(source: string) {
    try {
      this.#statements = parseTemplate(source);
    } catch (error) {
      throw templateError("does not parse", error);
    }
  }

  /**
   * Render the template.
   *
   * @param variables Plain values by name; they take precedence over globals of the same name.
   * @param now The time of `strftime_now`.
   * @returns The text.
   * @throws {UpbeatError} CHAT_TEMPLATE_INVALID, with the template's own message, when it raises or cannot be evaluated.
   */
  render(variables: Readonly<Record<string, unknown>>, now: Date = new Date()): string {
    const scope = new Scope(null);
    try {
      for (const [name, value] of templateGlobals(now)) scope.set(name, value);
      for (const [name, value] of Object.entries(variables)) {
        if (value !== undefined) scope.set(name, fromPlain(value));
      }
      return renderTemplate(this.#statements, new Scope(scope));
    } catch (error) {
      throw templateError(error instanceof RaisedByTemplate ? "rejected the conversation" : "failed", error);
    }
  }
}

/** A typed error with the template's own message. */
function templateError(what: string, error: unknown): UpbeatError {
  const message = error instanceof Error ? error.message : String(error);
  const details = { templateMessage: message };
  return new UpbeatError("CHAT_TEMPLATE_INVALID", `the chat template ${what}: ${message}`, details, { cause: error });
}
