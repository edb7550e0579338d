/**
 * A model on a device, ready to run steps: weights, KV cache, buffers, the stream, and captured graphs of decode steps.
 *
 * @module
 */
import { DTYPE } from "../../ffi/abi.ts";
import type { Device } from "../../ffi/interface.ts";
import type { GraphHandle, Pointer, StreamHandle } from "../../ffi/types.ts";
import { UpbeatError } from "../../errors.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { ModelConfig } from "../models/config.ts";
import { Decoder } from "../models/decoder.ts";
import {
  type ActivationType,
  type DecoderWeights,
  loadDecoderWeights,
  type WeightProgress,
} from "../models/decoder_weights.ts";
import type { CacheDtype } from "../models/memory.ts";
import { inverseFrequencies } from "../models/rope.ts";
import type { WeightPlan } from "../models/weight_plan.ts";
import type { Request } from "../scheduler/request.ts";
import { DeviceTimer } from "./device_timer.ts";
import type { DeviceTimes } from "../telemetry/device_times.ts";
import { MAX_LOGPROBS } from "../config/sampling_options.ts";
import { BatchSlotTables } from "./batch_slot_tables.ts";
import { StepInputs, type StepLimits } from "./step_inputs.ts";
import { type PendingResults, StepOutputs } from "./step_outputs.ts";
import type { Step } from "../scheduler/step_plan.ts";

/** What a model runner is made for. */
export interface RunnerLimits extends StepLimits {
  /** KV blocks in the pool. */
  readonly kvBlocks: number;
  /** Element type of the KV cache. */
  readonly kvDtype: CacheDtype;
  /** What weight matrices are multiplied with. */
  readonly activations: ActivationType;
  /** Milliseconds without progress after which a device counts as stalled. */
  readonly stallTimeout: number;
  /** The engine's clock, to measure when the device works; null: not to be measured. */
  readonly deviceClock: Clock | null;
  /**
   * Numbers of requests that decode steps are captured for, rising; the most that a step can have is one of them in any
   * case. Others are filled up to the next one. None: each number is captured as it is, when it first comes.
   */
  readonly graphSizes: readonly number[];
}

/** Runs steps of one model on one device. Everything it enqueues goes to one in-order stream. */
export class ModelRunner {
  /** When the device worked on the step that was waited for last; null: not measured. */
  deviceTimes: DeviceTimes | null = null;

  readonly #device: Device;
  readonly #stream: StreamHandle;
  readonly #vocabularySize: number;
  readonly #decoder: Decoder;
  readonly #inputs: StepInputs;
  readonly #outputs: StepOutputs;
  readonly #slots: BatchSlotTables;
  /** Token ids of the step, gathered from the token table. */
  readonly #tokens: Pointer;
  readonly #tableLength: number;
  readonly #stallTimeout: number;
  readonly #graphSizes: readonly number[];
  readonly #maxTokens: number;
  readonly #maxRows: number;
  readonly #timer: DeviceTimer | null;
  /** Forward passes of pure decode steps, by number of rows. */
  readonly #decodeGraphs = new Map<number, GraphHandle>();

