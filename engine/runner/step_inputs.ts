/**
 * What steps read: written into one of two host buffers, so that the next step can be written while the device copies this
 * one, and copied to one device buffer.
 *
 * @module
 */
import { SAMPLING_FLOATS, SAMPLING_INTS } from "../../ffi/abi.ts";
import type { Device } from "../../ffi/interface.ts";
import type { Pointer } from "../../ffi/types.ts";
import { BufferLayout, DeviceBuffer, HostBuffer } from "./buffer_layout.ts";
import { MAX_LOGIT_BIASES } from "../config/sampling_options.ts";
import type { ModelLimits } from "../models/model_loader.ts";
import type { StepPointers } from "../models/ops.ts";
import type { ScheduledRequest, Step } from "../scheduler/step_plan.ts";

/** Sizes of step buffers; `maxContext` is the row length of the token table. */
export type StepLimits = Pick<ModelLimits, "maxBatchTokens" | "maxBatchRequests" | "maxContext" | "blockSize">;

/** The arrays of a step; `upbeat.h` documents each. */
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

/** A step's inputs on the host, for the copy to the device. */
export interface WrittenInputs {
  /** Where the copy reads. */
  readonly source: Pointer;
  /** Bytes that the step uses. */
  readonly bytes: number;
}

/** The inputs of steps. */
export class StepInputs {
  readonly #maxBlocks: number;
  readonly #layout: BufferLayout<StepInputName>;
  readonly #onDevice: DeviceBuffer<StepInputName>;
  readonly #writers: readonly [StepWriter, StepWriter];
  #turn = 0;

  /**
   * @param device Where they are read.
   * @param limits Sizes of steps.
   */
  constructor(device: Device, limits: StepLimits) {
    const { maxBatchTokens, maxBatchRequests, maxContext, blockSize } = limits;
    this.#maxBlocks = Math.ceil(maxContext / blockSize);
    this.#layout = new BufferLayout({
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
      blockTables: maxBatchRequests * this.#maxBlocks,
    });
    this.#onDevice = new DeviceBuffer(device, this.#layout);
    const writer = () => new StepWriter(new HostBuffer(device, this.#layout), limits, this.#maxBlocks);
    this.#writers = [writer(), writer()];
  }

  /** Where the copy writes. */
  get destination(): Pointer {
    return this.#onDevice.memory.pointer;
  }

  /**
   * Where a forward pass finds its inputs.
   *
   * @param tokens Where the step's token ids are gathered.
   */
  pointersFor(tokens: Pointer): StepPointers {
    return {
      tokens,
      positions: this.pointer("positions"),
      slotMapping: this.pointer("slotMapping"),
      queryStarts: this.pointer("queryStarts"),
      sequenceLengths: this.pointer("sequenceLengths"),
      blockTables: this.pointer("blockTables"),
      logitRows: this.pointer("logitRows"),
      maxBlocks: this.#maxBlocks,
    };
  }

  /** The address of an array on the device. */
  pointer(name: StepInputName): Pointer {
    return this.#onDevice.pointer(name);
  }

  /**
   * Write a step. The results of the step before the last one must have been waited for: it used the same buffer.
   *
   * @param step The step.
   * @param rows Rows to fill, at least the step's tokens; further ones are padding, whose results are never read. More than
   * the step's tokens only when each request has one.
   * @returns What to copy.
   */
  write(step: Step, rows: number): WrittenInputs {
    this.#turn = 1 - this.#turn;
    const writer = this.#writers[this.#turn]!;
    writer.write(step, rows);
    const requests = step.scheduled.length + rows - step.tokens;
    return { source: writer.source, bytes: this.#layout.offset("blockTables") + requests * this.#maxBlocks * 4 };
  }
}

/** Writes steps into one of the two host buffers. */
class StepWriter {
  /** The buffer's beginning. */
  readonly source: Pointer;
  readonly #limits: StepLimits;
  readonly #maxBlocks: number;
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

  constructor(buffer: HostBuffer<StepInputName>, limits: StepLimits, maxBlocks: number) {
    this.source = buffer.memory.pointer;
    this.#limits = limits;
    this.#maxBlocks = maxBlocks;
    this.#tokenSources = buffer.ints("tokenSources");
    this.#positions = buffer.ints("positions");
    this.#slotMapping = buffer.ints("slotMapping");
    this.#queryStarts = buffer.ints("queryStarts");
    this.#sequenceLengths = buffer.ints("sequenceLengths");
    this.#logitRows = buffer.ints("logitRows");
    this.#tokenDestinations = buffer.ints("tokenDestinations");
    this.#samplingFloats = buffer.floats("samplingFloats");
    this.#samplingInts = buffer.ints("samplingInts");
    this.#blockTables = buffer.ints("blockTables");
  }

  write({ scheduled }: Step, rows: number): void {
    let token = 0;
    let row = 0;
    for (const share of scheduled) {
      this.#queryStarts[row] = token;
      this.#sequenceLengths[row] = share.start + share.count;
      this.#blockTables.set(share.request.blocks, row * this.#maxBlocks);
      token = this.#writeTokens(share, token);
      if (share.samples) this.#writeSampling(share, row, token - 1);
      row++;
    }
    for (; token < rows; token++, row++) this.#writePadding(token, row);
    this.#queryStarts[row] = rows;
  }

  /** A row without a request: it gathers no token, writes no cache entry, and samples nothing. */
  #writePadding(token: number, row: number): void {
    this.#queryStarts[row] = token;
    this.#sequenceLengths[row] = 0;
    this.#tokenSources[token] = -1;
    this.#positions[token] = 0;
    this.#slotMapping[token] = -1;
    this.#logitRows[row] = -1;
    this.#tokenDestinations[row] = -1;
    this.#samplingInts[row * SAMPLING_INTS.LENGTH + SAMPLING_INTS.ACTIVE] = 0;
  }

  #writeTokens({ request, start, count }: ScheduledRequest, firstToken: number): number {
    const { maxContext, blockSize } = this.#limits;
    let token = firstToken;
    for (let position = start; position < start + count; position++, token++) {
      const block = request.blocks[Math.floor(position / blockSize)]!;
      this.#tokenSources[token] = request.batchSlot * maxContext + position;
      this.#positions[token] = position;
      this.#slotMapping[token] = block * blockSize + (position % blockSize);
    }
    return token;
  }

  #writeSampling({ request, start, count }: ScheduledRequest, row: number, lastToken: number): void {
    const { sampling, batchSlot } = request;
    const length = start + count;
    const tableRow = batchSlot * this.#limits.maxContext;
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
    this.#samplingInts[ints + SAMPLING_INTS.BIAS_START] = batchSlot * MAX_LOGIT_BIASES;
    this.#samplingInts[ints + SAMPLING_INTS.BIAS_COUNT] = sampling.biasTokens.length;
  }
}
