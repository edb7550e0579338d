/**
 * A step's inputs and outputs: laid out once, written and read through typed arrays, moved in one copy each way.
 *
 * Host and device have the same layout, so that a captured graph finds everything at fixed addresses.
 *
 * @module
 */
import { SAMPLING_FLOATS, SAMPLING_INTS } from "../ffi/abi.ts";
import type { Device, DeviceMemory, HostMemory } from "../ffi/interface.ts";
import type { Pointer, StreamHandle } from "../ffi/types.ts";
import type { Request } from "./request.ts";
import { MAX_LOGIT_BIASES, MAX_LOGPROBS } from "./sampling.ts";
import type { ScheduledRequest, Step } from "./step_plan.ts";

/** Sizes that step buffers are made for. */
export interface StepLimits {
  /** Tokens in a step, at most. */
  readonly maxBatchTokens: number;
  /** Requests in a step, at most. */
  readonly maxBatchRequests: number;
  /** Tokens in a sequence, at most: the row length of the token table. */
  readonly maxContext: number;
  /** Tokens per KV block. */
  readonly blockSize: number;
}

/** Fields of one buffer: name to the number of 32-bit elements. */
type Layout<Name extends string> = Readonly<Record<Name, number>>;

/** One region of memory on the host and its twin on the device. */
class MirroredRegion<Name extends string> {
  readonly host: HostMemory;
  readonly device: DeviceMemory;
  readonly bytes: number;
  readonly #offsets = new Map<Name, number>();
  /** Made once: a pointer is an object in Deno. */
  readonly #pointers = new Map<Name, Pointer>();
  readonly #layout: Layout<Name>;

  constructor(device: Device, layout: Layout<Name>) {
    this.#layout = layout;
    let offset = 0;
    for (const [name, elements] of Object.entries(layout) as [Name, number][]) {
      this.#offsets.set(name, offset);
      offset += Math.ceil((elements * 4) / 64) * 64;
    }
    this.bytes = offset;
    this.host = device.allocateHost(offset);
    this.device = device.allocate(offset);
    for (const [name, start] of this.#offsets) this.#pointers.set(name, this.device.at(start));
  }

  offset(name: Name): number {
    return this.#offsets.get(name)!;
  }

  pointer(name: Name): Pointer {
    return this.#pointers.get(name)!;
  }

  ints(name: Name): Int32Array {
    return new Int32Array(this.host.view, this.offset(name), this.#layout[name]);
  }

  floats(name: Name): Float32Array {
    return new Float32Array(this.host.view, this.offset(name), this.#layout[name]);
  }
}

/** The arrays a step is made of; `upbeat.h` says what each holds. */
export type StepInputName =
  | "tokenSources"
  | "positions"
  | "slotMapping"
  | "queryStarts"
  | "sequenceLengths"
  | "logitRows"
  | "tokenDestinations"
  | "samplingFloats"
  | "samplingInts"
  | "blockTables";

/** The inputs of steps, one at a time. */
export class StepInputs {
  readonly #region: MirroredRegion<StepInputName>;
  readonly #limits: StepLimits;
  /** Row length of the block tables. */
  readonly maxBlocks: number;

  readonly #tokenSources: Int32Array;
  readonly #positions: Int32Array;
  readonly #slotMapping: Int32Array;
  readonly #queryStarts: Int32Array;
  readonly #sequenceLengths: Int32Array;
  readonly #logitRows: Int32Array;
  readonly #tokenDestinations: Int32Array;
  readonly #samplingFloats: Float32Array;
  readonly #samplingInts: Int32Array;
  readonly #blockTables: Int32Array;

  constructor(device: Device, limits: StepLimits) {
    const { maxBatchTokens, maxBatchRequests, maxContext, blockSize } = limits;
    this.#limits = limits;
    this.maxBlocks = Math.ceil(maxContext / blockSize);
    this.#region = new MirroredRegion(device, {
      tokenSources: maxBatchTokens,
      positions: maxBatchTokens,
      slotMapping: maxBatchTokens,
      queryStarts: maxBatchRequests + 1,
      sequenceLengths: maxBatchRequests,
      logitRows: maxBatchRequests,
      tokenDestinations: maxBatchRequests,
      samplingFloats: maxBatchRequests * SAMPLING_FLOATS.LENGTH,
      samplingInts: maxBatchRequests * SAMPLING_INTS.LENGTH,
      // Last, so that a step copies only the rows it uses.
      blockTables: maxBatchRequests * this.maxBlocks,
    });
    this.#tokenSources = this.#region.ints("tokenSources");
    this.#positions = this.#region.ints("positions");
    this.#slotMapping = this.#region.ints("slotMapping");
    this.#queryStarts = this.#region.ints("queryStarts");
    this.#sequenceLengths = this.#region.ints("sequenceLengths");
    this.#logitRows = this.#region.ints("logitRows");
    this.#tokenDestinations = this.#region.ints("tokenDestinations");
    this.#samplingFloats = this.#region.floats("samplingFloats");
    this.#samplingInts = this.#region.ints("samplingInts");
    this.#blockTables = this.#region.ints("blockTables");
  }

  /** Where the copy reads. */
  get hostPointer(): Pointer {
    return this.#region.host.pointer;
  }

  /** Where the copy writes. */
  get devicePointer(): Pointer {
    return this.#region.device.pointer;
  }

  /** The address of a field on the device. */
  pointer(name: StepInputName): Pointer {
    return this.#region.pointer(name);
  }

  /**
   * Write a step. The device must have copied the step before it.
   *
   * @param step The step.
   * @returns How many bytes of the region the step uses, from its beginning.
   */
  write(step: Step): number {
    let token = 0;
    for (const [row, scheduled] of step.scheduled.entries()) {
      this.#queryStarts[row] = token;
      this.#sequenceLengths[row] = scheduled.start + scheduled.count;
      this.#blockTables.set(scheduled.request.blocks, row * this.maxBlocks);
      token = this.#writeTokens(scheduled, token);
      if (scheduled.samples) this.#writeSampling(scheduled, row, token - 1);
    }
    this.#queryStarts[step.scheduled.length] = token;
    return this.#region.offset("blockTables") + step.scheduled.length * this.maxBlocks * 4;
  }

  #writeTokens({ request, start, count }: ScheduledRequest, firstToken: number): number {
    const { maxContext, blockSize } = this.#limits;
    let token = firstToken;
    for (let position = start; position < start + count; position++, token++) {
      const block = request.blocks[Math.floor(position / blockSize)]!;
      this.#tokenSources[token] = request.slot * maxContext + position;
      this.#positions[token] = position;
      this.#slotMapping[token] = block * blockSize + (position % blockSize);
    }
    return token;
  }

