/**
 * Step reports, made only on request: what each step computed, when, and the state at its launch.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import type { DeviceTimes } from "../telemetry/device_times.ts";
import type { KvBlockPool } from "../scheduler/kv_block_pool.ts";
import type { StepReport } from "../telemetry/step_report.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { Step } from "../scheduler/step_plan.ts";

/** Collects reports until they are sent. */
export class StepReports {
  readonly #scheduler: Pick<Scheduler, "counters">;
  readonly #blocks: Pick<KvBlockPool, "usedBlocks" | "cachedBlocks">;
  readonly #now: Clock;
  readonly #closed: StepReport[] = [];

  /**
   * @param scheduler Counts running and waiting requests.
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
   * Opens the report of a step that is about to be launched. Several may be open at a time.
   *
   * @param step A step that has not been launched.
   * @param number The step's number, counted from 1.
   * @param start When its launch began, in milliseconds.
   * @param afterIdle Whether the loop was idle before it.
   * @param launchDelayMs Milliseconds for which its launch was delayed.
   * @returns The open report.
   */
  open(step: Step, number: number, start: number, afterIdle: boolean, launchDelayMs: number): OpenStepReport {
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
        resultsAt: start,
        firstTokensSent: start,
        processing: start,
        end: start,
        device: null,
        afterIdle,
        launchDelayMs,
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
   * Takes the reports closed since the last call.
   *
   * @returns In step order; undefined if there is none.
   */
  take(): StepReport[] | undefined {
    if (this.#closed.length === 0) return undefined;
    return this.#closed.splice(0);
  }
}

/** The report of a step in progress. */
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

  /** Stamps a phase of the step. */
  mark(field: "forwardLaunched" | "sampling" | "launched" | "firstTokensSent" | "processing"): void {
    this.#report[field] = this.#now();
  }

  /**
   * Stamps the wait for the step's tokens.
   *
   * @param start When it began, in milliseconds.
   * @param end When the tokens were on the host.
   * @param device When the device worked on the step; null if that is not measured.
   */
  waited(start: number, end: number, device: DeviceTimes | null): void {
    this.#report.waiting = start;
    this.#report.resultsAt = end;
    this.#report.firstTokensSent = end;
    this.#report.device = device;
  }

  /** Closes the report at the end of processing. */
  close(): void {
    this.#report.end = this.#now();
    this.#closed.push(this.#report);
  }
}
