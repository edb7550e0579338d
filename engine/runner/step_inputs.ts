/**
 * What steps read: written into one of two host buffers, so that the next step can be written while the device copies
 * this one, and copied to one device buffer.
 *
 * @module
 */
import { SAMPLING_FLOATS, SAMPLING_INTS } from "../../ffi/abi.ts";
import type { Device } from "../../ffi/interface.ts";
import type { Pointer } from "../../ffi/types.ts";
import { MAX_LOGIT_BIASES } from "../config/sampling_options.ts";
import type { ModelLimits } from "../models/model_loader.ts";
import type { ScheduledRequest, Step } from "../scheduler/step_plan.ts";
import { BufferLayout, DeviceBuffer, HostBuffer } from "./buffer_layout.ts";

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
  /** Row length of the block tables. */
  readonly maxBlocks: number;
  /** Where the copy writes. */
  readonly destination: Pointer;
  /** The address of each array on the device. */
  readonly pointers: Readonly<Record<StepInputName, Pointer>>;
  readonly #limits: StepLimits;
  readonly #layout: BufferLayout<StepInputName>;
  readonly #buffers: readonly [HostBuffer<StepInputName>, HostBuffer<StepInputName>];
  #turn = 0;

  /**
   * @param device Where they are read.
   * @param limits Sizes of steps.
   */
  constructor(device: Device, limits: StepLimits) {
    const { maxBatchTokens, maxBatchRequests, maxContext, blockSize } = limits;
    this.maxBlocks = Math.ceil(maxContext / blockSize);
    this.#limits = limits;
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
      blockTables: maxBatchRequests * this.maxBlocks,
    });
    const { memory, pointers } = new DeviceBuffer(device, this.#layout);
    this.destination = memory.pointer;
    this.pointers = pointers;
    this.#buffers = [new HostBuffer(device, this.#layout), new HostBuffer(device, this.#layout)];
  }

  /**
   * Write a step. The results of the step before the last one must have been waited for: it used the same buffer.
   *
   * @param step The step.
   * @param rows Rows to fill, at least the step's tokens; further ones are padding, whose results are never read. More
   * than the step's tokens only when each request has one.
   * @returns What to copy.
   */
  write({ scheduled }: Step, rows: number): WrittenInputs {
    this.#turn = 1 - this.#turn;
    const buffer = this.#buffers[this.#turn]!;
    const { queryStarts, sequenceLengths, blockTables } = buffer.ints;
    let token = 0;
    let row = 0;
    for (const share of scheduled) {
      queryStarts[row] = token;
      sequenceLengths[row] = share.start + share.count;
      blockTables.set(share.request.blocks, row * this.maxBlocks);
      token = this.#writeTokens(buffer, share, token);
      if (share.samples) this.#writeSampling(buffer, share, row, token - 1);
      row++;
    }
    for (; token < rows; token++, row++) writePadding(buffer, token, row);
    queryStarts[row] = rows;
    return { source: buffer.memory.pointer, bytes: this.#layout.offsets.blockTables + row * this.maxBlocks * 4 };
  }

  #writeTokens({ ints }: HostBuffer<StepInputName>, share: ScheduledRequest, firstToken: number): number {
    const { request, start, count } = share;
    const { maxContext, blockSize } = this.#limits;
    const { tokenSources, positions, slotMapping } = ints;
    let token = firstToken;
    for (let position = start; position < start + count; position++, token++) {
      const block = request.blocks[Math.floor(position / blockSize)]!;
      tokenSources[token] = request.batchSlot * maxContext + position;
      positions[token] = position;
      slotMapping[token] = block * blockSize + (position % blockSize);
    }
    return token;
  }

  #writeSampling(
    { ints, floats }: HostBuffer<StepInputName>,
    { request, start, count }: ScheduledRequest,
    row: number,
    lastToken: number,
  ): void {
    const { sampling, batchSlot } = request;
    const length = start + count;
    const tableRow = batchSlot * this.#limits.maxContext;
    ints.logitRows[row] = lastToken;
    ints.tokenDestinations[row] = tableRow + length;

    const { samplingFloats } = floats;
    const firstFloat = row * SAMPLING_FLOATS.LENGTH;
    samplingFloats[firstFloat + SAMPLING_FLOATS.TEMPERATURE] = sampling.temperature;
    samplingFloats[firstFloat + SAMPLING_FLOATS.TOP_P] = sampling.topP;
    samplingFloats[firstFloat + SAMPLING_FLOATS.MIN_P] = sampling.minP;
    samplingFloats[firstFloat + SAMPLING_FLOATS.REPETITION_PENALTY] = sampling.repetitionPenalty;
    samplingFloats[firstFloat + SAMPLING_FLOATS.PRESENCE_PENALTY] = sampling.presencePenalty;
    samplingFloats[firstFloat + SAMPLING_FLOATS.FREQUENCY_PENALTY] = sampling.frequencyPenalty;

    const { samplingInts } = ints;
    const firstInt = row * SAMPLING_INTS.LENGTH;
    samplingInts[firstInt + SAMPLING_INTS.ACTIVE] = 1;
    samplingInts[firstInt + SAMPLING_INTS.TOP_K] = sampling.topK;
    samplingInts[firstInt + SAMPLING_INTS.SEED_LOW] = sampling.seed | 0;
    samplingInts[firstInt + SAMPLING_INTS.SEED_HIGH] = Math.floor(sampling.seed / 2 ** 32) | 0;
    samplingInts[firstInt + SAMPLING_INTS.POSITION] = length;
    samplingInts[firstInt + SAMPLING_INTS.HISTORY_START] = tableRow;
    samplingInts[firstInt + SAMPLING_INTS.HISTORY_LENGTH] = length;
    samplingInts[firstInt + SAMPLING_INTS.PROMPT_LENGTH] = request.promptLength;
    samplingInts[firstInt + SAMPLING_INTS.LOGPROBS] = sampling.logprobs;
    samplingInts[firstInt + SAMPLING_INTS.BIAS_START] = batchSlot * MAX_LOGIT_BIASES;
    samplingInts[firstInt + SAMPLING_INTS.BIAS_COUNT] = sampling.biasTokens.length;
  }
}

/** A row without a request: it gathers no token, writes no cache entry, and samples nothing. */
function writePadding({ ints }: HostBuffer<StepInputName>, token: number, row: number): void {
  ints.queryStarts[row] = token;
  ints.sequenceLengths[row] = 0;
  ints.tokenSources[token] = -1;
  ints.positions[token] = 0;
  ints.slotMapping[token] = -1;
  ints.logitRows[row] = -1;
  ints.tokenDestinations[row] = -1;
  ints.samplingInts[row * SAMPLING_INTS.LENGTH + SAMPLING_INTS.ACTIVE] = 0;
}
