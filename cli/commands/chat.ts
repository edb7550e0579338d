/**
 * `upbeat chat`: a conversation, line by line.
 *
 * @module
 */
import { createInterface } from "node:readline";
import process from "node:process";
import { boolean, text } from "../../engine/config/option.ts";
import { ChatTemplate } from "../../engine/text/chat_template.ts";
import type { ChatMessage } from "../../engine/text/chat_message.ts";
import type { Engine, GenerateOptions } from "../../mod.ts";
import type { Command } from "./command.ts";
import { ENGINE_FLAGS, engineOptions, generateOptions, GENERATION_FLAGS } from "../flags/engine_flags.ts";
import { parseFlags } from "../flags/flags.ts";
import { Interrupt } from "../terminal/interrupt.ts";
import { locateModel } from "../../hub/locate_model.ts";
import { bundledModel } from "./model_folder.ts";
import { summary } from "../terminal/summary.ts";
import { errorText } from "../terminal/error_text.ts";
import { note, print } from "../terminal/terminal.ts";
import { UsageError } from "../errors.ts";

const CHAT_FLAGS = {
  system: text({ help: "a system message before the conversation" }),
  quiet: boolean({ help: "no summary after each answer" }),
} as const;

const FLAGS = { ...CHAT_FLAGS, ...GENERATION_FLAGS, ...ENGINE_FLAGS } as const;

/** The command. */
export const chat: Command = {
  name: "chat",
  summary: "Talk with a model.",
  usage: ["[MODEL]"],
  details: "Each line of standard input is a message. /reset forgets the conversation, /exit or Ctrl-D ends it;\n" +
    "Ctrl-C ends an answer, and between answers the conversation. The model must have a chat template;\n" +
    "without MODEL, it is the small one that comes with Upbeat, which tells stories and answers questions about them.",
  flags: { Conversation: CHAT_FLAGS, Generation: GENERATION_FLAGS, Engine: ENGINE_FLAGS },
  async run(args) {
    const { values, positional } = parseFlags(args, FLAGS);
    const [model = bundledModel(), extra] = values.model === undefined ? positional : [values.model, ...positional];
    if (extra !== undefined) {
      throw new UsageError(`unexpected argument ${JSON.stringify(extra)}; messages are read from standard input`);
    }
    // Checked first: loading the weights takes longer.
    await ChatTemplate.fromFolder(locateModel(model));

    const { loadEngine } = await import("./load.ts");
    const engine = await loadEngine(model, engineOptions(values, 1));
    try {
      const system: ChatMessage[] = values.system === undefined ? [] : [{ role: "system", content: values.system }];
      return await converse(engine, system, generateOptions(values), values.quiet === true);
    } finally {
      await engine.dispose();
    }
  },
};

async function converse(
  engine: Engine,
  system: readonly ChatMessage[],
  options: GenerateOptions,
  quiet: boolean,
): Promise<number> {
  const isTerminal = process.stdin.isTTY === true;
  const input = createInterface({ input: process.stdin, terminal: false });
  // Between answers a signal ends the conversation: closing the readline ends the loop below.
  let exitCode = 0;
  const prompt = () => isTerminal && note("> ");
  let messages: ChatMessage[] = [...system];
  let interrupt = new Interrupt(() => input.close());
  try {
    prompt();
    for await (const line of input) {
      const content = line.trim();
      if (content === "/exit") break;
      if (content === "/reset") messages = [...system];
      else if (content !== "") {
        interrupt[Symbol.dispose]();
        const conversation = [...messages, { role: "user", content }];
        const answer = await reply(engine, conversation, options, quiet);
        interrupt = new Interrupt(() => input.close());
        if (answer !== null) messages = [...conversation, { role: "assistant", content: answer.text }];
        // Without a terminal, Ctrl-C ends the conversation too.
        if (answer?.exitCode && !isTerminal) {
          exitCode = answer.exitCode;
          break;
        }
      }
      prompt();
    }
  } finally {
    interrupt[Symbol.dispose]();
    input.close();
  }
  return interrupt.exitCode ?? exitCode;
}

/** Print the answer to a conversation. Null when the request failed: the user sees why, and the message is dropped. */
async function reply(
  engine: Engine,
  messages: readonly ChatMessage[],
  options: GenerateOptions,
  quiet: boolean,
): Promise<{ text: string; exitCode: number | null } | null> {
  try {
    const generation = engine.generate(messages, options);
    using interrupt = new Interrupt(() => generation.cancel());
    for await (const piece of generation.text()) print(piece);
    print("\n");
    const result = await generation.result;
    if (!quiet) note(`${summary(result)}\n`);
    return { text: result.text, exitCode: interrupt.exitCode };
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    const isRequestError = name === "UpbeatError" &&
      ["PROMPT_TOO_LONG", "PROMPT_INVALID", "CHAT_TEMPLATE_INVALID"].includes(code ?? "");
    if (!isRequestError) throw error;
    note(`upbeat: ${errorText(message)}\n`);
    return null;
  }
}
