/**
 * Reports of steps, made only where somebody asked for them: what each one computed, when, and how things stood.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import type { DeviceTimes } from "../telemetry/device_times.ts";
import type { KvBlockPool } from "../scheduler/kv_block_pool.ts";
import type { StepReport } from "../telemetry/step_report.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { Step } from "../scheduler/step_plan.ts";

/** Reports that wait to be handed over. */
export class StepReports {
  readonly #scheduler: Pick<Scheduler, "counters">;
  readonly #blocks: Pick<KvBlockPool, "usedBlocks" | "cachedBlocks">;
  readonly #now: Clock;
  readonly #closed: StepReport[] = [];

  /**
   * @param scheduler Who knows how many requests run and wait.
   * @param blocks The KV blocks.
   * @param now The engine's clock.
   */
  constructor(
    scheduler: Pick<Scheduler, "counters">,
    blocks: Pick<KvBlockPool, "usedBlocks" | "cachedBlocks">,
    now: Clock,
  ) {
    this.#scheduler = scheduler;
    this.#blocks = blocks;
    this.#now = now;
  }

  /**
   * Begin the report of a step that is about to be launched. Several may be open at a time.
   *
   * @param step The step, of which nothing is launched yet.
   * @param number The step's number, counted from 1.
   * @param start When its launch began, in milliseconds.
   * @param followsRest Whether the loop had nothing to do before it.
   * @param held Milliseconds for which its launch waited for messages.
   * @returns The report to be.
   */
  open(step: Step, number: number, start: number, followsRest: boolean, held: number): OpenStepReport {
    const { running, paused, waiting } = this.#scheduler.counters();
    const { usedBlocks, cachedBlocks } = this.#blocks;
    let prefillTokens = 0;
    let prefillRequests = 0;
    for (const { request, count } of step.scheduled) {
      if (!request.isPrefilling) continue;
      prefillTokens += count;
      prefillRequests++;
    }
    return new OpenStepReport(
      {
        step: number,
        start,
        forwardLaunched: start,
        sampling: start,
        launched: start,
        waiting: start,
        known: start,
        firstTokensSent: start,
        processing: start,
        end: start,
        device: null,
        followsRest,
        held,
        requests: step.scheduled.length,
        prefillRequests,
        prefillTokens,
        decodeTokens: step.tokens - prefillTokens,
        sampledTokens: step.samplingRequests,
        usedBlocks,
        cachedBlocks,
        runningRequests: running,
        pausedRequests: paused,
        waitingRequests: waiting,
      },
      this.#now,
      this.#closed,
    );
  }

  /**
   * The reports that were completed since the last call.
   *
   * @returns In the order of the steps; undefined when there is none.
   */
  take(): StepReport[] | undefined {
    if (this.#closed.length === 0) return undefined;
    return this.#closed.splice(0);
  }
}

/** The report of a step under way: its times are filled in as they come. */
export class OpenStepReport {
  readonly #report: { -readonly [Name in keyof StepReport]: StepReport[Name] };
  readonly #now: Clock;
  readonly #closed: StepReport[];

  /** @internal Made by {@linkcode StepReports.open}. */
  constructor(report: StepReport, now: Clock, closed: StepReport[]) {
    this.#report = report;
    this.#now = now;
    this.#closed = closed;
  }

  /** Something begins or is done now. */
  mark(moment: "forwardLaunched" | "sampling" | "launched" | "firstTokensSent" | "processing"): void {
    this.#report[moment] = this.#now();
  }

  /**
   * The step's tokens are on the host.
   *
   * @param start When the wait for them began, in milliseconds.
   * @param end When it was over.
   * @param device When the device worked on it; null where that is not measured.
   */
  waited(start: number, end: number, device: DeviceTimes | null): void {
    this.#report.waiting = start;
    this.#report.known = end;
    this.#report.firstTokensSent = end;
    this.#report.device = device;
  }

  /** The step is processed. */
  close(): void {
    this.#report.end = this.#now();
    this.#closed.push(this.#report);
  }
}
