/**
 * Builds a trace: a lane per request, lanes for the executor's steps and the device, and counters.
 *
 * @module
 */
import type { EngineStats, StepReport } from "../../mod.ts";
import { type Trace, type TraceLane, TraceWriter } from "./trace_format.ts";
import { drawRequest, type StepFinder, type TracedRequest } from "./trace_request.ts";

/** The content of a trace. */
export interface TraceSource {
  readonly requests: readonly TracedRequest[];
  /** In step order. */
  readonly steps: readonly StepReport[];
  /** The engine's state after the last step. */
  readonly finalState: Pick<EngineStats, "running" | "paused" | "waiting" | "kvBlocks">;
  /** Metadata for the viewer. */
  readonly about: Readonly<Record<string, string | number>>;
}

/** The executor's process in a trace. */
export const EXECUTOR_PID = 1;

/** Its lane for the device, below those of the steps. */
const DEVICE_LANE = 100;

/** The requests' process in a trace. */
export const REQUESTS_PID = 2;

/** Request n has lane n + this, so that every lane of a trace has a number of its own. */
export const REQUEST_LANES = 1000;

/**
 * Build a trace.
 *
 * @param source Merged requests, live or deserialized, and step reports.
 * @returns The trace; its time starts at the first event or step.
 * @example
 * ```ts
 * const steps: StepReport[] = [];
 * const engine = await Engine.load(model, { onStep: (step) => steps.push(step), trackDetailEvents: true });
 * const { record, metrics } = await engine.generate("Once upon a time").result;
 * const requests = [{ record: record.merge(), tokenizeMs: metrics.tokenizeMs, title: "Once upon a time" }];
 * const trace = traceEvents({ requests, steps, finalState: engine.stats(), about: {} });
 * ```
 */
export function traceEvents(source: TraceSource): Trace {
  const { requests, steps, about } = source;
  const writer = new TraceWriter(firstTime(source));
  writer.process(EXECUTOR_PID, "executor", 0);
  drawSteps(writer, steps);
  drawDevice(writer, steps);
  drawCounters(writer, source);
  writer.process(REQUESTS_PID, "requests", 1);
  const stepAt = stepFinder(steps);
  for (const request of requests) {
    drawRequest(writer, { pid: REQUESTS_PID, tid: REQUEST_LANES + request.record.requestId }, request, stepAt);
  }
  return { traceEvents: writer.finish(), displayTimeUnit: "ms", otherData: about };
}

function firstTime({ requests, steps }: TraceSource): number {
  // Events and steps are in time order.
  const times = requests.flatMap(({ record }) =>
    record.events.find(({ timestamp }) => timestamp !== null)?.timestamp ?? []
  );
  const [step] = steps;
  if (step !== undefined) times.push(step.start);
  return times.reduce((first, time) => Math.min(first, time), times[0] ?? 0);
}

/** The fields of a report about batch and KV cache. */
type StepState = Pick<
  StepReport,
  | "requests"
  | "prefillRequests"
  | "prefillTokens"
  | "decodeTokens"
  | "sampledTokens"
  | "usedBlocks"
  | "cachedBlocks"
  | "runningRequests"
  | "pausedRequests"
  | "waitingRequests"
>;

/** A slice per step, with the executor's phases in it. Overlapping steps get lanes of their own. */
function drawSteps(writer: TraceWriter, steps: readonly StepReport[]): void {
  const ends: number[] = [];
  for (const report of steps) {
    const { step, start, waiting, resultsAt, end } = report;
    const free = ends.findIndex((laneEnd) => laneEnd <= start);
    const index = free < 0 ? ends.length : free;
    const lane: TraceLane = { pid: EXECUTOR_PID, tid: 1 + index };
    if (index === ends.length) writer.lane(lane, index === 0 ? "steps" : `steps, overlapping (${index})`);
    ends[index] = end;
    const waitUs = writer.time(resultsAt) - writer.time(waiting);
    const slice = writer.open(lane, "step", `step ${step}`, start, { step, waitUs, ...stateOf(report) });
    writer.slice(lane, "step", "launch forward", start, report.forwardLaunched);
    writer.slice(lane, "step", "launch sampling", report.sampling, report.launched);
    writer.slice(lane, "step", "wait for device", waiting, resultsAt);
    if (report.firstTokensSent > resultsAt) {
      writer.slice(lane, "step", "first tokens", resultsAt, report.firstTokensSent);
    }
    writer.slice(lane, "step", "process", report.processing, end);
    writer.close(slice, end);
  }
}

function stateOf(report: StepReport): StepState {
  const { requests, prefillRequests, prefillTokens, decodeTokens, sampledTokens } = report;
  const { usedBlocks, cachedBlocks, runningRequests, pausedRequests, waitingRequests } = report;
  const batch = { requests, prefillRequests, prefillTokens, decodeTokens, sampledTokens };
  return { ...batch, usedBlocks, cachedBlocks, runningRequests, pausedRequests, waitingRequests };
}

/** The device's work, by its own clock; gaps in this lane are idle time. */
function drawDevice(writer: TraceWriter, steps: readonly StepReport[]): void {
  const lane: TraceLane = { pid: EXECUTOR_PID, tid: DEVICE_LANE };
  let last = -Infinity;
  for (const { step, device } of steps) {
    if (device === null) continue;
    if (last === -Infinity) writer.lane(lane, "device");
    // The clocks are realigned after each idle period, to within microseconds: never draw a step into the last one.
    const begin = Math.max(last, device.begin);
    const shift = begin - device.begin;
    writer.slice(lane, "device", `forward ${step}`, begin, device.forwardEnd + shift);
    writer.slice(lane, "device", `sample ${step}`, device.samplingBegin + shift, device.end + shift);
    last = device.end + shift;
  }
}

/** Counters at each step's launch, and after the last step. */
function drawCounters(writer: TraceWriter, { steps, finalState }: TraceSource): void {
  const set = (time: number, report: StepState) => {
    const counter = (name: string, values: Readonly<Record<string, number>>) => {
      writer.counter(EXECUTOR_PID, name, time, values);
    };
    const { prefillRequests, prefillTokens, decodeTokens } = report;
    counter("KV blocks", { used: report.usedBlocks, cached: report.cachedBlocks });
    counter("batch requests", { prefill: prefillRequests, decode: report.requests - prefillRequests });
    counter("batch tokens", { prefill: prefillTokens, decode: decodeTokens });
    counter("admitted requests", { running: report.runningRequests, paused: report.pausedRequests });
    counter("queue", { waiting: report.waitingRequests });
  };
  for (const report of steps) set(report.start, report);
  const last = steps.at(-1);
  if (last === undefined) return;
  set(last.end, {
    ...{ requests: 0, prefillRequests: 0, prefillTokens: 0, decodeTokens: 0, sampledTokens: 0 },
    usedBlocks: finalState.kvBlocks.used,
    cachedBlocks: finalState.kvBlocks.cached,
    runningRequests: finalState.running,
    pausedRequests: finalState.paused,
    waitingRequests: finalState.waiting,
  });
}

/** Finds the last step that started at a time or before, by bisection. */
function stepFinder(steps: readonly StepReport[]): StepFinder {
  return (time) => {
    let [low, high] = [0, steps.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (steps[middle]!.start <= time) low = middle + 1;
      else high = middle;
    }
    return steps[low - 1] ?? null;
  };
}
