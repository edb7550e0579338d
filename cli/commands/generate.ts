/**
 * `upbeat generate`: prompts in, text out as it arrives.
 *
 * @module
 */
import {
  type Engine,
  type EventMode,
  type GenerateOptions,
  type Generation,
  type GenerationResult,
  type Prompt,
  serializeRequest,
} from "../../mod.ts";
import { GENERATE_OPTIONS } from "../../engine/config/generate_options.ts";
import { boolean, choice } from "../../engine/config/option.ts";
import type { Command } from "./command.ts";
import { ENGINE_FLAGS, engineOptions, generateOptions, GENERATION_FLAGS } from "../flags/engine_flags.ts";
import { parseFlags } from "../flags/flags.ts";
import type { FlagValues } from "../flags/flags.ts";
import { Interrupt } from "../terminal/interrupt.ts";
import { commandPrompts, PROMPT_DETAILS, PROMPT_FLAGS, PROMPT_USAGE } from "./prompts.ts";
import { batchSummary, summary } from "../terminal/summary.ts";
import { errorText } from "../terminal/error_text.ts";
import { note, print } from "../terminal/terminal.ts";
import { Interrupted, UsageError } from "../errors.ts";

const OUTPUT_FLAGS = {
  json: boolean({ help: "print one JSON object per prompt instead of text" }),
  logprobs: GENERATE_OPTIONS.logprobs,
  events: choice(["full", "compact"], {
    help: "with --json: all events of each request, tokens as events or as bare ids",
  }),
  quiet: boolean({ help: "no summary on standard error" }),
} as const;

const FLAGS = { ...PROMPT_FLAGS, ...OUTPUT_FLAGS, ...GENERATION_FLAGS, ...ENGINE_FLAGS } as const;

/** Tracking for `--events`. */
const EVENT_TRACKING = { trackGeneratedTokenEvents: true, trackPausedRequestEvents: true } as const;

type Values = FlagValues<typeof FLAGS>;

/** The command. */
export const generate: Command = {
  name: "generate",
  summary: "Continue a prompt.",
  usage: PROMPT_USAGE,
  details: `${PROMPT_DETAILS}\n` +
    "Text goes to standard output as it arrives, a summary to standard error.",
  flags: { Prompt: PROMPT_FLAGS, Output: OUTPUT_FLAGS, Generation: GENERATION_FLAGS, Engine: ENGINE_FLAGS },
  async run(args) {
    const { values, positional } = parseFlags(args, FLAGS);
    if (values.logprobs !== undefined && !values.json) throw new UsageError("--logprobs needs --json");
    if (values.events !== undefined && !values.json) throw new UsageError("--events needs --json");
    const { model, prompts, defaults } = commandPrompts("generate", values, positional);

    const { loadEngine } = await import("./load.ts");
    const engine = await loadEngine(model, engineOptions(values, prompts.length));
    try {
      const tracking = values.events === undefined ? {} : EVENT_TRACKING;
      return await generateAll(engine, prompts, values, { ...defaults, ...generateOptions(values), ...tracking });
    } finally {
      await engine.dispose();
    }
  },
};

async function generateAll(
  engine: Engine,
  prompts: readonly Prompt[],
  values: Values,
  options: GenerateOptions,
): Promise<number> {
  const start = performance.now();
  const generations: Generation[] = [];
  using interrupt = new Interrupt(() => generations.forEach((generation) => generation.cancel()));
  const isBatch = values.promptsFile !== undefined;
  const results: GenerationResult[] = [];
  let failed = 0;
  try {
    for (const prompt of prompts) {
      generations.push(engine.generate(prompt, options));
    }
    for (const [at, generation] of generations.entries()) {
      if (isBatch && !values.json) print(`--- ${at + 1}/${prompts.length}: ${prompts[at]}\n`);
      try {
        if (!values.json) await streamText(generation);
        const result = await generation.result;
        results.push(result);
        if (values.json) print(`${JSON.stringify(await toJson(generation, result, values.events))}\n`);
      } catch (error) {
        const isRequestError = (error as Error).name === "UpbeatError";
        if (!isBatch || !isRequestError) throw error;
        // The other prompts continue, and lines stay in the order of the prompts.
        failed++;
        const { code, message } = error as Error & { code: string };
        const json = { error: { code, message }, ...eventsOf(generation, values.events) };
        if (values.json) print(`${JSON.stringify(json)}\n`);
        note(`upbeat: prompt ${at + 1}: ${errorText(message)}\n`);
      }
    }
  } catch (error) {
    generations.forEach((generation) => generation.cancel());
    throw error;
  }
  if (!values.quiet) {
    const [only] = results;
    if (!isBatch && only !== undefined) note(`${summary(only)}\n`);
    else note(`${batchSummary(results, performance.now() - start)}\n`);
  }
  if (interrupt.exitCode !== null) throw new Interrupted(interrupt.exitCode);
  return failed === 0 ? 0 : 1;
}

/** Print a generation's text as it arrives, and end its last line. */
async function streamText(generation: Generation): Promise<void> {
  let last = "";
  try {
    for await (const text of generation.text()) {
      print(text);
      last = text.at(-1)!;
    }
  } catch (error) {
    if (last !== "" && last !== "\n") print("\n");
    throw error;
  }
  if (last !== "\n") print("\n");
}

/** A request's events, with `--events`. */
function eventsOf(generation: Generation, mode: EventMode | undefined): { readonly events?: unknown } {
  return mode === undefined ? {} : { events: serializeRequest(generation.record.merge(), { mode }).events };
}

/** The result as one object; programs rely on its fields. */
async function toJson(
  generation: Generation,
  result: GenerationResult,
  events: EventMode | undefined,
): Promise<Record<string, unknown>> {
  const { text, tokenIds, promptTokenIds, finishReason, usage, metrics, logprobs } = result;
  const { promptTokens, completionTokens } = usage;
  const { ttftMs, tpotMs, e2eMs, queueMs, prefillMs, cachedTokens, preemptions } = metrics;
  return {
    text,
    tokenIds,
    promptTokenIds,
    finishReason,
    usage: { promptTokens, completionTokens },
    metrics: { ttftMs, tpotMs, e2eMs, queueMs, prefillMs, cachedTokens, preemptions },
    chunks: await Array.fromAsync(generation.chunks()),
    ...(logprobs === null ? {} : { logprobs }),
    ...eventsOf(generation, events),
  };
}
