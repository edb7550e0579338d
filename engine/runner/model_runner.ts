/**
 * Runs steps of one model on one device: the stream, what steps read and write, and captured graphs of decode steps.
 *
 * @module
 */
import type { Device } from "../../ffi/interface.ts";
import type { GraphHandle, Pointer, StreamHandle } from "../../ffi/types.ts";
import { UpbeatError } from "../../errors.ts";
import { MAX_LOGPROBS } from "../config/sampling_options.ts";
import { loadModel, type Model, type ModelLimits } from "../models/model_loader.ts";
import type { ModelPlan } from "../models/model_plan.ts";
import type { WeightProgress } from "../models/weight_loader.ts";
import type { Request } from "../scheduler/request.ts";
import type { Step } from "../scheduler/step_plan.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { DeviceTimes } from "../telemetry/device_times.ts";
import { BatchSlotTables } from "./batch_slot_tables.ts";
import { DeviceTimer } from "./device_timer.ts";
import { StepInputs } from "./step_inputs.ts";
import { type PendingResults, StepResultBuffers } from "./step_results.ts";

/** Sizes and bounds of a model runner. */
export interface RunnerLimits extends ModelLimits {
  /** Milliseconds without progress after which a device counts as stalled. */
  readonly stallTimeout: number;
  /** The engine's clock, to measure when the device works; null: not measured. */
  readonly deviceClock: Clock | null;
  /**
   * Batch sizes that decode steps are captured for, ascending; the largest possible batch is always one of them. Steps
   * in between are padded to the next size. Empty: every size is captured as it is, at its first use.
   */
  readonly graphSizes: readonly number[];
}

/** Runs steps of one model on one device. Everything it enqueues goes to one in-order stream. */
export class ModelRunner {
  /** When the device worked on the step that was waited for last; null: not measured. */
  deviceTimes: DeviceTimes | null = null;

  readonly #device: Device;
  readonly #stream: StreamHandle;
  readonly #model: Model;
  readonly #limits: RunnerLimits;
  readonly #vocabularySize: number;
  readonly #inputs: StepInputs;
  readonly #results: StepResultBuffers;
  readonly #slots: BatchSlotTables;
  /** Token ids of the step, gathered from the token table. */
  readonly #tokens: Pointer;
  readonly #maxRequests: number;
  readonly #graphSizes: readonly number[];
  readonly #timer: DeviceTimer | null;
  /** Forward passes of pure decode steps, by number of rows. */
  readonly #decodeGraphs = new Map<number, GraphHandle>();

