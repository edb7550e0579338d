/**
 * Outputs of the executor as plain values, for tests to inspect and to deliver to generations.
 *
 * @module
 */
import type { Generation } from "../../engine/caller/generation.ts";
import { type EncodedOutput, type OutputHeader, readOutput } from "../../engine/channel/step_output.ts";
import type { StepLogprobs } from "../../engine/events/event_types.ts";
import type { Completion, ExecutorEvent, StepUsage } from "../../engine/events/executor_event.ts";
import type { StepReport } from "../../engine/telemetry/step_report.ts";

/** A token in an output. */
export interface OutputToken {
  readonly requestId: number;
  readonly type: "GENERATED_TOKEN";
  readonly timestamp: number;
  readonly payload: {
    readonly tokenId: number;
    readonly logprobs: StepLogprobs | null;
    readonly usage: StepUsage | null;
  };
}

/** The end of a request in an output. */
export interface OutputFinish {
  readonly requestId: number;
  readonly type: "FINISH";
  readonly timestamp: number;
  readonly payload: Completion;
}

/** An entry of an output about a request. */
export type OutputEvent = ExecutorEvent | OutputToken | OutputFinish;

/** The events of one type. */
export type OutputEventOf<Type extends OutputEvent["type"]> = Extract<OutputEvent, { readonly type: Type }>;

/** An output. */
export interface RecordedOutput extends OutputHeader {
  readonly events: readonly OutputEvent[];
  readonly steps: readonly StepReport[];
}

/** An output as a plain value. */
export function recordOutput(output: EncodedOutput): RecordedOutput {
  let header: OutputHeader = { emittedAt: NaN, watermark: NaN, counters: null };
  let reports: readonly StepReport[] = [];
  const events: OutputEvent[] = [];
  readOutput(output, {
    beginOutput: (begun) => header = begun,
    request: (requestId) => ({
      onToken: (tokenId, timestamp, _, logprobs, usage) =>
        events.push({ requestId, type: "GENERATED_TOKEN", timestamp, payload: { tokenId, logprobs, usage } }),
      onEvent: (event) => events.push(event),
      onFinish: (timestamp, payload) => events.push({ requestId, type: "FINISH", timestamp, payload }),
    }),
    endOutput: (steps) => reports = steps,
  });
  return { ...header, events, steps: reports };
}

/** Play an event to its generation, without the end of the output. */
export function playEvent(generation: Generation, event: OutputEvent, emittedAt: number): void {
  const { timestamp } = event;
  if (event.type === "GENERATED_TOKEN") {
    const { tokenId, logprobs, usage } = event.payload;
    generation.onToken(tokenId, timestamp, emittedAt, logprobs, usage);
  } else if (event.type === "FINISH") generation.onFinish(timestamp, event.payload);
  else generation.onEvent(event);
}

/** Play whole outputs to generations, by request. */
export function playOutput(generations: ReadonlyMap<number, Generation>, output: RecordedOutput): void {
  for (const event of output.events) playEvent(generations.get(event.requestId)!, event, output.emittedAt);
  for (const { requestId } of output.events) generations.get(requestId)!.notify();
}
