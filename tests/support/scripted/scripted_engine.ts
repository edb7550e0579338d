/**
 * The executor with its scheduler, KV pool, prefix cache and runner on a scripted device, and messages that arrive at scripted
 * times: a deterministic engine without threads.
 *
 * @module
 */
import { toMicroseconds } from "../../../engine/telemetry/clock.ts";
import { Executor, type ExecutorPort } from "../../../engine/executor/executor.ts";
import { KvBlockPool } from "../../../engine/scheduler/kv_block_pool.ts";
import { ModelRunner, type RunnerLimits } from "../../../engine/runner/model_runner.ts";
import { PrefixCache } from "../../../engine/scheduler/prefix_cache.ts";
import type { InboxMessage, SubmitMessage } from "../../../engine/channel/messages.ts";
import type { EncodedOutput } from "../../../engine/channel/step_output.ts";
import type { ExecutorCounters } from "../../../engine/telemetry/executor_counters.ts";
import type { StepReport } from "../../../engine/telemetry/step_report.ts";
import type { Request } from "../../../engine/scheduler/request.ts";
import { resolveSampling, type SamplingOptions } from "../../../engine/config/sampling_options.ts";
import { Scheduler } from "../../../engine/scheduler/scheduler.ts";
import { StepReports } from "../../../engine/executor/step_reports.ts";
import { UpbeatError } from "../../../errors.ts";
import { openDevice } from "../../../ffi/device.ts";
import type { Device } from "../../../ffi/interface.ts";
import {
  ScriptedDevice,
  type ScriptedDeviceOptions,
  type ScriptedFailure,
  VOCABULARY_SIZE,
} from "./scripted_device.ts";
import { type OutputEvent, type RecordedOutput, recordOutput } from "../recorded_outputs.ts";
import { SHUTDOWN } from "./scripted_executor.ts";
import { tinyConfig, tinyPlan } from "./device/tiny_plan.ts";

/**
 * A message and when it arrives: at a time in milliseconds on the device's clock, or after a number of launched forward
 * passes. If those are never launched, it arrives when the executor is idle.
 */
export type ScriptedArrival =
  | { readonly at: number; readonly message: InboxMessage }
  | { readonly forwards: number; readonly message: InboxMessage };

/** An output of the executor, and when it was received, in milliseconds. */
export interface ReceivedOutput extends RecordedOutput {
  readonly receivedAt: number;
}

/** Configuration of a scripted engine; every field has a default. */
export interface ScriptedEngineSetup {
  readonly device?: ScriptedDeviceOptions;
  /** 1 unless given. */
  readonly layers?: number;
  /** 16 unless given. */
  readonly maxBatchTokens?: number;
  /** 4 unless given. */
  readonly maxBatchRequests?: number;
  /** 256 unless given. */
  readonly maxContext?: number;
  /** Blocks of the pool; 64 unless given. */
  readonly blocks?: number;
  /** 4 unless given. */
  readonly blockSize?: number;
  readonly prefixCache?: boolean;
  /** true unless given. */
  readonly overlap?: boolean;
  /** As `overlap` unless given. */
  readonly earlyFirstToken?: boolean;
  /** As `overlap` unless given. */
  readonly lateLaunch?: boolean;
  /** 1 unless given. */
  readonly streamInterval?: number;
  /** Batch sizes of captured graphs; 1, 2, 4, 8, 16, 32, 64 unless given. */
  readonly graphSizes?: readonly number[];
  /** Whether steps are reported. */
  readonly trackSteps?: boolean;
  /** Milliseconds; 10,000 unless given. */
  readonly stallTimeout?: number;
  /** Host time to send an output, in microseconds. */
  readonly sendCost?: number;
  /** Host time to process a row of a step, in microseconds. */
  readonly rowCost?: number;
  /** Failures, counted from when the model is loaded. */
  readonly failures?: readonly ScriptedFailure[];
  /** Called with each output. The messages that it returns arrive at once. */
  readonly onOutput?: (output: ReceivedOutput) => readonly InboxMessage[] | void;
  /** Whether outputs are kept; true unless given. */
  readonly keepsOutputs?: boolean;
}

/** A request to submit, without its id. */
export interface ScriptedRequest {
  /** The prompt, or the length of one that differs from request to request; 5 unless given. */
  readonly prompt?: number | readonly number[];
  /** 4 unless given. */
  readonly maxTokens?: number;
  /** Greedy with seed 1 unless given. */
  readonly sampling?: SamplingOptions;
  readonly eosTokenIds?: readonly number[];
  readonly stopStrings?: readonly string[];
  readonly trackTokens?: boolean;
}

