/**
 * `upbeat chat`: a conversation, line by line.
 *
 * @module
 */
import { createInterface } from "node:readline";
import process from "node:process";
import { ChatTemplate } from "../engine/text/chat_template.ts";
import type { ChatMessage } from "../engine/text/chat_template.ts";
import type { Engine, GenerateOptions } from "../mod.ts";
import type { Command } from "./command.ts";
import { ENGINE_FLAGS, engineOptions, generateOptions, GENERATION_FLAGS } from "./engine_flags.ts";
import { parseFlags } from "./flags.ts";
import { Interrupt } from "./interrupt.ts";
import { shippedModel } from "./model_folder.ts";
import { summary } from "./summary.ts";
import { note, print } from "./terminal.ts";
import { UsageError } from "./usage.ts";

const FLAGS = {
  system: { kind: "text", value: "TEXT", help: "a system message before the conversation" },
  ...GENERATION_FLAGS,
  quiet: { kind: "boolean", help: "no summary after each answer" },
  ...ENGINE_FLAGS,
} as const;

/** The command. */
export const chat: Command = {
  name: "chat",
  summary: "Talk with a model.",
  usage: ["[MODEL]"],
  details: "Each line of standard input is a message. /reset forgets the conversation, /exit or Ctrl-D ends it;\n" +
    "Ctrl-C ends an answer, and the conversation when there is none. The model must have a chat template;\n" +
    "without MODEL it is the small one that comes with Upbeat, which tells stories and answers questions about them.",
  flags: FLAGS,
  async run(args) {
    const { values, positional } = parseFlags(args, FLAGS);
    const [model = shippedModel(), extra] = values.model === undefined ? positional : [values.model, ...positional];
    if (extra !== undefined) {
      throw new UsageError(`unexpected argument ${JSON.stringify(extra)}; messages are typed when asked`);
    }
    // Asked for before the weights are loaded, which takes longer.
    await ChatTemplate.fromFolder(model);

    const { loadEngine } = await import("./load.ts");
    const engine = await loadEngine(model, engineOptions(values, 1));
    try {
      const system: ChatMessage[] = values.system === undefined ? [] : [{ role: "system", content: values.system }];
      return await converse(engine, system, generateOptions(values), values.quiet);
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
  // Between answers a signal ends the conversation; a readline that is closed ends the loop below.
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
        const asked = [...messages, { role: "user", content }];
        const answer = await reply(engine, asked, options, quiet);
        interrupt = new Interrupt(() => input.close());
        if (answer !== null) messages = [...asked, { role: "assistant", content: answer.text }];
        // Without a terminal nobody is there to go on after Ctrl-C.
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

/** Print the answer to a conversation. Null when the request failed: the message is dropped, and the user told. */
async function reply(
  engine: Engine,
  messages: readonly ChatMessage[],
  options: GenerateOptions,
  quiet: boolean,
): Promise<{ text: string; exitCode: number | null } | null> {
  try {
    const generation = engine.generate(messages, options);
    using interrupt = new Interrupt(() => generation.cancel());
    for await (const text of generation.text()) print(text);
    print("\n");
    const result = await generation.result;
    if (!quiet) note(`${summary(result)}\n`);
    return { text: result.text, exitCode: interrupt.exitCode };
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    const isAboutTheRequest = name === "UpbeatError" &&
      ["PROMPT_TOO_LONG", "PROMPT_INVALID", "CHAT_TEMPLATE_INVALID"].includes(code ?? "");
    if (!isAboutTheRequest) throw error;
    note(`upbeat: ${message}\n`);
    return null;
  }
}
