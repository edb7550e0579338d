/**
 * The wire format of a step output: everything that the executor emits at once, as numbers.
 *
 * Copying an object to another thread takes about a microsecond, and a decoding step has a token for each request.
 * Numbers go through shared memory. They are written as they are emitted, and read into calls of a sink: no object
 * represents an output on either side.
 *
 * An output is a header of fixed length, then records, each the number of its type and its fields:
 *
 * - `GENERATED_TOKEN`: request, time, token id, 1 where it has the usage before it and 0 where not, the number of
 *   candidates or -1; unless that is -1, the log-probability, and of each candidate its token id and log-probability
 * - `PREFILL_CHUNK`: request, time, tokens, computed, total, cached
 * - `ADD_CONTEXT`, `PAUSE`, `RESUME`, `EVICT`: request, time
 * - `ERROR_TRANSIENT`, `ERROR_NONTRANSIENT`: request, time, the index of the error among the output's values
 * - `FINISH`: request, time, the index of the reason, wasted steps, and the stop reason: a token id, NaN for none, or
 *   `-1 - index` of a stop string among the output's values
 * - `USAGE`: the fields of a {@linkcode StepUsage}; `STEP`: those of a {@linkcode StepReport}
 *
 * @module
 */
import type { RequestError, StepLogprobs, TokenLogprob } from "../events/event_types.ts";
import type { Completion, ExecutorEvent, StepUsage } from "../events/executor_event.ts";
import { FINISH_REASONS } from "../events/finish_reason.ts";
import type { DeviceTimes } from "../telemetry/device_times.ts";
import type { ExecutorCounters } from "../telemetry/executor_counters.ts";
import type { StepReport } from "../telemetry/step_report.ts";

/** The header of an output. */
export interface OutputHeader {
  /** When the executor sent it, in milliseconds on the engine's clock. */
  readonly emittedAt: number;
  /** Events of later outputs are not older than this. */
  readonly watermark: number;
  /** null: unchanged. First tokens do not wait for them. */
  readonly counters: ExecutorCounters | null;
}

/** An output in transit. */
export interface EncodedOutput {
  readonly numbers: Float64Array;
  /** What cannot be a number: errors and stop strings. */
  readonly values: readonly (RequestError | string)[];
  /** Whether the executor has failed: only its error follows. */
  readonly isLast: boolean;
}

/** Receives what happens to one request, in order. */
export interface RequestSink {
  /** A token was generated and kept; `EmittedToken` describes the parameters. */
  onToken(
    tokenId: number,
    time: number,
    emittedAt: number,
    logprobs: StepLogprobs | null,
    usage: StepUsage | null,
  ): void;
  /** Any other event. */
  onEvent(event: ExecutorEvent): void;
  /** The request has finished. */
  onFinish(time: number, completion: Completion): void;
}

/** Receives outputs, one after the other. */
export interface OutputSink {
  /** An output begins; it lasts until {@linkcode OutputSink.endOutput}. */
  beginOutput(header: OutputHeader): void;
  /** Returns the receiver of a request's next record; undefined: the record is skipped. */
  request(requestId: number): RequestSink | undefined;
  /** The output ends. @param steps Reports of the steps since the last output, where they are tracked. */
  endOutput(steps: readonly StepReport[]): void;
}

/** The types of records, by number. */
const TYPES = [
  "GENERATED_TOKEN",
  "PREFILL_CHUNK",
  "ADD_CONTEXT",
  "PAUSE",
  "RESUME",
  "EVICT",
  "ERROR_TRANSIENT",
  "ERROR_NONTRANSIENT",
  "FINISH",
  "USAGE",
  "STEP",
] as const;

/** No counters, or no stop reason. */
const NONE = NaN;

/** Numbers of a header: two times and the counters. */
const HEADER_LENGTH = 15;

/** The numbers of a report, in their order. */
const REPORT_FIELDS = [
  "step",
  "start",
  "forwardLaunched",
  "sampling",
  "launched",
  "waiting",
  "resultsAt",
  "firstTokensSent",
  "processing",
  "end",
  "launchDelayMs",
  "requests",
  "prefillRequests",
  "prefillTokens",
  "decodeTokens",
  "sampledTokens",
  "usedBlocks",
  "cachedBlocks",
  "runningRequests",
  "pausedRequests",
  "waitingRequests",
] as const satisfies readonly (keyof StepReport)[];

/** The times of the device in a report, in their order. */
const DEVICE_FIELDS = ["begin", "forwardEnd", "samplingBegin", "end", "idle"] as const satisfies readonly (
  keyof DeviceTimes
)[];

