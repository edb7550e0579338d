/**
 * `upbeat trace`: runs prompts and writes a trace of them.
 *
 * @module
 */
import type { Engine, GenerateOptions, Generation, Prompt, StepReport } from "../../mod.ts";
import { boolean, text } from "../../engine/config/option.ts";
import type { Command } from "./command.ts";
import { ENGINE_FLAGS, engineOptions, generateOptions, GENERATION_FLAGS } from "../flags/engine_flags.ts";
import { type FlagValues, parseFlags } from "../flags/flags.ts";
import { Interrupt } from "../terminal/interrupt.ts";
import { checkWritable, writeOutput } from "../terminal/output_file.ts";
import { commandPrompts, PROMPT_DETAILS, PROMPT_FLAGS, PROMPT_USAGE } from "./prompts.ts";
import { errorText } from "../terminal/error_text.ts";
import { note } from "../terminal/terminal.ts";
import { traceEvents } from "../trace/trace_events.ts";
import { formatTrace } from "../trace/trace_format.ts";
import { Interrupted } from "../errors.ts";

const DEFAULT_OUTPUT = "trace.json";

const OUTPUT_FLAGS = {
  output: text({ placeholder: "FILE", short: "o", defaultText: DEFAULT_OUTPUT, help: "where to write the trace" }),
  quiet: boolean({ help: "no summary on standard error" }),
} as const;

const FLAGS = { ...PROMPT_FLAGS, ...OUTPUT_FLAGS, ...GENERATION_FLAGS, ...ENGINE_FLAGS } as const;

type Values = FlagValues<typeof FLAGS>;

/** A trace shows every event. */
const TRACKING = { trackGeneratedTokenEvents: true, trackPausedRequestEvents: true, trackDetailEvents: true } as const;

/** Letters of a prompt in its lane's title. */
const TITLE_LENGTH = 40;

/** The command. */
export const trace: Command = {
  name: "trace",
  summary: "Run prompts and write a trace of every step.",
  usage: PROMPT_USAGE,
  details: `${PROMPT_DETAILS}\n` +
    "The file is in Chrome's trace-event format: open it at\n" +
    "https://ui.perfetto.dev or chrome://tracing. It has a lane per request (queue, prefill, tokens, pauses,\n" +
    "evictions), a lane of the executor's steps, and counters. Ctrl-C ends the run and writes the trace up to there.",
  flags: { Prompt: PROMPT_FLAGS, Output: OUTPUT_FLAGS, Generation: GENERATION_FLAGS, Engine: ENGINE_FLAGS },
  async run(args) {
    const { values, positional } = parseFlags(args, FLAGS);
    const { model, prompts, defaults } = commandPrompts("trace", values, positional);
    const output = values.output ?? DEFAULT_OUTPUT;
    checkWritable(output, "--output");

    const { loadEngine } = await import("./load.ts");
    const steps: StepReport[] = [];
    const onStep = (report: StepReport) => steps.push(report);
    const engine = await loadEngine(model, { ...engineOptions(values, prompts.length), ...TRACKING, onStep });
    try {
      return await run(engine, prompts, { ...defaults, ...generateOptions(values) }, steps, output, values);
    } finally {
      await engine.dispose();
    }
  },
};

async function run(
  engine: Engine,
  prompts: readonly Prompt[],
  options: GenerateOptions,
  steps: readonly StepReport[],
  output: string,
  values: Values,
): Promise<number> {
  const generations: Generation[] = [];
  using interrupt = new Interrupt(() => generations.forEach((generation) => generation.cancel()));
  for (const prompt of prompts) generations.push(engine.generate(prompt, options));
  // A run shows nothing else before its end.
  if (!values.quiet) {
    note(`${count(prompts.length, "prompt")} running; Ctrl-C ends the run and writes the trace up to there\n`);
  }
  const results = await Promise.allSettled(generations.map(({ result }) => result));
  const failures = results.flatMap((result, index) => (result.status === "rejected" ? [{ ...result, index }] : []));

  // A failed request has its lane too.
  const requests = generations.map((generation, index) => ({
    record: generation.record.merge(),
    tokenizeMs: generation.metrics.tokenizeMs,
    title: titleOf(prompts[index]!),
  }));
  const trace = traceEvents({ requests, steps, finalState: engine.stats(), about: describe(engine) });
  writeOutput(output, "--output", formatTrace(trace));

  for (const { index, reason } of failures) {
    const which = values.promptsFile === undefined ? "" : `prompt ${index + 1}: `;
    note(`upbeat: ${which}${errorText((reason as Error).message)}\n`);
  }
  if (!values.quiet) {
    const tokens = requests.reduce((sum, { record }) => sum + record.tokenIds.length, 0);
    const counts = [count(prompts.length, "prompt"), count(steps.length, "step"), count(tokens, "token")];
    note(`${output}: ${counts.join(", ")}; open it at https://ui.perfetto.dev or chrome://tracing\n`);
  }
  if (interrupt.exitCode !== null) throw new Interrupted(interrupt.exitCode);
  return failures.length === 0 ? 0 : 1;
}

/** Facts about the engine, for the trace's metadata. */
function describe({ info }: Engine): Record<string, string | number> {
  const { modelFolder, device, kvBlocks, blockSize, kvDtype, maxBatchTokens, maxBatchRequests, maxContext } = info;
  const sizes = { kvBlocks, blockSize, kvDtype, maxBatchTokens, maxBatchRequests, maxContext };
  return { writtenBy: "upbeat trace", model: modelFolder, device: device.name, ...sizes };
}

function titleOf(prompt: Prompt): string {
  const first = typeof prompt === "string" ? prompt : prompt[0];
  if (typeof first === "number" || first === undefined) return count(prompt.length, "token id");
  const text = typeof first === "string" ? first : String(first.content);
  const letters = Array.from(text);
  return letters.length > TITLE_LENGTH ? `${letters.slice(0, TITLE_LENGTH - 1).join("")}…` : text;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
