/**
 * The executor without a device: a runner that samples known tokens, and messages that arrive at scripted steps.
 *
 * @module
 */
import type { LoopOptions } from "../../../engine/executor/loop_options.ts";
import { UpbeatError } from "../../../errors.ts";
import { Executor, type ExecutorPort } from "../../../engine/executor/executor.ts";
import type { StepRunner } from "../../../engine/runner/step_runner.ts";
import { KvBlockPool } from "../../../engine/scheduler/kv_block_pool.ts";
import { PrefixCache } from "../../../engine/scheduler/prefix_cache.ts";
import type { InboxMessage, SubmitMessage } from "../../../engine/channel/messages.ts";
import type { EncodedOutput } from "../../../engine/channel/step_output.ts";
import type { ExecutorCounters } from "../../../engine/telemetry/executor_counters.ts";
import type { StepReport } from "../../../engine/telemetry/step_report.ts";
import type { Request } from "../../../engine/scheduler/request.ts";
import { Scheduler } from "../../../engine/scheduler/scheduler.ts";
import type { PendingResults } from "../../../engine/runner/step_results.ts";
import type { Step } from "../../../engine/scheduler/step_plan.ts";
import { StepReports } from "../../../engine/executor/step_reports.ts";
import { type OutputEvent, type RecordedOutput, recordOutput } from "../recorded_outputs.ts";
import { greedy } from "./requests.ts";

/** A message, and the number of steps launched before it arrives. */
export interface ScriptedMessage {
  readonly step: number;
  readonly message: InboxMessage;
}

/** A submit message; prompts of different requests have no token in common. */
export function submit(
  id: number,
  promptLength: number,
  maxTokens: number,
  overrides: Partial<SubmitMessage> = {},
): SubmitMessage {
  return {
    type: "submit",
    id,
    promptTokenIds: Int32Array.from({ length: promptLength }, (_, index) => 10_000 * id + index),
    maxTokens,
    sampling: greedy,
    eosTokenIds: [],
    stopStrings: [],
    trackTokens: false,
    ...overrides,
  };
}

/**
 * Models the token table and the KV cache of a device, and checks that a request reads only entries written for its own
 * tokens. The token after n tokens of request r is 100 * r + n, so every stream is known in advance.
 */
export class CheckingRunner implements StepRunner {
  readonly deviceTimes = null;
  readonly steps: Step[] = [];
  /** Calls with the step that they are for, counted from 1. */
  readonly calls: string[] = [];
  /** The step at which waiting fails. */
  failAt = Infinity;
  readonly #blockSize: number;
  #waits = 0;
  /** Rows of the table into which the last launched step samples; set with its forward pass, as on a device. */
  #destinations: number[] = [];
  /** By batch slot. */
  readonly #table = new Map<number, number[]>();
  /** By cache slot: the sequence up to the token whose key and value it has. */
  readonly #cache = new Map<number, string>();

  constructor(blockSize: number) {
    this.#blockSize = blockSize;
  }

  admit({ batchSlot, promptTokenIds, tokenIds }: Request): void {
    this.#table.set(batchSlot, [...promptTokenIds, ...tokenIds]);
  }

  launchForward(step: Step): void {
    this.steps.push(step);
    this.calls.push(`forward ${this.steps.length}`);
    this.#destinations = step.scheduled.map(({ request }) => request.batchSlot);
    for (const { request, start, count } of step.scheduled) {
      for (let position = start; position < start + count; position++) {
        this.#cache.set(this.#place(request, position), this.#history(request, position));
      }
    }
    for (const { request, start, count } of step.scheduled) {
      for (let position = 0; position < start + count; position++) {
        if (this.#cache.get(this.#place(request, position)) !== this.#history(request, position)) {
          throw new UpbeatError(
            "INTERNAL",
            `request ${request.id} reads an entry of another sequence at position ${position}`,
          );
        }
      }
    }
  }

  launchSampling(step: Step): PendingResults {
    this.calls.push(`sampling ${this.steps.indexOf(step) + 1}`);
    const tokens = new Int32Array(step.samplingRequests);
    for (const [row, { request, start, count, samples }] of step.scheduled.entries()) {
      if (!samples) continue;
      const tokenId = 100 * request.id + start + count;
      tokens[row] = tokenId;
      this.#table.get(this.#destinations[row]!)![start + count] = tokenId;
    }
    return { tokens } as unknown as PendingResults;
  }

  haveArrived(): boolean {
    return true;
  }

