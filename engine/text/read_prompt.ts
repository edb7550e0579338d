/**
 * Copies what a caller gave as a prompt: it may be of any type, have getters, or be a proxy, that throw or return something
 * else the next time; and of any size.
 *
 * @module
 */
import { messageOf, showValue, toUpbeatError, UpbeatError } from "../../errors.ts";
import type { ChatMessage } from "./chat_message.ts";
import { maxPromptValues, promptTooLong } from "./prompt_encoder.ts";

/** Levels of nesting in chat messages and template variables, at most. */
const MAX_DEPTH = 100;

/** A prompt by its form; what it consists of is not checked yet. */
type ReadPrompt = string | Int32Array | readonly number[] | readonly ChatMessage[];

/**
 * Read a prompt.
 *
 * @param prompt Of any type.
 * @param maxContext The most tokens or messages that can be of use.
 * @param checkCount Called with the number of token ids where it is larger; throws.
 * @returns A copy, that nothing else refers to: text, token ids or chat messages as far as its form shows, of plain values.
 * @throws {UpbeatError} `PROMPT_INVALID`, `PROMPT_TOO_LONG`.
 */
export function readPrompt(prompt: unknown, maxContext: number, checkCount: (tokens: number) => void): ReadPrompt {
  if (typeof prompt === "string") return prompt;
  return reading("the prompt", "PROMPT_INVALID", () => {
    const isTyped = prompt instanceof Int32Array;
    if (!isTyped && !Array.isArray(prompt)) {
      const given = showValue(prompt);
      throw new UpbeatError("PROMPT_INVALID", `a prompt is text, token ids or chat messages, not ${given}`);
    }
    const { length } = prompt;
    if (length > maxContext) {
      if (isTyped || typeof prompt[0] === "number") checkCount(length);
      throw promptTooLong(`${length} tokens or messages`, maxContext);
    }
    if (isTyped) return Int32Array.from(prompt);
    return new PlainCopy("the prompt", "PROMPT_INVALID", maxContext).list(prompt, length, 0) as readonly ChatMessage[];
  });
}

/**
 * Read the variables of a chat template.
 *
 * @param variables An object.
 * @param maxContext The engine's context.
 * @returns The variables as plain values.
 * @throws {UpbeatError} `INVALID_PARAMETER`, `PROMPT_TOO_LONG`.
 */
export function readVariables(variables: object, maxContext: number): Record<string, unknown> {
  const [field, code] = ["templateVariables", "INVALID_PARAMETER"] as const;
  return reading(field, code, () => new PlainCopy(field, code, maxContext).object(variables, 0));
}

type InvalidCode = "PROMPT_INVALID" | "INVALID_PARAMETER";

function reading<Value>(what: string, code: InvalidCode, read: () => Value): Value {
  try {
    return read();
  } catch (thrown) {
    const typed = toUpbeatError(thrown);
    if (typed === thrown) throw thrown;
    throw new UpbeatError(code, `${what} cannot be read: ${showValue(messageOf(thrown))}`, {}, { cause: thrown });
  }
}

/** Copies values as far as they are plain: objects, lists and what JSON has besides. Functions and symbols are not. */
class PlainCopy {
  readonly #what: string;
  readonly #code: InvalidCode;
  readonly #maxContext: number;
  readonly #maxValues: number;
  #values = 0;

  constructor(what: string, code: InvalidCode, maxContext: number) {
    this.#what = what;
    this.#code = code;
    this.#maxContext = maxContext;
    this.#maxValues = maxPromptValues(maxContext);
  }

  list(list: readonly unknown[], length: number, depth: number): unknown[] {
    this.#count(length);
    const copy: unknown[] = [];
    for (let at = 0; at < length; at++) copy.push(this.#value(list[at], depth + 1));
    return copy;
  }

  object(object: object, depth: number): Record<string, unknown> {
    const names = Object.keys(object);
    this.#count(names.length);
    const copy: Record<string, unknown> = {};
    for (const name of names) {
      const value = this.#value((object as Record<string, unknown>)[name], depth + 1);
      // Assigning to __proto__ would set the prototype.
      if (name !== "__proto__") copy[name] = value;
      else Object.defineProperty(copy, name, { value, enumerable: true, configurable: true, writable: true });
    }
    return copy;
  }

  #value(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case "function":
      case "symbol":
        throw this.#invalid(`must be of plain values, and contains ${showValue(value)}`);
      case "object":
        break;
      default:
        return value;
    }
    if (value === null) return value;
    if (depth > MAX_DEPTH) throw this.#invalid(`may be nested at most ${MAX_DEPTH} levels deep`);
    if (Array.isArray(value)) return this.list(value, value.length, depth);
    const isPlain = !ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Object]";
    if (!isPlain) throw this.#invalid(`must be of plain values, and contains ${showValue(value)}`);
    return this.object(value, depth);
  }

  /** Each list and object counts too, or empty ones would be free. */
  #count(values: number): void {
    this.#values += values + 1;
    if (this.#values > this.#maxValues) throw promptTooLong(`more than ${this.#maxValues} values`, this.#maxContext);
  }

  #invalid(rule: string): UpbeatError {
    return new UpbeatError(this.#code, `${this.#what} ${rule}`);
  }
}