  #writeSampling({ request, start, count }: ScheduledRequest, row: number, lastToken: number): void {
    const { sampling, slot } = request;
    const length = start + count;
    const tableRow = slot * this.#limits.maxContext;
    this.#logitRows[row] = lastToken;
    this.#tokenDestinations[row] = tableRow + length;

    const floats = row * SAMPLING_FLOATS.LENGTH;
    this.#samplingFloats[floats + SAMPLING_FLOATS.TEMPERATURE] = sampling.temperature;
    this.#samplingFloats[floats + SAMPLING_FLOATS.TOP_P] = sampling.topP;
    this.#samplingFloats[floats + SAMPLING_FLOATS.MIN_P] = sampling.minP;
    this.#samplingFloats[floats + SAMPLING_FLOATS.REPETITION_PENALTY] = sampling.repetitionPenalty;
    this.#samplingFloats[floats + SAMPLING_FLOATS.PRESENCE_PENALTY] = sampling.presencePenalty;
    this.#samplingFloats[floats + SAMPLING_FLOATS.FREQUENCY_PENALTY] = sampling.frequencyPenalty;

    const ints = row * SAMPLING_INTS.LENGTH;
    this.#samplingInts[ints + SAMPLING_INTS.ACTIVE] = 1;
    this.#samplingInts[ints + SAMPLING_INTS.TOP_K] = sampling.topK;
    this.#samplingInts[ints + SAMPLING_INTS.SEED_LOW] = sampling.seed | 0;
    this.#samplingInts[ints + SAMPLING_INTS.SEED_HIGH] = Math.floor(sampling.seed / 2 ** 32) | 0;
    this.#samplingInts[ints + SAMPLING_INTS.POSITION] = length;
    this.#samplingInts[ints + SAMPLING_INTS.HISTORY_START] = tableRow;
    this.#samplingInts[ints + SAMPLING_INTS.HISTORY_LENGTH] = length;
    this.#samplingInts[ints + SAMPLING_INTS.PROMPT_LENGTH] = request.promptLength;
    this.#samplingInts[ints + SAMPLING_INTS.LOGPROBS] = sampling.logprobs;
    this.#samplingInts[ints + SAMPLING_INTS.BIAS_START] = slot * MAX_LOGIT_BIASES;
    this.#samplingInts[ints + SAMPLING_INTS.BIAS_COUNT] = sampling.biasTokens.length;
  }
}

