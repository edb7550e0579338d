/**
 * The content of messages, in the form that a chat template expects: text, or a list of parts.
 *
 * Clients send both. Most templates print a list as Python would, or drop it; a few see nothing in plain text. Which form a
 * template takes is found out by rendering a message of each form and looking for its text.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import type { ChatMessage } from "./chat_message.ts";

/** The form of a message's content. */
type ContentForm = "text" | "parts";

/** The text of probes; no template prints it by itself. */
const PROBE = "upbeat0probe1text";
/** Appended to a message that is to be continued; transformers uses the same text. */
const CONTINUATION = "CONTINUE_FINAL_MESSAGE_TAG";
/** Most messages of a conversation. */
const MAX_MESSAGES = 20_000;
/** Longest role that is repeated in an error, in characters. */
const MAX_SHOWN = 40;

/** Renders a conversation; throws where the template rejects it. */
export type RenderMessages = (messages: readonly ChatMessage[]) => string;

/** Puts contents into the form that a template takes. */
export class ChatContent {
  readonly #render: RenderMessages;
  /** What is known of each role and form. */
  readonly #shown = new Map<string, boolean>();

  /** @param render Renders a conversation with the template, without tools. */
  constructor(render: RenderMessages) {
    this.#render = render;
  }

  /**
   * Check messages and put their contents into the form that the template takes.
   *
   * @param messages The conversation.
   * @returns The same messages, or copies with another content.
   * @throws {UpbeatError} PROMPT_INVALID for too many messages, one without a role, or a part that is not text.
   */
  prepare(messages: readonly ChatMessage[]): readonly ChatMessage[] {
    checkMessages(messages);
    const contents = messages.map((message, index) => this.#contentOf(message, index));
    if (contents.every((content, index) => content === messages[index]?.content)) return messages;
    return messages.map((message, index) =>
      contents[index] === message.content ? message : { ...message, content: contents[index] }
    );
  }

  #contentOf({ role, content }: ChatMessage, index: number): unknown {
    if (typeof content === "string") {
      if (this.#shows(role, "text") || !this.#shows(role, "parts")) return content;
      return [{ type: "text", text: content }];
    }
    if (!Array.isArray(content)) return content;
    const texts = content.map((part: unknown, at) => partText(part, index, at));
    return this.#shows(role, "parts") ? content : texts.join("");
  }

  /** Whether the template prints a content of a form, and nothing of its structure. */
  #shows(role: string, form: ContentForm): boolean {
    const known = role === "system" || role === "assistant" || role === "tool" ? role : "user";
    const key = `${known} ${form}`;
    let shown = this.#shown.get(key);
    if (shown === undefined) this.#shown.set(key, shown = this.#probe(known, form));
    return shown;
  }

  #probe(role: string, form: ContentForm): boolean {
    const content = form === "text" ? PROBE : [{ type: "text", text: PROBE }];
    const user = { role: "user", content: "Hi" };
    const probed = { role, content };
    const conversation: ChatMessage[] = role === "user"
      ? [probed]
      : role === "system"
      ? [probed, user]
      : role === "assistant"
      ? [user, probed, user]
      : [user, TOOL_CALL, { ...probed, tool_call_id: "abcdefghi", name: "f" }];
    try {
      const text = this.#render(conversation);
      return text.includes(PROBE) && !/['"]type['"]/.test(text);
    } catch {
      return false;
    }
  }
}

/** A call that a tool's message answers; some templates demand nine characters as its id. */
const TOOL_CALL: ChatMessage = {
  role: "assistant",
  content: "",
  tool_calls: [{ id: "abcdefghi", type: "function", function: { name: "f", arguments: {} } }],
};

/** Checks what every template relies on. */
function checkMessages(messages: unknown): void {
  if (!Array.isArray(messages)) {
    throw new UpbeatError("PROMPT_INVALID", "messages must be a list of { role, content }", { field: "messages" });
  }
  if (messages.length > MAX_MESSAGES) {
    throw new UpbeatError(
      "PROMPT_INVALID",
      `the conversation has ${messages.length} messages; at most ${MAX_MESSAGES} are supported`,
      { messages: messages.length },
    );
  }
  for (const [index, message] of (messages as unknown[]).entries()) {
    const role: unknown = typeof message === "object" && message !== null ? (message as ChatMessage).role : undefined;
    if (typeof role !== "string") {
      throw new UpbeatError("PROMPT_INVALID", `chat message ${index} has no role; each is { role, content }`, {
        index,
      });
    }
  }
}

/** The text of a part. */
function partText(part: unknown, message: number, index: number): string {
  const { type, text } = (typeof part === "object" && part !== null ? part : {}) as Record<string, unknown>;
  if (type === "text" && typeof text === "string") return text;
  const found = typeof type === "string" ? type.slice(0, MAX_SHOWN) : typeof part;
  throw new UpbeatError(
    "PROMPT_INVALID",
    `part ${index} of chat message ${message} is of type ${found}; this engine reads parts { type: "text", text } only`,
    { message, part: index, type: found },
  );
}

/**
 * Render a conversation whose last message is left open.
 *
 * @param messages The conversation, prepared; the last message is the assistant's.
 * @param render Renders it, without the start of another turn.
 * @returns The text up to the end of the last message's content.
 * @throws {UpbeatError} PROMPT_INVALID when the last message is not the assistant's or has no text; CHAT_TEMPLATE_INVALID
 * when the template does not print it.
 */
export function renderOpen(messages: readonly ChatMessage[], render: RenderMessages): string {
  const last = messages.at(-1);
  const content = last?.role === "assistant" ? last.content : undefined;
  const text = typeof content === "string" ? content : Array.isArray(content) ? lastText(content) : null;
  if (last === undefined || text === null) {
    const field = "continueFinalMessage";
    throw new UpbeatError("PROMPT_INVALID", `${field} needs a last message of the assistant with text`, { field });
  }
  let tag = CONTINUATION;
  while (text.includes(tag)) tag += "_";
  // The space shows whether the template trims the content.
  const open = typeof content === "string"
    ? `${content}${tag} `
    : [...(content as unknown[]).slice(0, -1), { type: "text", text: `${text}${tag} ` }];
  const rendered = render([...messages.slice(0, -1), { ...last, content: open }]);
  const end = rendered.lastIndexOf(tag);
  if (end < 0) {
    throw new UpbeatError(
      "CHAT_TEMPLATE_INVALID",
      "the chat template does not print the last message, so it cannot be continued",
      { field: "continueFinalMessage" },
    );
  }
  const kept = rendered.slice(0, end);
  return rendered.startsWith(`${tag} `, end) ? kept : kept.trimEnd();
}

/** The text of the last part; null without one. */
function lastText(parts: readonly unknown[]): string | null {
  const last = parts.at(-1) as { text?: unknown } | undefined;
  return typeof last?.text === "string" ? last.text : null;
}
