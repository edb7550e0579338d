/**
 * The executor without a device: steps take no time, so what is left is the host's work.
 *
 * @module
 */
import { clockOrigin, createClock } from "../../engine/telemetry/clock.ts";
import { createOutputRing, OutputReceiver, OutputSender } from "../../engine/channel/output_ring.ts";
import type { EncodedOutput } from "../../engine/channel/step_output.ts";
import type { Executor, ExecutorPort } from "../../engine/executor/executor.ts";
import type { StepRunner } from "../../engine/runner/step_runner.ts";
import { KvBlockPool } from "../../engine/scheduler/kv_block_pool.ts";
import { UpbeatError } from "../../errors.ts";
import { PrefixCache } from "../../engine/scheduler/prefix_cache.ts";
import type { InboxMessage, SubmitMessage } from "../../engine/channel/messages.ts";
import type { PendingResults } from "../../engine/runner/step_results.ts";
import { resolveSampling } from "../../engine/config/sampling_options.ts";
import { Scheduler } from "../../engine/scheduler/scheduler.ts";

/** Tokens of each prompt. */
export const PROMPT_TOKENS = 16;
const BLOCK_SIZE = 16;

/** Room for all outputs of one run, as they are read after it. */
const RING_CAPACITY = 1 << 20;

/** What the executor runs. */
export interface Load {
  /** Requests that run at the same time. */
  readonly rows: number;
  /** Tokens that each generates. */
  readonly tokensPerRow: number;
  /** Whether tokens are recorded. */
  readonly trackTokens: boolean;
}

const sampling = resolveSampling(
  { seed: 1 },
  { doSample: null, temperature: null, topK: null, topP: null, minP: null, repetitionPenalty: null },
  1000,
);

/** Every token is the same. */
function nullRunner(rows: number): StepRunner {
  const results = { tokens: new Int32Array(rows).fill(42) } as unknown as PendingResults;
  return {
    deviceTimes: null,
    admit: () => {},
    launchForward: () => {},
    launchSampling: () => results,
    haveArrived: () => true,
    waitForResults: () => {},
  };
}

function submissions({ rows, tokensPerRow, trackTokens }: Load): SubmitMessage[] {
  return Array.from({ length: rows }, (_, row) => ({
    type: "submit",
    id: row + 1,
    // No two prompts begin alike.
    promptTokenIds: Int32Array.from({ length: PROMPT_TOKENS }, (_, index) => 100 * row + index),
    maxTokens: tokensPerRow,
    sampling,
    eosTokenIds: [],
    stopStrings: [],
    trackTokens,
  }));
}

/** One run of an executor: made in advance, so that only the loop is measured. */
export class NullRun {
  readonly #executor: Executor;
  readonly #ring = createOutputRing(RING_CAPACITY);

  /**
   * @param Loop The executor's class, or a copy of it.
   * @param load What it runs.
   */
  constructor(Loop: typeof Executor, load: Load) {
    const { rows, tokensPerRow } = load;
    const pool = new KvBlockPool(rows * (Math.ceil((PROMPT_TOKENS + tokensPerRow) / BLOCK_SIZE) + 1), BLOCK_SIZE);
    const limits = { maxBatchTokens: 1024, maxBatchRequests: rows };
    const scheduler = new Scheduler(pool, limits, new PrefixCache(pool));
    const inbox: InboxMessage[] = submissions(load);
    const sender = new OutputSender(this.#ring, () => {
      throw new UpbeatError("INTERNAL", "the ring is too small for the executor's outputs", {
        capacity: RING_CAPACITY,
      });
    });
    const port: ExecutorPort = {
      receive: () => inbox.shift() ?? null,
      // Idle: all requests are over.
      waitForMessage: () => inbox.push({ type: "shutdown", drain: false, deadline: null }),
      // As the worker does: writing to the other thread is the sender's work.
      send: (output) => {
        if (output !== null) sender.send(output);
      },
    };
    this.#executor = new Loop({
      port,
      scheduler,
      blocks: pool,
      runner: nullRunner(rows),
      now: createClock(clockOrigin()),
      options: { overlap: true, lateLaunch: true, earlyFirstToken: true, streamInterval: 1 },
      reports: null,
    });
  }

  /** Until all requests are over. */
  run(): void {
    this.#executor.run();
  }

  /** The outputs that were sent. */
  receive(): EncodedOutput[] {
    const outputs: EncodedOutput[] = [];
    const receiver = new OutputReceiver(
      this.#ring,
      (output) => outputs.push({ ...output, numbers: output.numbers.slice() }),
    );
    receiver.drain();
    receiver.close();
    return outputs;
  }
}