  waitForResults(): void {
    this.calls.push(`wait ${this.#waits + 1}`);
    if (this.#waits++ >= this.failAt) throw new UpbeatError("DEVICE_FAULT", "the device broke");
  }

  #place(request: Request, position: number): number {
    return request.blocks[Math.floor(position / this.#blockSize)]! * this.#blockSize + (position % this.#blockSize);
  }

  #history(request: Request, position: number): string {
    return this.#table.get(request.batchSlot)!.slice(0, position + 1).join();
  }
}

/** A shutdown that does not drain. */
export const SHUTDOWN: InboxMessage = { type: "shutdown", drain: false, deadline: null };

/** Delivers messages at their steps, and a shutdown once the executor is idle and none are left. */
class ScriptedPort implements ExecutorPort {
  readonly outputs: RecordedOutput[] = [];
  sends = 0;
  readonly #script: ScriptedMessage[];
  readonly #steps: () => number;
  constructor(script: readonly ScriptedMessage[], steps: () => number) {
    this.#script = [...script].sort((a, b) => a.step - b.step);
    this.#steps = steps;
  }
  receive(): InboxMessage | null {
    const next = this.#script[0];
    return next !== undefined && next.step <= this.#steps() ? this.#script.shift()!.message : null;
  }
  waitForMessage(): void {
    // Idle: the next message is due now.
    const next = this.#script.shift();
    this.#script.unshift({ step: 0, message: next?.message ?? SHUTDOWN });
  }
  send(output: EncodedOutput | null): void {
    this.sends++;
    if (output !== null) this.outputs.push(recordOutput(output));
  }
}

/** Configuration of a scripted executor; every field has a default. */
export interface ScriptedSetup {
  /** A real runner instead of the checking one. */
  readonly runner?: StepRunner;
  readonly maxBatchTokens?: number;
  readonly maxBatchRequests?: number;
  readonly blocks?: number;
  /** 4 unless given. */
  readonly blockSize?: number;
  readonly prefixCache?: boolean;
  /** Whether steps are reported. */
  readonly trackSteps?: boolean;
  /** The plain loop unless given. */
  readonly options?: Partial<LoopOptions>;
}

/** One step at a time, every token sent as it is read. */
const PLAIN: LoopOptions = {
  overlap: false,
  lateLaunch: false,
  earlyFirstToken: false,
  streamInterval: 1,
};

/** An executor that runs a script. */
export class ScriptedExecutor {
  /** The default runner. */
  readonly runner: CheckingRunner;
  readonly pool: KvBlockPool;
  readonly scheduler: Scheduler;
  readonly #port: ScriptedPort;
  readonly #executor: Executor;

  constructor(script: readonly ScriptedMessage[], setup: ScriptedSetup = {}) {
    const { maxBatchTokens = 16, maxBatchRequests = 4, blocks = 24, blockSize = 4, prefixCache = false } = setup;
    this.pool = new KvBlockPool(blocks, blockSize);
    const cache = prefixCache ? new PrefixCache(this.pool) : null;
    this.scheduler = new Scheduler(this.pool, { maxBatchTokens, maxBatchRequests }, cache);
    this.runner = new CheckingRunner(blockSize);
    let steps = 0;
    this.#port = new ScriptedPort(script, () => steps);
    let time = 0;
    const runner = setup.runner ?? this.runner;
    const counting: StepRunner = {
      deviceTimes: null,
      admit: (request) => runner.admit(request),
      launchForward: (step) => {
        steps++;
        runner.launchForward(step);
      },
      launchSampling: (step) => runner.launchSampling(step),
      haveArrived: (results, within) => runner.haveArrived(results, within),
      waitForResults: (results) => runner.waitForResults(results),
    };
    const now = () => ++time;
    const reports = setup.trackSteps === true ? new StepReports(this.scheduler, this.pool, now) : null;
    this.#executor = new Executor({
      port: this.#port,
      scheduler: this.scheduler,
      blocks: this.pool,
      runner: counting,
      now,
      options: { ...PLAIN, ...setup.options },
      reports,
    });
  }

  /** Runs until the shutdown. */
  run(): void {
    this.#executor.run();
  }

  /** All outputs, oldest first. */
  get outputs(): readonly RecordedOutput[] {
    return this.#port.outputs;
  }

  /** Outputs sent, empty ones included. */
  get sends(): number {
    return this.#port.sends;
  }

  /** The last counters that were sent. */
  get counters(): ExecutorCounters {
    return this.outputs.findLast(({ counters }) => counters !== null)!.counters!;
  }

  /** The step reports that were sent. */
  get reports(): readonly StepReport[] {
    return this.outputs.flatMap(({ steps }) => steps);
  }

  /** When each output was sent. */
  get emittedAt(): readonly number[] {
    return this.outputs.map(({ emittedAt }) => emittedAt);
  }

  /** All events of a request. */
  events(id: number): OutputEvent[] {
    return this.outputs.flatMap(({ events }) => events.filter(({ requestId }) => requestId === id));
  }

  /** A request's events in short; successive tokens are one entry, as in "token x3". */
  summary(id: number): string[] {
    const summary: string[] = [];
    let tokens = 0;
    const endRun = () => {
      if (tokens > 0) summary.push(`token x${tokens}`);
      tokens = 0;
    };
    for (const { type, payload } of this.events(id)) {
      if (type === "GENERATED_TOKEN") {
        tokens++;
        continue;
      }
      endRun();
      if (type === "FINISH") summary.push(`finish ${payload.reason}`);
      else if (type === "PREFILL_CHUNK") summary.push(`chunk ${payload.tokens} ${payload.computed}/${payload.total}`);
      else if (type === "ERROR_TRANSIENT") summary.push(`refused ${payload.code}`);
      else if (type === "ERROR_NONTRANSIENT") summary.push(`failure ${payload.code}`);
      else if (type === "ADD_CONTEXT") summary.push("context");
      else summary.push(type.toLowerCase());
    }
    endRun();
    return summary;
  }

  /** The tokens of a request. */
  tokens(id: number): number[] {
    return this.events(id).flatMap(({ type, payload }) => (type === "GENERATED_TOKEN" ? [payload.tokenId] : []));
  }
}
