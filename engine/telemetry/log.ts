/**
 * The debug log: how far an engine got when it hangs.
 *
 * Both threads write an entry at each point that every start and every end passes. It still works during teardown: an
 * entry that cannot be sent to the caller is written to standard error.
 *
 * @module
 */
import { environmentVariable } from "../../ffi/environment.ts";
import { writeSync } from "node:fs";
import type { Clock } from "./clock.ts";

/** Facts about a point, as plain values. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** An entry of the log: a point that a thread passed, with facts about it as further fields. */
export interface LogEntry {
  /** Milliseconds on the engine's clock. */
  readonly time: number;
  readonly thread: LogThread;
  /** As in `"worker: device opened"`. */
  readonly point: string;
  readonly [field: string]: string | number | boolean | null;
}

/** The thread that imported the library, or the one that runs the model. */
export type LogThread = "caller" | "executor";

/**
 * Logs that a point was passed. Never throws. It is null where nothing is logged: call it as `log?.("…")`.
 *
 * @param point The point.
 * @param fields Facts about it.
 */
export type Log = (point: string, fields?: LogFields) => void;

/** The targets of a thread's entries. */
export interface LogTargets {
  /** Whether each is written to standard error, synchronously, so that none is lost if the other thread hangs. */
  readonly standardError: boolean;
  /**
   * Takes an entry and returns whether it did; an entry that it does not take is written to standard error. null: none.
   */
  readonly take: ((entry: LogEntry) => boolean) | null;
}

/**
 * A thread's log.
 *
 * @param thread The thread.
 * @param now The engine's clock.
 * @param targets The targets of entries.
 * @returns The log; null without a target.
 */
export function createLog(thread: LogThread, now: Clock, targets: LogTargets): Log | null {
  const { standardError, take } = targets;
  if (!standardError && take === null) return null;
  return (point, fields = {}) => {
    const entry: LogEntry = { time: now(), thread, point, ...fields };
    const wasTaken = take !== null && isTaken(take, entry);
    if (standardError || !wasTaken) writeLogEntry(entry);
  };
}

function isTaken(take: (entry: LogEntry) => boolean, entry: LogEntry): boolean {
  try {
    return take(entry);
  } catch {
    return false;
  }
}

/** The log on the caller's thread. */
export interface CallerLog {
  readonly log: Log | null;
  /** Takes the entries that the executor sends; null: it does not send any. */
  readonly onLog: ((entry: LogEntry) => void) | null;
}

/**
 * Create the caller's log and the receiver of the executor's entries.
 *
 * @param onLog The user's function; if it throws, the entry is written to standard error.
 * @param standardError Whether both threads write their entries to standard error.
 * @param now The engine's clock.
 * @returns Both.
 */
export function callerLog(
  onLog: ((entry: LogEntry) => void) | undefined,
  standardError: boolean,
  now: Clock,
): CallerLog {
  const take = onLog === undefined ? null : (entry: LogEntry) => isTakenBy(onLog, entry);
  return {
    log: createLog("caller", now, { standardError, take }),
    onLog: take === null ? null : (entry) => {
      // Where entries go to standard error, the executor has written it already.
      if (!take(entry) && !standardError) writeLogEntry(entry);
    },
  };
}

function isTakenBy(onLog: (entry: LogEntry) => void, entry: LogEntry): boolean {
  try {
    const returned: unknown = onLog(entry);
    // An unhandled rejection would end the process.
    if (returned instanceof Promise) returned.catch(() => {});
    return true;
  } catch {
    return false;
  }
}

/** Whether the environment enables the log on standard error: `UPBEAT_LOG=debug`. */
export function isLogEnabled(): boolean {
  return environmentVariable("UPBEAT_LOG") === "debug";
}

/**
 * Format an entry as one line.
 *
 * @param entry The entry.
 * @returns As in `upbeat: 12.345 ms executor, worker: device opened (threads 8)`.
 */
export function formatLogEntry({ time, thread, point, ...fields }: LogEntry): string {
  const facts = Object.entries(fields).map(([name, value]) => `${name} ${value}`);
  const known = facts.length === 0 ? "" : ` (${facts.join(", ")})`;
  return `upbeat: ${time.toFixed(3)} ms ${thread}, ${point}${known}`.replaceAll("\n", " ");
}

/**
 * A pipe that is not read must not block the engine: after this many attempts, one per millisecond, the line is
 * dropped.
 */
const WRITE_ATTEMPTS = 20;

const encoder = new TextEncoder();
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Write an entry to standard error synchronously: a stream of the runtime would need the event loop, which never runs
 * on the executor's thread. Never throws.
 *
 * @param entry The entry.
 */
export function writeLogEntry(entry: LogEntry): void {
  let rest = encoder.encode(`${formatLogEntry(entry)}\n`);
  for (let attempt = 0; rest.length > 0 && attempt < WRITE_ATTEMPTS; attempt++) {
    try {
      rest = rest.subarray(writeSync(2, rest));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "EAGAIN" && !/would ?block|temporarily unavailable/i.test(String(error))) return;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}
