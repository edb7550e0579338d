/**
 * The executor without a device: a runner whose every token is known in advance, and messages that arrive at set steps.
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
import type { PendingResults } from "../../../engine/runner/step_outputs.ts";
import type { Step } from "../../../engine/scheduler/step_plan.ts";
import { StepReports } from "../../../engine/executor/step_reports.ts";
import { type OutputEvent, type RecordedOutput, recordOutput } from "../recorded_outputs.ts";
import { greedy } from "./requests.ts";

/** A message, and the number of steps run before it arrives. */
export interface ScriptedMessage {
  readonly step: number;
  readonly message: InboxMessage;
}

/** A submit message; prompts of different requests have no token in common. */
export function submit(
  id: number,
  promptLength: number,
  maxTokens: number,
  more: Partial<SubmitMessage> = {},
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
    ...more,
  };
}

/**
 * The token table and the KV cache of a device, checked: a request may only read what was written for the very same tokens.
 * The token after n tokens of request r is 100 * r + n, so every stream is known in advance.
 */
export class CheckingRunner implements StepRunner {
  readonly deviceTimes = null;
  readonly steps: Step[] = [];
  /** What was called, and for which step, counted from 1. */
  readonly calls: string[] = [];
  /** The step at which waiting fails. */
  failAt = Infinity;
  readonly #blockSize: number;
  #waits = 0;
  /** The rows of the table into which the step that was launched last samples: written before its forward pass. */
  #destinations: number[] = [];
  /** By batch slot. */
  readonly #table = new Map<number, number[]>();
  /** By cache position: the sequence up to the token whose key and value are there. */
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
          throw new UpbeatError("INTERNAL", `request ${request.id} reads what is not its own at ${position}`);
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

/** End at once. */
export const SHUTDOWN: InboxMessage = { type: "shutdown", drain: false, deadline: null };

/** Gives messages when their step has come; a shutdown once all are delivered and nothing is left to do. */
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
    // Idle: let the next message come now.
    const next = this.#script.shift();
    this.#script.unshift({ step: 0, message: next?.message ?? SHUTDOWN });
  }
  send(output: EncodedOutput | null): void {
    this.sends++;
    if (output !== null) this.outputs.push(recordOutput(output));
  }
}

/** How the executor is set up. */
export interface ScriptedSetUp {
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

/** One step at a time, every token told at once. */
const PLAIN: LoopOptions = {
  overlap: false,
  lateLaunch: false,
  earlyFirstToken: false,
  streamInterval: 1,
};

/** An executor with its script. */
export class ScriptedExecutor {
  /** What runs where no other runner is given. */
  readonly runner: CheckingRunner;
  readonly pool: KvBlockPool;
  readonly scheduler: Scheduler;
  readonly #port: ScriptedPort;
  readonly #executor: Executor;

  constructor(script: readonly ScriptedMessage[], setUp: ScriptedSetUp = {}) {
    const { maxBatchTokens = 16, maxBatchRequests = 4, blocks = 24, blockSize = 4, prefixCache = false } = setUp;
    this.pool = new KvBlockPool(blocks, blockSize);
    const cache = prefixCache ? new PrefixCache(this.pool) : null;
    this.scheduler = new Scheduler(this.pool, { maxBatchTokens, maxBatchRequests }, cache);
    this.runner = new CheckingRunner(blockSize);
    let steps = 0;
    this.#port = new ScriptedPort(script, () => steps);
    let time = 0;
    const runner = setUp.runner ?? this.runner;
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
    const reports = setUp.trackSteps === true ? new StepReports(this.scheduler, this.pool, now) : null;
    this.#executor = new Executor({
      port: this.#port,
      scheduler: this.scheduler,
      blocks: this.pool,
      runner: counting,
      now,
      options: { ...PLAIN, ...setUp.options },
      reports,
    });
  }

  /** Until the shutdown. */
  run(): void {
    this.#executor.run();
  }

  /** What was handed over. */
  get outputs(): readonly RecordedOutput[] {
    return this.#port.outputs;
  }

  /** How often there could have been something to hand over. */
  get sends(): number {
    return this.#port.sends;
  }

  /** The last counters that were sent. */
  get counters(): ExecutorCounters {
    return this.outputs.findLast(({ counters }) => counters !== null)!.counters!;
  }

  /** The reports of steps that were sent. */
  get reports(): readonly StepReport[] {
    return this.outputs.flatMap(({ steps }) => steps);
  }

  /** When each delivery was handed over. */
  get emittedAt(): readonly number[] {
    return this.outputs.map(({ emittedAt }) => emittedAt);
  }

  /** Everything that happened to a request. */
  events(id: number): OutputEvent[] {
    return this.outputs.flatMap(({ events }) => events.filter(({ requestId }) => requestId === id));
  }

  /** The names of what happened to a request; runs of tokens are counted, as in "token x3". */
  story(id: number): string[] {
    const story: string[] = [];
    let tokens = 0;
    const endRun = () => {
      if (tokens > 0) story.push(`token x${tokens}`);
      tokens = 0;
    };
    for (const { type, payload } of this.events(id)) {
      if (type === "GENERATED_TOKEN") {
        tokens++;
        continue;
      }
      endRun();
      if (type === "FINISH") story.push(`finish ${payload.reason}`);
      else if (type === "PREFILL_CHUNK") story.push(`chunk ${payload.tokens} ${payload.computed}/${payload.total}`);
      else if (type === "ERROR_TRANSIENT") story.push(`refused ${payload.code}`);
      else if (type === "ERROR_NONTRANSIENT") story.push(`failure ${payload.code}`);
      else if (type === "ADD_CONTEXT") story.push("context");
      else story.push(type.toLowerCase());
    }
    endRun();
    return story;
  }

  /** The tokens of a request. */
  tokens(id: number): number[] {
    return this.events(id).flatMap(({ type, payload }) => (type === "GENERATED_TOKEN" ? [payload.tokenId] : []));
  }
}