  /**
   * Load a model.
   *
   * @param device An open device; it owns everything that is allocated here.
   * @param config The model's configuration.
   * @param plan Where its weights are.
   * @param limits Sizes of steps, sequences and the KV cache.
   * @param onProgress Called as weights arrive.
   * @param weightSeed Seed of weights that are in no file.
   * @throws {UpbeatError} `DEVICE_OUT_OF_MEMORY`, `WEIGHTS_INVALID`, `DEVICE_FAULT`; `DEVICE_UNAVAILABLE` when the device
   *   cannot round activations.
   */
  constructor(
    device: Device,
    config: ModelConfig,
    plan: WeightPlan,
    limits: RunnerLimits,
    onProgress: WeightProgress,
    weightSeed = 0,
  ) {
    this.#device = device;
    this.#stream = device.createStream();
    this.#vocabularySize = config.vocabularySize;
    this.#stallTimeout = limits.stallTimeout;
    const weights = loadDecoderWeights(device, this.#stream, plan, limits.activations, onProgress, weightSeed);
    this.#inputs = new StepInputs(device, limits);
    this.#outputs = new StepOutputs(device, limits.maxBatchRequests);
    this.#slots = new BatchSlotTables(device, limits.maxBatchRequests, limits.maxContext);
    this.#tableLength = limits.maxBatchRequests * limits.maxContext;
    this.#tokens = device.allocate(limits.maxBatchTokens * 4).pointer;
    this.#maxTokens = limits.maxBatchTokens;
    this.#maxRows = Math.min(limits.maxBatchRequests, limits.maxBatchTokens);
    const graphSizes = limits.graphSizes.filter((size) => size < this.#maxRows);
    this.#graphSizes = limits.graphSizes.length === 0 ? [] : [...graphSizes, this.#maxRows];
    this.#timer = limits.deviceClock === null ? null : new DeviceTimer(device, this.#stream, limits.deviceClock);
    this.#decoder = this.#createDecoder(config, weights, limits);
    device.synchronize(this.#stream);
  }

  #createDecoder(config: ModelConfig, weights: DecoderWeights, limits: RunnerLimits): Decoder {
    const device = this.#device;
    const dtype = DTYPE[limits.kvDtype];
    const cacheBytes = device.kvCacheBytes(dtype, limits.kvBlocks, limits.blockSize, config.kvHeads, config.headDim);
    const allocateCaches = () => Array.from({ length: config.layers }, () => device.allocate(cacheBytes).pointer);
    const inputs = this.#inputs;
    return new Decoder(
      device,
      this.#stream,
      config,
      weights,
      {
        keys: allocateCaches(),
        values: allocateCaches(),
        dtype,
        blockSize: limits.blockSize,
        maxBlocks: inputs.maxBlocks,
      },
      {
        tokens: this.#tokens,
        positions: inputs.pointer("positions"),
        slotMapping: inputs.pointer("slotMapping"),
        queryStarts: inputs.pointer("queryStarts"),
        sequenceLengths: inputs.pointer("sequenceLengths"),
        blockTables: inputs.pointer("blockTables"),
        logitRows: inputs.pointer("logitRows"),
      },
      this.#createRotaryTable(config, limits.maxContext),
      { maxTokens: limits.maxBatchTokens, maxLogitRows: limits.maxBatchRequests },
    );
  }

  #createRotaryTable(config: ModelConfig, positions: number): Pointer {
    const frequencies = inverseFrequencies(config);
    const staging = this.#device.allocateHost(frequencies.byteLength);
    new Float64Array(staging.view).set(frequencies);
    const table = this.#device.allocate(positions * config.headDim * 4).pointer;
    this.#device.check(
      this.#device.symbols.upbeat_rotary_table(this.#stream, staging.pointer, 1, positions, config.headDim, table),
    );
    this.#device.synchronize(this.#stream);
    staging.free();
    return table;
  }

