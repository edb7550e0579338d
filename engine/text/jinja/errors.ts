/**
 * Errors of templates.
 *
 * @module
 */

/** Longest message of an error, in characters; templates and messages may hold megabytes. */
const MAX_MESSAGE = 500;

/** An error in a template; the message is the reference's where a template can observe it. */
export class TemplateError extends Error {
  /** @param message What is wrong; cut when it is long. */
  constructor(message: string) {
    super(message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message);
  }
}

/** Thrown by `raise_exception`: the template rejects the conversation. */
export class RaisedByTemplate extends TemplateError {}

/** Thrown when a template does more than its budget allows. */
export class BudgetExceeded extends TemplateError {}
