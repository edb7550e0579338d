/**
 * Reports of steps.
 *
 * @module
 */
import type { DeviceTimes } from "./device_times.ts";

/**
 * One step of the executor: its times, in milliseconds on the engine's clock; what it computed; and the state of batch
 * and KV cache at its launch.
 */
export interface StepReport {
  /** The step's number, counted from 1. */
  readonly step: number;
  /** When the launch of its forward pass began. */
  readonly start: number;
  /** When its forward pass was enqueued. */
  readonly forwardLaunched: number;
  /** When the launch of its sampling began. */
  readonly sampling: number;
  /** When all of it was enqueued. */
  readonly launched: number;
  /** When the executor began to wait for the device. */
  readonly waiting: number;
  /** When the step's tokens were known to the host. */
  readonly resultsAt: number;
  /** When first tokens had been sent; `resultsAt` where they are not sent early. */
  readonly firstTokensSent: number;
  /** When its processing began. */
  readonly processing: number;
  /** When it was processed. */
  readonly end: number;
  /** When the device worked on it. */
  readonly device: DeviceTimes | null;
  /** Whether the loop was idle before it, so that the device had to be idle too. */
  readonly afterIdle: boolean;
  /** Milliseconds for which its launch was delayed, as the device did not need it yet. */
  readonly launchDelayMs: number;
  /** Requests in the step. */
  readonly requests: number;
  /** How many of these computed a prompt chunk; after an eviction, generated tokens count as prompt. */
  readonly prefillRequests: number;
  /** Tokens of these chunks. */
  readonly prefillTokens: number;
  /** Tokens of the other requests, one each. */
  readonly decodeTokens: number;
  /** Tokens that the step sampled. */
  readonly sampledTokens: number;
  /** KV blocks in use by requests. */
  readonly usedBlocks: number;
  /** Free KV blocks whose content was kept. */
  readonly cachedBlocks: number;
  /** Requests in the batch that were not paused. */
  readonly runningRequests: number;
  /** Requests in the batch that were paused. */
  readonly pausedRequests: number;
  /** Requests that waited for admission, evicted ones included. */
  readonly waitingRequests: number;
  /** @deprecated Renamed to {@linkcode StepReport.resultsAt}. */
  readonly known?: number;
  /** @deprecated Renamed to {@linkcode StepReport.afterIdle}. */
  readonly followsRest?: boolean;
  /** @deprecated Renamed to {@linkcode StepReport.launchDelayMs}. */
  readonly held?: number;
}
