/**
 * A message of a conversation.
 *
 * @module
 */

/** One message; templates may read further fields (`tool_calls`, `name`, …). */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`, or any other role that the template supports. */
  readonly role: string;
  /** The text, or a list of parts `{ type: "text", text }`. */
  readonly content?: unknown;
  readonly [field: string]: unknown;
}
