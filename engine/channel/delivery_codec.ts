/**
 * A delivery as an array of numbers on its way between threads.
 *
 * Copying an object to another thread takes about a microsecond, and a step of a decoding batch has one to tell of each
 * request. Numbers go through shared memory; and nearly everything that happens is numbers.
 *
 * @module
 */
import type { DeviceTimes } from "../telemetry/device_times.ts";
import type { TokenLogprob } from "../events/events.ts";
import type { Delivery } from "./messages.ts";
import type { ExecutorCounters } from "../telemetry/executor_counters.ts";
import type { Moment, RequestUpdate, StepUsage, TokenMoment } from "../events/moment.ts";
import type { StepReport } from "../telemetry/step_report.ts";

/** The types of moments, by the number that stands for each. */
const TYPES = ["token", "chunk", "context", "pause", "resume", "evict", "finish"] as const;

/** The reasons of a finish, by the number that stands for each. */
const REASONS = ["stop", "length", "cancelled"] as const;

/** Stands where there is nothing: no counters, no log-probability, no token for a reason, no reports, no times of the device. */
const NONE = NaN;

/** Encodes one delivery after the other into memory of its own. */
export class DeliveryEncoder {
  readonly #numbers = new NumberWriter();

  /**
   * Encode a delivery: `emittedAt, settledUntil`, the counters; the reports of steps; the uses of the KV cache; then of each
   * update the request, the number of moments, and of each moment its type, its time and its fields.
   *
   * @param delivery The delivery.
   * @returns The numbers, which the next call overwrites; null where something in it is none: an error, a stop string.
   */
  encode({ updates, counters, emittedAt, settledUntil, steps }: Delivery): Float64Array | null {
    const numbers = this.#numbers;
    numbers.clear();
    numbers.push(emittedAt, settledUntil);
    encodeCounters(counters, numbers);
    numbers.push(steps?.length ?? NONE);
    for (const report of steps ?? []) encodeReport(report, numbers);
    const usages = usagesOf(updates);
    numbers.push(usages.length);
    for (const { step, blocksTotal, blocksAllocated, blocksActive, activeTokens } of usages) {
      numbers.push(step, blocksTotal, blocksAllocated, blocksActive, activeTokens);
    }
    for (const { id, moments } of updates) {
      numbers.push(id, moments.length);
      for (const moment of moments) if (!encodeMoment(moment, usages, numbers)) return null;
    }
    return numbers.written;
  }
}

/** Name by name, and in the same order in {@linkcode decodeCounters}: a loop over names takes far longer. */
function encodeCounters(counters: ExecutorCounters | null, numbers: NumberWriter): void {
  if (counters === null) return void numbers.push(NONE);
  numbers.push(counters.steps, counters.stepTime, counters.waitTime, counters.usedBlocks, counters.cachedBlocks);
  numbers.push(counters.running, counters.paused, counters.waiting, counters.pauses, counters.evictions);
  numbers.push(counters.wastedSteps, counters.prefixQueriedTokens, counters.prefixHitTokens);
}

function encodeReport(report: StepReport, numbers: NumberWriter): void {
  numbers.push(report.step, report.start, report.forwardLaunched, report.sampling, report.launched);
  numbers.push(report.waiting, report.known, report.firstTokensSent, report.processing, report.end);
  numbers.push(report.held, report.requests, report.prefillRequests, report.prefillTokens, report.decodeTokens);
  numbers.push(
    report.sampledTokens,
    report.usedBlocks,
    report.cachedBlocks,
    report.runningRequests,
    report.pausedRequests,
  );
  numbers.push(report.waitingRequests);
  const { device } = report;
  numbers.push(Number(report.followsRest), device?.begin ?? NONE);
  if (device !== null) numbers.push(device.forwardEnd, device.samplingBegin, device.end, device.idle);
}

/** All tokens of a step share one. */
function usagesOf(updates: readonly RequestUpdate[]): StepUsage[] {
  const usages: StepUsage[] = [];
  for (const { moments } of updates) {
    for (const moment of moments) {
      if (moment.type !== "token" || moment.usage === undefined || usages.includes(moment.usage)) continue;
      usages.push(moment.usage);
    }
  }
  return usages;
}

function encodeMoment(moment: Moment, usages: readonly StepUsage[], numbers: NumberWriter): boolean {
  switch (moment.type) {
    case "token": {
      const { time, tokenId, usage, logprob, topLogprobs = [] } = moment;
      numbers.push(0, time, tokenId, usage === undefined ? -1 : usages.indexOf(usage), logprob ?? NONE);
      if (logprob === undefined) return true;
      numbers.push(topLogprobs.length);
      for (const top of topLogprobs) numbers.push(top.tokenId, top.logprob);
      return true;
    }
    case "chunk":
      numbers.push(1, moment.time, moment.tokens, moment.computed, moment.total, moment.cached);
      return true;
    case "finish": {
      const { time, reason, stopReason, wastedSteps } = moment;
      if (typeof stopReason === "string") return false;
      numbers.push(TYPES.indexOf("finish"), time, REASONS.indexOf(reason), stopReason ?? NONE, wastedSteps);
      return true;
    }
    case "refused":
    case "failure":
      return false;
    default:
      numbers.push(TYPES.indexOf(moment.type), moment.time);
      return true;
  }
}

