/**
 * The debug log: where an engine stood when it did not go on.
 *
 * Both threads write it, at the points that every start and every end passes, so that what hangs can be read off. It
 * still works while the engine is taken apart: what cannot be handed over is written to standard error.
 *
 * @module
 */
import { writeSync } from "node:fs";
import process from "node:process";
import type { Clock } from "./clock.ts";

/** Facts about a point, as plain values. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** One line of the log: a point that a thread passed, and facts about it in fields of their own. */
export interface LogEntry {
  /** Milliseconds on the engine's clock. */
  readonly time: number;
  readonly thread: LogThread;
  /** What was passed, as in `"worker: device opened"`. */
  readonly point: string;
  readonly [field: string]: string | number | boolean | null;
}

/** Whose point it is: that of whoever called, or of the thread that runs the model. */
export type LogThread = "caller" | "executor";

/**
 * Says that a point was passed. It never throws. Where nothing is logged there is none: call it as `log?.("…")`.
 *
 * @param point What was passed.
 * @param fields Facts about it.
 */
export type Log = (point: string, fields?: LogFields) => void;

/** Where a thread's entries go. */
export interface LogTargets {
  /** Whether each is written to standard error, at once, so that it is there whatever the other thread does. */
  readonly standardError: boolean;
  /** Takes an entry and says whether it did; null: nobody wants them. What it does not take goes to standard error. */
  readonly take: ((entry: LogEntry) => boolean) | null;
}

/**
 * A thread's log.
 *
 * @param thread Whose it is.
 * @param now The engine's clock.
 * @param targets Where entries go.
 * @returns What to call at a point; null where nobody would hear of it.
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

/** What an engine logs with on its caller's thread. */
export interface CallerLog {
  readonly log: Log | null;
  /** Takes the entries that the executor sends; null: it is not to send any. */
  readonly onLog: ((entry: LogEntry) => void) | null;
}

/**
 * The caller's log, and what takes the executor's entries.
 *
 * @param onLog The user's function; an error in it costs an entry its place there, and nothing else.
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
      // The executor has written it already where it writes them.
      if (!take(entry) && !standardError) writeLogEntry(entry);
    },
  };
}

function isTakenBy(onLog: (entry: LogEntry) => void, entry: LogEntry): boolean {
  try {
    const returned: unknown = onLog(entry);
    // A rejection that nobody handles would end the process.
    if (returned instanceof Promise) returned.catch(() => {});
    return true;
  } catch {
    return false;
  }
}

/** Whether the environment asks for the log on standard error: `UPBEAT_LOG=debug`. */
export function logIsAskedFor(): boolean {
  return process.env["UPBEAT_LOG"] === "debug";
}

/**
 * An entry as a line for people.
 *
 * @param entry The entry.
 * @returns As in `upbeat: 12.345 ms executor, worker: device opened (threads 8)`.
 */
export function formatLogEntry({ time, thread, point, ...fields }: LogEntry): string {
  const facts = Object.entries(fields).map(([name, value]) => `${name} ${value}`);
  const known = facts.length === 0 ? "" : ` (${facts.join(", ")})`;
  return `upbeat: ${time.toFixed(3)} ms ${thread}, ${point}${known}`.replaceAll("\n", " ");
}

/** A pipe that nobody reads must not hold the engine: after as many milliseconds the rest of a line is given up. */
const WRITE_ATTEMPTS = 20;

const encoder = new TextEncoder();
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Write an entry to standard error before this returns: a stream of the runtime would need the event loop, which the
 * executor's thread never sees. It never throws.
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