// ---- Writing -------------------------------------------------------------------------------------------------------

/** Writes one output after the other into memory of its own. */
export class OutputWriter {
  #numbers = new Float64Array(1024);
  #length = HEADER_LENGTH;
  #values: (RequestError | string)[] = [];
  /** The last usage of this output. */
  #usage: StepUsage | null = null;

  /** Whether this output has no record. */
  get isEmpty(): boolean {
    return this.#length === HEADER_LENGTH;
  }

  /**
   * Add a token; see {@linkcode OutputSink.onToken}. Tokens of one step share the same `usage`, which is written once.
   */
  token(
    requestId: number,
    tokenId: number,
    time: number,
    logprobs: StepLogprobs | null,
    usage: StepUsage | null,
  ): void {
    if (usage !== null && usage !== this.#usage) this.#addUsage(usage);
    this.#reserve(6);
    const numbers = this.#numbers;
    const start = this.#length;
    numbers[start] = TYPES.indexOf("GENERATED_TOKEN");
    numbers[start + 1] = requestId;
    numbers[start + 2] = time;
    numbers[start + 3] = tokenId;
    numbers[start + 4] = usage === null ? 0 : 1;
    numbers[start + 5] = logprobs === null ? -1 : logprobs.top.length;
    this.#length = start + 6;
    if (logprobs === null) return;
    this.#push(logprobs.logprob);
    for (const candidate of logprobs.top) this.#push(candidate.tokenId, candidate.logprob);
  }

  /** Add an event. */
  event(event: ExecutorEvent): void {
    this.#push(TYPES.indexOf(event.type), event.requestId, event.timestamp);
    switch (event.type) {
      case "PREFILL_CHUNK": {
        const { tokens, computed, total, cached } = event.payload;
        return this.#push(tokens, computed, total, cached);
      }
      case "ERROR_TRANSIENT":
      case "ERROR_NONTRANSIENT":
        return this.#push(this.#values.push(event.payload) - 1);
    }
  }

  /** Add the end of a request; see {@linkcode RequestSink.onFinish}. */
  finish(requestId: number, time: number, { reason, stopReason, wastedSteps }: Completion): void {
    const stop = typeof stopReason === "string" ? -this.#values.push(stopReason) : stopReason ?? NONE;
    this.#push(TYPES.indexOf("FINISH"), requestId, time, FINISH_REASONS.indexOf(reason), wastedSteps, stop);
  }

  /** Add the report of a step. */
  step(report: StepReport): void {
    this.#push(TYPES.indexOf("STEP"), Number(report.afterIdle), Number(report.device !== null));
    for (const field of REPORT_FIELDS) this.#push(report[field]);
    if (report.device !== null) { for (const field of DEVICE_FIELDS) this.#push(report.device[field]); }
  }

  /**
   * Complete the output.
   *
   * @param header Its header.
   * @param isLast Whether the executor has failed.
   * @returns The output, valid until the next call of any method.
   */
  complete({ emittedAt, watermark, counters }: OutputHeader, isLast = false): EncodedOutput {
    const numbers = this.#numbers;
    numbers[0] = emittedAt;
    numbers[1] = watermark;
    if (counters === null) numbers[2] = NONE;
    else writeCounters(counters, numbers);
    const output = { numbers: numbers.subarray(0, this.#length), values: this.#values, isLast };
    this.#length = HEADER_LENGTH;
    this.#values = [];
    this.#usage = null;
    return output;
  }

  #addUsage(usage: StepUsage): void {
    const { step, blocksTotal, blocksAllocated, blocksActive, activeTokens } = usage;
    this.#push(TYPES.indexOf("USAGE"), step, blocksTotal, blocksAllocated, blocksActive, activeTokens);
    this.#usage = usage;
  }

  #push(...values: readonly number[]): void {
    this.#reserve(values.length);
    for (const value of values) this.#numbers[this.#length++] = value;
  }

  #reserve(count: number): void {
    const numbers = this.#numbers;
    if (this.#length + count <= numbers.length) return;
    this.#numbers = new Float64Array(2 * numbers.length);
    this.#numbers.set(numbers);
  }
}

/** Field by field, as in {@linkcode readCounters}: a loop over names takes far longer. */
function writeCounters(counters: ExecutorCounters, numbers: Float64Array): void {
  numbers[2] = counters.steps;
  numbers[3] = counters.stepTime;
  numbers[4] = counters.waitTime;
  numbers[5] = counters.usedBlocks;
  numbers[6] = counters.cachedBlocks;
  numbers[7] = counters.running;
  numbers[8] = counters.paused;
  numbers[9] = counters.waiting;
  numbers[10] = counters.pauses;
  numbers[11] = counters.evictions;
  numbers[12] = counters.wastedSteps;
  numbers[13] = counters.prefixQueriedTokens;
  numbers[14] = counters.prefixHitTokens;
}

// ---- Reading -------------------------------------------------------------------------------------------------------

/**
 * Read an output.
 *
 * @param output The output.
 * @param sink Its receiver.
 */
export function readOutput({ numbers, values }: EncodedOutput, sink: OutputSink): void {
  const emittedAt = numbers[0]!;
  sink.beginOutput({ emittedAt, watermark: numbers[1]!, counters: readCounters(numbers) });
  let at = HEADER_LENGTH;
  const next = (): number => numbers[at++]!;
  let usage: StepUsage | null = null;
  let steps: StepReport[] = NO_STEPS;
  while (at < numbers.length) {
    const type = TYPES[next()]!;
    switch (type) {
      case "GENERATED_TOKEN": {
        const request = sink.request(next());
        const time = next();
        const tokenId = next();
        const hasUsage = next() === 1;
        request?.onToken(tokenId, time, emittedAt, readLogprobs(tokenId, next(), next), hasUsage ? usage : null);
        break;
      }
      case "PREFILL_CHUNK": {
        const [requestId, timestamp] = [next(), next()];
        const payload = { tokens: next(), computed: next(), total: next(), cached: next() };
        sink.request(requestId)?.onEvent({ requestId, type, timestamp, payload });
        break;
      }
      case "ADD_CONTEXT":
      case "PAUSE":
      case "RESUME":
      case "EVICT": {
        const [requestId, timestamp] = [next(), next()];
        sink.request(requestId)?.onEvent({ requestId, type, timestamp, payload: null });
        break;
      }
      case "ERROR_TRANSIENT":
      case "ERROR_NONTRANSIENT": {
        const [requestId, timestamp, payload] = [next(), next(), values[next()] as RequestError];
        sink.request(requestId)?.onEvent({ requestId, type, timestamp, payload });
        break;
      }
      case "FINISH": {
        const [requestId, time] = [next(), next()];
        const [reason, wastedSteps, stop] = [FINISH_REASONS[next()]!, next(), next()];
        const stopReason = Number.isNaN(stop) ? null : stop < 0 ? values[-1 - stop] as string : stop;
        sink.request(requestId)?.onFinish(time, { reason, stopReason, wastedSteps });
        break;
      }
      case "USAGE":
        usage = {
          step: next(),
          blocksTotal: next(),
          blocksAllocated: next(),
          blocksActive: next(),
          activeTokens: next(),
        };
        break;
      case "STEP":
        if (steps === NO_STEPS) steps = [];
        steps.push(readReport(next));
        break;
    }
  }
  sink.endOutput(steps);
}

const NO_STEPS: StepReport[] = [];

function readLogprobs(tokenId: number, candidates: number, next: () => number): StepLogprobs | null {
  if (candidates < 0) return null;
  const logprob = next();
  const top = Array.from({ length: candidates }, (): TokenLogprob => ({ tokenId: next(), logprob: next() }));
  return { tokenId, logprob, top };
}

function readReport(next: () => number): StepReport {
  const [afterIdle, hasDevice] = [next() === 1, next() === 1];
  const numbers = Object.fromEntries(REPORT_FIELDS.map((field) => [field, next()]));
  const device = hasDevice ? Object.fromEntries(DEVICE_FIELDS.map((field) => [field, next()])) : null;
  const report = { ...numbers, afterIdle, device } as unknown as StepReport;
  const { resultsAt: known, launchDelayMs: held } = report;
  return { ...report, known, held, followsRest: afterIdle };
}

function readCounters(numbers: Float64Array): ExecutorCounters | null {
  if (Number.isNaN(numbers[2])) return null;
  return {
    steps: numbers[2]!,
    stepTime: numbers[3]!,
    waitTime: numbers[4]!,
    usedBlocks: numbers[5]!,
    cachedBlocks: numbers[6]!,
    running: numbers[7]!,
    paused: numbers[8]!,
    waiting: numbers[9]!,
    pauses: numbers[10]!,
    evictions: numbers[11]!,
    wastedSteps: numbers[12]!,
    prefixQueriedTokens: numbers[13]!,
    prefixHitTokens: numbers[14]!,
  };
}