/**
 * Decode a delivery.
 *
 * @param numbers What {@linkcode DeliveryEncoder.encode} gave.
 * @returns The delivery.
 */
export function decodeDelivery(numbers: Float64Array): Delivery {
  const reader = new NumberReader(numbers);
  const [emittedAt, settledUntil] = [reader.next(), reader.next()];
  const counters = decodeCounters(reader);
  const reports = reader.next();
  const steps = Number.isNaN(reports) ? undefined : Array.from({ length: reports }, () => decodeReport(reader));
  const usages: StepUsage[] = [];
  for (let left = reader.next(); left > 0; left--) usages.push(decodeUsage(reader));
  const updates: RequestUpdate[] = [];
  while (!reader.isAtEnd) {
    const [id, count] = [reader.next(), reader.next()];
    const moments: Moment[] = [];
    for (let index = 0; index < count; index++) moments.push(decodeMoment(reader, usages));
    updates.push({ id, moments });
  }
  return { updates, counters, emittedAt, settledUntil, steps };
}

function decodeCounters(reader: NumberReader): ExecutorCounters | null {
  const steps = reader.next();
  if (Number.isNaN(steps)) return null;
  return {
    steps,
    stepTime: reader.next(),
    waitTime: reader.next(),
    usedBlocks: reader.next(),
    cachedBlocks: reader.next(),
    running: reader.next(),
    paused: reader.next(),
    waiting: reader.next(),
    pauses: reader.next(),
    evictions: reader.next(),
    wastedSteps: reader.next(),
    prefixQueriedTokens: reader.next(),
    prefixHitTokens: reader.next(),
  };
}

function decodeUsage(reader: NumberReader): StepUsage {
  return {
    step: reader.next(),
    blocksTotal: reader.next(),
    blocksAllocated: reader.next(),
    blocksActive: reader.next(),
    activeTokens: reader.next(),
  };
}

function decodeReport(reader: NumberReader): StepReport {
  return {
    step: reader.next(),
    start: reader.next(),
    forwardLaunched: reader.next(),
    sampling: reader.next(),
    launched: reader.next(),
    waiting: reader.next(),
    known: reader.next(),
    firstTokensSent: reader.next(),
    processing: reader.next(),
    end: reader.next(),
    held: reader.next(),
    requests: reader.next(),
    prefillRequests: reader.next(),
    prefillTokens: reader.next(),
    decodeTokens: reader.next(),
    sampledTokens: reader.next(),
    usedBlocks: reader.next(),
    cachedBlocks: reader.next(),
    runningRequests: reader.next(),
    pausedRequests: reader.next(),
    waitingRequests: reader.next(),
    followsRest: reader.next() === 1,
    device: decodeDeviceTimes(reader),
  };
}

function decodeDeviceTimes(reader: NumberReader): DeviceTimes | null {
  const begin = reader.next();
  if (Number.isNaN(begin)) return null;
  return {
    begin,
    forwardEnd: reader.next(),
    samplingBegin: reader.next(),
    end: reader.next(),
    idle: reader.next(),
  };
}

function decodeMoment(reader: NumberReader, usages: readonly StepUsage[]): Moment {
  const type = TYPES[reader.next()]!;
  const time = reader.next();
  switch (type) {
    case "token":
      return decodeToken(reader, time, usages);
    case "chunk":
      return {
        type,
        time,
        tokens: reader.next(),
        computed: reader.next(),
        total: reader.next(),
        cached: reader.next(),
      };
    case "finish": {
      const [reason, stopReason] = [REASONS[reader.next()]!, reader.next()];
      return {
        type,
        time,
        reason,
        stopReason: Number.isNaN(stopReason) ? null : stopReason,
        wastedSteps: reader.next(),
      };
    }
    default:
      return { type, time };
  }
}

function decodeToken(reader: NumberReader, time: number, usages: readonly StepUsage[]): TokenMoment {
  const tokenId = reader.next();
  const usage = usages[reader.next()];
  const logprob = reader.next();
  if (Number.isNaN(logprob)) {
    return usage === undefined ? { type: "token", time, tokenId } : { type: "token", time, tokenId, usage };
  }
  const topLogprobs = Array.from({ length: reader.next() }, (): TokenLogprob => {
    return { tokenId: reader.next(), logprob: reader.next() };
  });
  return { type: "token", time, tokenId, logprob, topLogprobs, ...(usage === undefined ? {} : { usage }) };
}

/** Numbers, written one after the other into memory that is kept: an array of numbers becomes slow where one is no number. */
class NumberWriter {
  #numbers = new Float64Array(1024);
  #length = 0;

  /** What was written since the last {@linkcode clear}. */
  get written(): Float64Array {
    return this.#numbers.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  push(...values: readonly number[]): void {
    if (this.#length + values.length > this.#numbers.length) this.#grow();
    for (const value of values) this.#numbers[this.#length++] = value;
  }

  #grow(): void {
    const numbers = this.#numbers;
    this.#numbers = new Float64Array(2 * numbers.length);
    this.#numbers.set(numbers);
  }
}

/** Numbers, read one after the other. */
class NumberReader {
  readonly #numbers: Float64Array;
  #at = 0;

  constructor(numbers: Float64Array) {
    this.#numbers = numbers;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#numbers.length;
  }

  next(): number {
    return this.#numbers[this.#at++]!;
  }
}
