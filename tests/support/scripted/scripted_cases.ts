/**
 * Random workloads for the scripted engine (fast-check): arrivals, cancels, shutdowns and failures, with engines of any size.
 *
 * @module
 */
import fc from "fast-check";
import process from "node:process";
import type { SubmitMessage } from "../../../engine/channel/messages.ts";
import type { FailurePoint, ScriptedFailure, TokenScript } from "./scripted_device.ts";
import { type ScriptedArrival, type ScriptedEngineSetup, submission } from "./scripted_engine.ts";
import { cancel, shutdown, textScript } from "./scripted_run.ts";

/** Factor on the number of runs of each random test, for longer searches. */
export const PATIENCE = Number(process.env["UPBEAT_TEST_PATIENCE"] ?? 1);

/** An engine and the requests that arrive. */
export interface ScriptedCase {
  readonly setup: ScriptedEngineSetup;
  readonly arrivals: readonly { readonly at: number; readonly message: SubmitMessage }[];
}

/** The end-of-sequence token of the requests that have one. */
const EOS = 301;

/** Text in which some sequences end early. */
const endingScript: TokenScript = (context) => (context.proposed % 13 === 0 ? EOS : textScript(context) % EOS);

const MAX_BLOCKS = 40;
const BLOCK_SIZE = 4;

const prompt = fc.oneof(
  fc.integer({ min: 1, max: 30 }),
  // Prompts with a common prefix, so that they share blocks.
  fc.integer({ min: 1, max: 30 }).map((length) => Array.from({ length }, (_, index) => 40 + index)),
);

const sampling = fc.record({
  seed: fc.nat(),
  temperature: fc.constantFrom(0, 0.9),
  topP: fc.constantFrom(1, 0.8),
  frequencyPenalty: fc.constantFrom(0, 0.6),
  logprobs: fc.constantFrom(0, 2),
  logitBias: fc.constantFrom({}, { 5: 1 }),
}, { requiredKeys: ["seed"] });

const request = fc.record({
  at: fc.integer({ min: 0, max: 40 }),
  prompt,
  maxTokens: fc.integer({ min: 1, max: 24 }),
  sampling,
  eosTokenIds: fc.constantFrom([], [EOS]),
  stopStrings: fc.constantFrom([], [], ["timethe"], ["up", "the the"]),
  trackTokens: fc.boolean(),
});

const device = fc.record({
  execution: fc.constantFrom("late" as const, "exact" as const, "eager" as const),
  durations: fc.record({
    forward: fc.constantFrom(0, 100, 1000, ({ isPrefill }: { isPrefill: boolean }) => (isPrefill ? 3000 : 700)),
    sampling: fc.constantFrom(0, 100),
    copy: fc.constantFrom(0, 10),
  }),
  costs: fc.record({
    upbeat_sample: fc.constantFrom(0, 400),
    upbeat_attention: fc.constantFrom(0, 300),
    upbeat_graph_launch: fc.constantFrom(0, 50),
    upbeat_event_query: fc.constant(1),
  }),
});

const setup = fc.record({
  device: device.map((options) => ({ ...options, script: endingScript })),
  layers: fc.integer({ min: 1, max: 2 }),
  maxBatchTokens: fc.integer({ min: 2, max: 24 }),
  maxBatchRequests: fc.integer({ min: 1, max: 6 }),
  // Little more than the longest request needs.
  blocks: fc.integer({ min: 14, max: MAX_BLOCKS }),
  blockSize: fc.constant(BLOCK_SIZE),
  prefixCache: fc.boolean(),
  streamInterval: fc.constantFrom(1, 3, 4, 50),
  graphSizes: fc.constantFrom([], [4], [1, 2, 4, 8]),
  trackSteps: fc.boolean(),
  sendCost: fc.constantFrom(0, 80),
  rowCost: fc.constantFrom(0, 20),
});

/** Any engine with a few requests of any kind. */
export const scriptedCases: fc.Arbitrary<ScriptedCase> = fc.record({
  setup,
  arrivals: fc.array(request, { minLength: 1, maxLength: 10 }).map((requests) =>
    requests.map(({ at, ...message }, index) => ({ at, message: submission(index + 1, message) }))
  ),
});

/** Cancels of requests that may be unknown or over. */
export const cancels: fc.Arbitrary<ScriptedArrival[]> = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 1, max: 10 })).map(([at, id]) => ({
    at,
    message: cancel(id),
  })),
  { maxLength: 6 },
);

/** One or two shutdowns. */
export const shutdowns: fc.Arbitrary<ScriptedArrival[]> = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 80 }),
    fc.boolean(),
    fc.option(fc.integer({ min: 0, max: 100 }), { nil: null }),
  ).map(([at, drain, deadline]) => ({ at, message: shutdown(drain, deadline) })),
  { minLength: 1, maxLength: 2 },
);

/** One device failure. */
export const failures: fc.Arbitrary<ScriptedFailure> = fc.record({
  at: fc.constantFrom<FailurePoint>(
    "forward",
    "sampling",
    "copy",
    "wait",
    "upbeat_scatter_tokens",
    "upbeat_event_record",
    "upbeat_attention",
  ),
  call: fc.integer({ min: 1, max: 40 }),
  kind: fc.constantFrom("fault", "stall", "error"),
});
