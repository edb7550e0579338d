/**
 * `upbeat trace`: runs prompts, and writes what happened for a trace viewer.
 *
 * @module
 */
import type { Engine, GenerateOptions, Generation, Prompt, StepReport } from "../mod.ts";
import type { Command } from "./command.ts";
import { ENGINE_FLAGS, engineOptions, generateOptions, GENERATION_FLAGS } from "./engine_flags.ts";
import { type FlagValues, parseFlags } from "./flags.ts";
import { Interrupt } from "./interrupt.ts";
import { checkWritable, writeOutput } from "./output_file.ts";
import { commandPrompts, PROMPT_DETAILS, PROMPT_FLAGS, PROMPT_USAGE } from "./prompts.ts";
import { note } from "./terminal.ts";
import { traceEvents } from "./trace_events.ts";
import { formatTrace } from "./trace_format.ts";
import { Interrupted } from "./usage.ts";

const FLAGS = {
  output: { kind: "text", value: "FILE", short: "o", help: "where to write the trace (trace.json)" },
  ...PROMPT_FLAGS,
  ...GENERATION_FLAGS,
  quiet: { kind: "boolean", help: "no summary on standard error" },
  ...ENGINE_FLAGS,
} as const;

type Values = FlagValues<typeof FLAGS>;

/** Everything is kept: it is what the trace shows. */
const TRACKING = { trackGeneratedTokenEvents: true, trackPausedRequestEvents: true, trackDetailEvents: true } as const;

/** Letters of a prompt beside its lane. */
const TITLE_LENGTH = 40;

/** The command. */
export const trace: Command = {
  name: "trace",
  summary: "Run prompts and write what happened, step by step.",
  usage: PROMPT_USAGE,
  details: `${PROMPT_DETAILS}\n` +
    "The file is in Chrome's trace-event format: open it at\n" +
    "https://ui.perfetto.dev or chrome://tracing. It has a lane per request (queue, prefill, tokens, pauses,\n" +
    "evictions), a lane of the executor's steps, and counters. Ctrl-C ends the run and writes what there is.",
  flags: FLAGS,
  async run(args) {
    const { values, positional } = parseFlags(args, FLAGS);
    const { model, prompts, defaults } = commandPrompts("trace", values, positional);
    const output = values.output ?? "trace.json";
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
  sampling: GenerateOptions,
  steps: readonly StepReport[],
  output: string,
  values: Values,
): Promise<number> {
  const options: GenerateOptions = { ...sampling, addSpecialTokens: !values["no-special"] };
  const generations: Generation[] = [];
  using interrupt = new Interrupt(() => generations.forEach((generation) => generation.cancel()));
  for (const prompt of prompts) generations.push(engine.generate(prompt, options));
  // Nothing else is seen of a run before its end, however long it takes.
  if (!values.quiet) note(`${count(prompts.length, "prompt")} running; Ctrl-C ends this and writes what there is\n`);
  const results = await Promise.allSettled(generations.map(({ result }) => result));
  const failures = results.flatMap((result, index) => (result.status === "rejected" ? [{ ...result, index }] : []));

  // A failed request has its lane too.
  const requests = generations.map((generation, index) => ({
    record: generation.record.merge(),
    tokenizeMs: generation.metrics.tokenizeMs,
    title: titleOf(prompts[index]!),
  }));
  const trace = traceEvents({ requests, steps, standing: engine.stats(), about: describe(engine) });
  writeOutput(output, "--output", formatTrace(trace));

  for (const { index, reason } of failures) {
    const which = values["prompts-file"] === undefined ? "" : `prompt ${index + 1}: `;
    note(`upbeat: ${which}${(reason as Error).message.replaceAll("\n", " ")}\n`);
  }
  if (!values.quiet) {
    const tokens = requests.reduce((sum, { record }) => sum + record.tokenIds.length, 0);
    const counts = [count(prompts.length, "prompt"), count(steps.length, "step"), count(tokens, "token")];
    note(`${output}: ${counts.join(", ")}; open it at https://ui.perfetto.dev or chrome://tracing\n`);
  }
  if (interrupt.exitCode !== null) throw new Interrupted(interrupt.exitCode);
  return failures.length === 0 ? 0 : 1;
}

/** What is traced. */
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