  /**
   * Do once what no step is to wait for: capture the decode steps that are filled up to, and let the device set memory aside
   * for the intermediate results of all others. What is captured was given its memory, also where it never runs.
   *
   * @throws {UpbeatError} `DEVICE_OUT_OF_MEMORY`, `DEVICE_FAULT`.
   */
  prepare(): void {
    if (this.#graphSizes.length === 0) return;
    // The largest first: memory that is outgrown is not given back. Others too, for a kernel may want more for fewer rows.
    for (let tokens = this.#maxTokens; tokens >= 1; tokens = Math.floor(tokens / 2)) {
      const requests = Math.min(tokens, this.#maxRows);
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
   * Enqueue a step's forward pass. The ids of tokens that the step before it samples are gathered on the device; all steps
   * before that one must have been waited for.
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
   * Enqueue the choice of a step's tokens, their return to the token table, and their copy to the host.
   *
   * @param step The step whose forward pass was enqueued last. The results of the step before it may still be read; those of
   * earlier ones may not.
   * @returns Where the results will be, once {@linkcode ModelRunner.waitForResults} returns.
   */
  launchSampling(step: Step): PendingResults {
    const { symbols } = this.#device;
    const results = this.#outputs.next();
    const rows = step.samplingRequests;
    this.#timer?.samplingBegins();
    if (rows > 0) {
      this.#enqueueSampling(rows);
      const tokens = this.#outputs.pointer("tokens");
      this.#check(
        symbols.upbeat_copy_to_host(this.#stream, results.destination, tokens, this.#outputs.bytes(step)),
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
   * @param within For how many milliseconds to wait for that, at most. Without it, this never waits.
   * @throws {UpbeatError} `DEVICE_FAULT`.
   */
  haveArrived(results: PendingResults, within: number = 0): boolean {
    if (within > 0) return this.#device.waitEvent(results.arrived, Math.ceil(within * 1000));
    return this.#device.check(this.#device.symbols.upbeat_event_query(results.arrived)) === 1;
  }

  /**
   * Wait until a step's results are on the host, however long that takes. May be called again.
   *
   * @param results What {@linkcode ModelRunner.launchSampling} returned.
   * @throws {UpbeatError} `DEVICE_FAULT`, or `DEVICE_STALLED` when nothing came for too long.
   */
  waitForResults(results: PendingResults): void {
    if (!this.#device.waitEvent(results.arrived, this.#stallTimeout * 1000)) {
      throw new UpbeatError(
        "DEVICE_STALLED",
        `the device did not finish a step within ${this.#stallTimeout / 1000} s; ` +
          "lower maxBatchTokens if it is only slow, or raise stallTimeout",
        { stallTimeout: this.#stallTimeout },
      );
    }
    this.deviceTimes = this.#timer?.stepEnded(results.arrived) ?? null;
  }

  /** Rows of the graph that runs a decode step. */
  #graphRows(requests: number): number {
    return this.#graphSizes.find((size) => size >= requests) ?? requests;
  }

  /**
   * Wait until the device has finished what is enqueued, and give up the captured graphs: buffers may be freed then, and
   * closing the device does not wait.
   *
   * @param timeout Milliseconds to wait, at most.
   * @returns Whether the device is idle. Where it is not, nothing was given up.
   * @throws {UpbeatError} `DEVICE_FAULT`: the device skips what is enqueued.
   */
  close(timeout: number): boolean {
    if (!this.#device.synchronize(this.#stream, timeout * 1000)) return false;
    for (const graph of this.#decodeGraphs.values()) this.#device.destroyGraph(graph);
    this.#decodeGraphs.clear();
    return true;
  }

  #enqueueForward(tokens: number, requests: number, logitRows: number): void {
    this.#check(
      this.#device.symbols.upbeat_gather_tokens(
        this.#stream,
        this.#slots.pointer("tokens"),
        this.#inputs.pointer("tokenSources"),
        tokens,
        this.#tableLength,
        this.#tokens,
      ),
    );
    this.#decoder.forward(tokens, requests, logitRows);
  }

  #enqueueSampling(rows: number): void {
    const { symbols } = this.#device;
    const tokens = this.#outputs.pointer("tokens");
    this.#check(symbols.upbeat_sample(
      this.#stream,
      this.#decoder.logits,
      rows,
      this.#vocabularySize,
      this.#inputs.pointer("samplingFloats"),
      this.#inputs.pointer("samplingInts"),
      this.#slots.pointer("tokens"),
      this.#slots.pointer("biasTokens"),
      this.#slots.pointer("biasValues"),
      MAX_LOGPROBS,
      tokens,
      this.#outputs.pointer("logprobs"),
      this.#outputs.pointer("logprobTokens"),
    ));
    this.#check(symbols.upbeat_scatter_tokens(
      this.#stream,
      tokens,
      this.#inputs.pointer("tokenDestinations"),
      rows,
      this.#tableLength,
      this.#slots.pointer("tokens"),
    ));
  }

  /** The forward pass of a decode step as one call, captured the first time it is needed. */
  #decodeGraph(rows: number): GraphHandle {
    let graph = this.#decodeGraphs.get(rows);
    if (graph === undefined) {
      graph = this.#device.capture(this.#stream, () => this.#enqueueForward(rows, rows, rows));
      this.#decodeGraphs.set(rows, graph);
    }
    return graph;
  }

  #check(status: number): void {
    if (status < 0) this.#device.fail(status);
  }
}