/** A submit message for the scripted engine. */
export function submission(id: number, request: ScriptedRequest = {}): SubmitMessage {
  const { prompt = 5, maxTokens = 4, sampling = {}, eosTokenIds = [], stopStrings = [], trackTokens = false } = request;
  const suggested = tinyConfig().sampling;
  const token = (index: number) => (id * 331 + index * 7) % VOCABULARY_SIZE;
  return {
    type: "submit",
    id,
    promptTokenIds: typeof prompt === "number"
      ? Int32Array.from({ length: prompt }, (_, index) => token(index))
      : Int32Array.from(prompt),
    maxTokens,
    sampling: resolveSampling({ seed: 1, ...sampling }, suggested, VOCABULARY_SIZE),
    eosTokenIds,
    stopStrings,
    trackTokens,
  };
}

/** Polls for messages after which a loop without messages, tokens and ends is considered stuck. */
const MAX_IDLE_POLLS = 10_000;

/** Delivers messages when they are due, and a shutdown once the executor is idle and none are left. */
class ScriptedPort implements ExecutorPort {
  readonly outputs: ReceivedOutput[] = [];
  /** Calls of {@linkcode ScriptedPort.send}, empty ones included. */
  flushes = 0;
  lastCounters: ExecutorCounters | null = null;
  readonly reports: StepReport[] = [];
  /** Violations of the port's contract. */
  readonly violations: string[] = [];
  readonly #device: ScriptedDevice;
  readonly #setup: ScriptedEngineSetup;
  /** In order of arrival, the next one last. */
  readonly #timed: { readonly at: number; readonly message: InboxMessage }[];
  readonly #counted: { readonly forwards: number; readonly message: InboxMessage }[];
  /** Messages that arrive at once. */
  readonly #immediate: InboxMessage[] = [];
  #isShutDown = false;
  #idlePolls = 0;

  constructor(script: readonly ScriptedArrival[], device: ScriptedDevice, setup: ScriptedEngineSetup) {
    // Reversed before the stable sort, so that messages with equal times are taken in the order of the script.
    this.#timed = script.filter((arrival) => "at" in arrival)
      .map(({ at, message }) => ({ at: toMicroseconds(at), message })).reverse().sort((a, b) => b.at - a.at);
    this.#counted = script.filter((arrival) => "forwards" in arrival).reverse().sort((a, b) => b.forwards - a.forwards);
    this.#device = device;
    this.#setup = setup;
  }