  /**
   * Load a model.
   *
   * @param device An open device; it owns everything that is allocated here.
   * @param plan The model.
   * @param limits Sizes of steps, sequences and the KV cache.
   * @param onProgress Called as weights arrive.
   * @param weightSeed Seed of dummy weights.
   * @throws {UpbeatError} `DEVICE_OUT_OF_MEMORY`, `WEIGHTS_INVALID`, `DEVICE_FAULT`; `DEVICE_UNAVAILABLE`
   * when the device cannot round activations.
   */
  constructor(
    device: Device,
    plan: ModelPlan,
    limits: RunnerLimits,
    onProgress: WeightProgress,
    weightSeed = 0,
  ) {
    const { maxBatchTokens, maxBatchRequests, maxContext, graphSizes, deviceClock } = limits;
    this.#device = device;
    this.#stream = device.createStream();
    this.#limits = limits;
    this.#vocabularySize = plan.network.logits.columns;
    this.#inputs = new StepInputs(device, limits);
    this.#results = new StepResultBuffers(device, maxBatchRequests);
    this.#slots = new BatchSlotTables(device, maxBatchRequests, maxContext);
    this.#tokens = device.allocate(maxBatchTokens * 4).pointer;
    this.#maxRequests = Math.min(maxBatchRequests, maxBatchTokens);
    const smaller = graphSizes.filter((size) => size < this.#maxRequests);
    this.#graphSizes = graphSizes.length === 0 ? [] : [...smaller, this.#maxRequests];
    this.#timer = deviceClock === null ? null : new DeviceTimer(device, this.#stream, deviceClock);
    const { pointers, maxBlocks } = this.#inputs;
    const inputs = { ...pointers, tokens: this.#tokens, maxBlocks };
    this.#model = loadModel(device, this.#stream, plan, limits, inputs, onProgress, weightSeed);
  }

  /**
   * Do ahead of time what no step should wait for: capture decode steps of all padded sizes, and let the device
   * allocate intermediate memory for all others. Capturing allocates that memory even though the graph never runs.
   *
   * @throws {UpbeatError} `DEVICE_OUT_OF_MEMORY`, `DEVICE_FAULT`.
   */
  prepare(): void {
    if (this.#graphSizes.length === 0) return;
    // Largest first: memory that is outgrown is not freed. Smaller ones too, as a kernel may need more for fewer rows.
    for (let tokens = this.#limits.maxBatchTokens; tokens >= 1; tokens = Math.floor(tokens / 2)) {
      const requests = Math.min(tokens, this.#maxRequests);
      this.#device.destroyGraph(this.#device.capture(this.#stream, () => {
        this.#enqueueForward(tokens, requests, requests);
        this.#enqueueSampling(requests);
      }));
    }
    for (const rows of this.#graphSizes) this.#decodeGraph(rows);
  }

  /**
   * Enqueue what the device must know of a request before its first step.
   *
   * @param request A request that was just admitted to a batch slot.
   */
  admit(request: Request): void {
    this.#slots.upload(request, this.#stream);
  }

  /**
   * Enqueue a step's forward pass. Tokens that the step before it samples are gathered on the device; the results of
   * all steps before that one must have been waited for.
   *
   * @param step The step.
   */
  launchForward(step: Step): void {
    const isDecode = step.tokens === step.samplingRequests;
    const rows = isDecode ? this.#graphRows(step.tokens) : step.tokens;
    const { source, bytes } = this.#inputs.write(step, rows);
    this.#timer?.stepBegins();
    const { symbols } = this.#device;
    this.#check(symbols.upbeat_copy_to_device(this.#stream, this.#inputs.destination, source, bytes));
    if (isDecode) this.#check(symbols.upbeat_graph_launch(this.#decodeGraph(rows), this.#stream));
    else this.#enqueueForward(step.tokens, step.scheduled.length, step.samplingRequests);
    this.#timer?.forwardEnds();
  }

  /**
   * Enqueue a step's sampling, the return of its tokens to the token table, and their copy to the host.
   *
   * @param step The step whose forward pass was enqueued last. The results of the step before it may still be read,
   * those of earlier ones may not.
   * @returns Where the results will be, once {@linkcode ModelRunner.waitForResults} returns.
   */
  launchSampling(step: Step): PendingResults {
    const { symbols } = this.#device;
    const results = this.#results.next();
    const rows = step.samplingRequests;
    this.#timer?.samplingBegins();
    if (rows > 0) {
      this.#enqueueSampling(rows);
      const tokens = this.#results.pointers.tokens;
      this.#check(
        symbols.upbeat_copy_to_host(this.#stream, results.destination, tokens, this.#results.bytes(step)),
      );
    }
    this.#check(symbols.upbeat_event_record(results.arrived, this.#stream));
    this.#timer?.stepEnds(results.arrived);
    return results;
  }

  /**
   * Whether a step's results are on the host.
   *
   * @param results What {@linkcode ModelRunner.launchSampling} returned.
   * @param within Milliseconds to wait for them, at most. Without it, this never waits.
   * @throws {UpbeatError} `DEVICE_FAULT`.
   */
  haveArrived(results: PendingResults, within: number = 0): boolean {
    if (within > 0) return this.#device.waitEvent(results.arrived, Math.ceil(within * 1000));
    return this.#device.check(this.#device.symbols.upbeat_event_query(results.arrived)) === 1;
  }

  /**
   * Wait until a step's results are on the host. May be called again.
   *
   * @param results What {@linkcode ModelRunner.launchSampling} returned.
   * @throws {UpbeatError} `DEVICE_FAULT`, or `DEVICE_STALLED` when nothing came for too long.
   */
  waitForResults(results: PendingResults): void {
    const { stallTimeout } = this.#limits;
    if (!this.#device.waitEvent(results.arrived, stallTimeout * 1000)) {
      throw new UpbeatError(
        "DEVICE_STALLED",
        `the device did not finish a step within ${stallTimeout / 1000} s; ` +
          "lower maxBatchTokens if it is only slow, or raise stallTimeout",
        { stallTimeout },
      );
    }
    this.deviceTimes = this.#timer?.stepEnded(results.arrived) ?? null;
  }

  /**
   * Wait until the device has finished what is enqueued, and destroy the captured graphs. Buffers may be freed then,
   * and closing the device does not wait.
   *
   * @param timeout Milliseconds to wait, at most.
   * @returns Whether the device is idle. If not, nothing was destroyed.
   * @throws {UpbeatError} `DEVICE_FAULT`: the device skips what is enqueued.
   */
  close(timeout: number): boolean {
    if (!this.#device.synchronize(this.#stream, timeout * 1000)) return false;
    for (const graph of this.#decodeGraphs.values()) this.#device.destroyGraph(graph);
    this.#decodeGraphs.clear();
    return true;
  }

  /** Rows of the graph that runs a decode step. */
  #graphRows(requests: number): number {
    return this.#graphSizes.find((size) => size >= requests) ?? requests;
  }

  /** The forward pass of a decode step as one call, captured at its first use. */
  #decodeGraph(rows: number): GraphHandle {
    let graph = this.#decodeGraphs.get(rows);
    if (graph === undefined) {
      graph = this.#device.capture(this.#stream, () => this.#enqueueForward(rows, rows, rows));
      this.#decodeGraphs.set(rows, graph);
    }
    return graph;
  }

  #enqueueForward(tokens: number, requests: number, logitRows: number): void {
    this.#check(this.#device.symbols.upbeat_gather_tokens(
      this.#stream,
      this.#slots.pointers.tokens,
      this.#inputs.pointers.tokenSources,
      tokens,
      this.#slots.tableLength,
      this.#tokens,
    ));
    this.#model.forward(tokens, requests, logitRows);
  }

  #enqueueSampling(rows: number): void {
    const { symbols } = this.#device;
    const tokens = this.#results.pointers.tokens;
    this.#check(symbols.upbeat_sample(
      this.#stream,
      this.#model.logits,
      rows,
      this.#vocabularySize,
      this.#inputs.pointers.samplingFloats,
      this.#inputs.pointers.samplingInts,
      this.#slots.pointers.tokens,
      this.#slots.pointers.biasTokens,
      this.#slots.pointers.biasValues,
      MAX_LOGPROBS,
      tokens,
      this.#results.pointers.logprobs,
      this.#results.pointers.logprobTokens,
    ));
    this.#check(symbols.upbeat_scatter_tokens(
      this.#stream,
      tokens,
      this.#inputs.pointers.tokenDestinations,
      rows,
      this.#slots.tableLength,
      this.#slots.pointers.tokens,
    ));
  }

  #check(status: number): void {
    if (status < 0) this.#device.fail(status);
  }
}