/** What a step gives back. */
export type StepOutputName = "tokens" | "logprobs" | "logprobTokens";

/** The outputs of steps, one at a time. */
export class StepOutputs {
  readonly #region: MirroredRegion<StepOutputName>;
  /** The sampled tokens on the host. `[requests]` */
  readonly tokens: Int32Array;
  /** Log-probabilities: the token's own, then those of the likeliest. `[requests, 1 + MAX_LOGPROBS]` */
  readonly logprobs: Float32Array;
  /** The likeliest tokens. `[requests, MAX_LOGPROBS]` */
  readonly logprobTokens: Int32Array;

  constructor(device: Device, maxBatchRequests: number) {
    this.#region = new MirroredRegion(device, {
      tokens: maxBatchRequests,
      logprobs: maxBatchRequests * (1 + MAX_LOGPROBS),
      logprobTokens: maxBatchRequests * MAX_LOGPROBS,
    });
    this.tokens = this.#region.ints("tokens");
    this.logprobs = this.#region.floats("logprobs");
    this.logprobTokens = this.#region.ints("logprobTokens");
  }

  /** Where the copy writes. */
  get hostPointer(): Pointer {
    return this.#region.host.pointer;
  }

  /** The address of a field on the device; `tokens` is where the copy reads. */
  pointer(name: StepOutputName): Pointer {
    return this.#region.pointer(name);
  }

  /** Bytes to copy: the tokens, and everything where a request wants log-probabilities. */
  bytes(step: Step): number {
    const wantsLogprobs = step.scheduled.some(({ request, samples }) => samples && request.sampling.logprobs >= 0);
    return wantsLogprobs ? this.#region.bytes : step.samplingRequests * 4;
  }
}

/** What is kept per slot. */
export type SlotTableName = "tokens" | "biasTokens" | "biasValues";

/**
 * What the device keeps of each running request, by slot: its tokens, and the biases of its logits. A slot is written when
 * a request is admitted to it; generated tokens are added on the device.
 */
export class SlotTables {
  readonly #region: MirroredRegion<SlotTableName>;
  readonly #maxContext: number;
  readonly #tokens: Int32Array;
  readonly #biasTokens: Int32Array;
  readonly #biasValues: Float32Array;
  readonly #device: Device;

  constructor(device: Device, maxBatchRequests: number, maxContext: number) {
    this.#device = device;
    this.#maxContext = maxContext;
    this.#region = new MirroredRegion(device, {
      tokens: maxBatchRequests * maxContext,
      biasTokens: maxBatchRequests * MAX_LOGIT_BIASES,
      biasValues: maxBatchRequests * MAX_LOGIT_BIASES,
    });
    this.#tokens = this.#region.ints("tokens");
    this.#biasTokens = this.#region.ints("biasTokens");
    this.#biasValues = this.#region.floats("biasValues");
  }

  /** The address of a table on the device. */
  pointer(name: SlotTableName): Pointer {
    return this.#region.pointer(name);
  }

  /**
   * Enqueue a request's known tokens and biases for its slot.
   *
   * @param request An admitted request. Whoever had its slot before has finished, and so have the copies made for it.
   * @param stream The stream of the steps.
   */
  upload(request: Request, stream: StreamHandle): void {
    const { slot, promptTokenIds, tokenIds, sampling } = request;
    const firstToken = slot * this.#maxContext;
    this.#tokens.set(promptTokenIds, firstToken);
    this.#tokens.set(tokenIds, firstToken + promptTokenIds.length);
    this.#copy("tokens", firstToken, request.totalTokens, stream);

    if (sampling.biasTokens.length === 0) return;
    const firstBias = slot * MAX_LOGIT_BIASES;
    this.#biasTokens.set(sampling.biasTokens, firstBias);
    this.#biasValues.set(sampling.biasValues, firstBias);
    this.#copy("biasTokens", firstBias, sampling.biasTokens.length, stream);
    this.#copy("biasValues", firstBias, sampling.biasTokens.length, stream);
  }

  #copy(
    name: SlotTableName,
    first: number,
    count: number,
    stream: StreamHandle,
  ): void {
    const offset = this.#region.offset(name) + first * 4;
    this.#device.check(
      this.#device.symbols.upbeat_copy_to_device(
        stream,
        this.#region.device.at(offset),
        this.#region.host.at(offset),
        count * 4,
      ),
    );
  }
}