  receive(): InboxMessage | null {
    const message = this.#immediate.shift() ?? this.#takeCounted() ?? this.#takeTimed();
    if (message?.type === "shutdown") this.#isShutDown = true;
    if (message !== null) this.#idlePolls = 0;
    else if (++this.#idlePolls > MAX_IDLE_POLLS) throw new UpbeatError("INTERNAL", "the loop makes no progress");
    return message;
  }

  #takeCounted(): InboxMessage | null {
    const next = this.#counted.at(-1);
    if (next === undefined || next.forwards > this.#device.accounting.forwardCount) return null;
    return this.#counted.pop()!.message;
  }

  #takeTimed(): InboxMessage | null {
    const next = this.#timed.at(-1);
    if (next === undefined || next.at > this.#device.now()) return null;
    return this.#timed.pop()!.message;
  }

  waitForMessage(): void {
    if (this.#isShutDown) this.violations.push("the executor waits for a message after the shutdown");
    if (this.#immediate.length > 0) return;
    const next = this.#timed.at(-1);
    if (next !== undefined) this.#device.waitUntil(next.at);
    else this.#immediate.push(this.#counted.pop()?.message ?? SHUTDOWN);
  }

  send(encoded: EncodedOutput | null): void {
    this.flushes++;
    if (encoded === null) return;
    const sent = recordOutput(encoded);
    const isProgress = ({ type }: OutputEvent) => ["GENERATED_TOKEN", "FINISH", "ERROR_NONTRANSIENT"].includes(type);
    if (sent.events.some(isProgress)) this.#idlePolls = 0;
    const { sendCost = 0, onOutput, keepsOutputs = true } = this.#setup;
    this.#device.spend(sendCost);
    this.lastCounters = sent.counters;
    const output = { ...sent, receivedAt: this.#device.now() };
    if (keepsOutputs) {
      this.outputs.push(output);
      this.reports.push(...sent.steps);
    }
    this.#immediate.push(...onOutput?.(output) ?? []);
  }
}

/** A scheduler whose processing of rows takes time. */
class SlowScheduler extends Scheduler {
  /** Called once per row. */
  onConfirm = () => {};

  override confirm(request: Request, tokens: number): void {
    this.onConfirm();
    super.confirm(request, tokens);
  }
}

/** An engine that runs a script. */
export class ScriptedEngine implements Disposable {
  readonly device: ScriptedDevice;
  readonly pool: KvBlockPool;
  readonly scheduler: Scheduler;
  readonly runner: ModelRunner;
  readonly #port: ScriptedPort;
  readonly #openDevice: Device;
  readonly #executor: Executor;

  /**
   * @param script Messages; a shutdown follows the last one once the executor is idle.
   * @param setup The configuration.
   */
  constructor(script: readonly ScriptedArrival[], setup: ScriptedEngineSetup = {}) {
    this.device = new ScriptedDevice(setup.device);
    const limits = limitsOf(setup, this.device);
    this.#openDevice = openDevice({ library: this.device.library });
    this.runner = new ModelRunner(this.#openDevice, tinyPlan(tinyConfig(setup.layers)), limits, () => {});
    this.pool = new KvBlockPool(limits.kvBlocks, limits.blockSize);
    const prefixCache = setup.prefixCache === true ? new PrefixCache(this.pool) : null;
    const scheduler = new SlowScheduler(this.pool, limits, prefixCache);
    scheduler.onConfirm = () => this.device.spend(setup.rowCost ?? 0);
    this.scheduler = scheduler;
    this.#port = new ScriptedPort(script, this.device, setup);
    this.#executor = this.#createExecutor(setup);
    this.device.accounting.reset();
    for (const failure of setup.failures ?? []) this.device.fail(failure);
  }

  #createExecutor(setup: ScriptedEngineSetup): Executor {
    const { overlap = true, earlyFirstToken = overlap, lateLaunch = overlap } = setup;
    const { streamInterval = 1, trackSteps = false } = setup;
    const { now } = this.device;
    return new Executor({
      port: this.#port,
      scheduler: this.scheduler,
      blocks: this.pool,
      runner: this.runner,
      now,
      options: { overlap, lateLaunch, earlyFirstToken, streamInterval },
      reports: trackSteps ? new StepReports(this.scheduler, this.pool, now) : null,
    });
  }

  /**
   * Runs until the shutdown.
   *
   * @throws {UpbeatError} If the loop ended with an error.
   */
  run(): void {
    this.#executor.run();
  }

  /** Closes the device. */
  [Symbol.dispose](): void {
    this.#openDevice.close();
  }

  /** All outputs, oldest first. */
  get outputs(): readonly ReceivedOutput[] {
    return this.#port.outputs;
  }

  /** Outputs sent, empty ones included. */
  get flushes(): number {
    return this.#port.flushes;
  }

  /** The step reports that were sent. */
  get reports(): readonly StepReport[] {
    return this.#port.reports;
  }

  /** The last counters that were sent. */
  get counters(): ExecutorCounters {
    return this.#port.lastCounters!;
  }

  /** Violations of the contracts of the device and the port. */
  get violations(): readonly string[] {
    return [...this.device.violations, ...this.#port.violations];
  }

  /** All events of a request. */
  events(id: number): OutputEvent[] {
    return this.outputs.flatMap(({ events }) => events.filter(({ requestId }) => requestId === id));
  }

  /** The tokens of a request. */
  tokens(id: number): number[] {
    return this.events(id).flatMap(({ type, payload }) => (type === "GENERATED_TOKEN" ? [payload.tokenId] : []));
  }

  /** Why a request ended; null if it is live or failed. */
  finishReason(id: number): string | null {
    const finish = this.events(id).find(({ type }) => type === "FINISH");
    return finish?.type === "FINISH" ? finish.payload.reason : null;
  }
}

function limitsOf(setup: ScriptedEngineSetup, device: ScriptedDevice): RunnerLimits {
  const { maxBatchTokens = 16, maxBatchRequests = 4, maxContext = 256, blocks = 64, blockSize = 4 } = setup;
  return {
    maxBatchTokens,
    maxBatchRequests,
    maxContext,
    blockSize,
    kvBlocks: blocks,
    kvDtype: "F32",
    activations: "float32",
    graphSizes: setup.graphSizes ?? [1, 2, 4, 8, 16, 32, 64],
    deviceClock: setup.trackSteps === true ? device.now : null,
    stallTimeout: setup.stallTimeout ?? 10_000,
  };
}
