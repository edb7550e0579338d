/**
 * Checks a trace file against the Chrome trace-event format ("Trace Event Format", JSON object form), and against the
 * further needs of viewers: every lane has a name, and slices of a lane nest or are disjoint.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";

/** A slice; `depth` is the number of enclosing slices. */
export interface CheckedSlice {
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly depth: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** An instant. */
export interface CheckedInstant {
  readonly name: string;
  readonly ts: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** A lane, with its slices and instants in time order. */
export interface CheckedLane {
  readonly process: string;
  readonly name: string;
  readonly slices: CheckedSlice[];
  readonly instants: CheckedInstant[];
}

/** A valid trace. */
export interface CheckedTrace {
  /** By name. */
  readonly lanes: ReadonlyMap<string, CheckedLane>;
  /** Values by name, in time order. */
  readonly counters: ReadonlyMap<string, { readonly ts: number; readonly values: Readonly<Record<string, number>> }[]>;
  readonly about: Readonly<Record<string, unknown>>;
}

type Fields = Readonly<Record<string, unknown>>;

/** The fields of an event by phase: all of them are required, and no others allowed. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  X: ["name", "cat", "ph", "ts", "dur", "pid", "tid", "args"],
  i: ["name", "cat", "ph", "ts", "s", "pid", "tid", "args"],
  C: ["name", "ph", "ts", "pid", "tid", "args"],
  M: ["name", "ph", "pid", "tid", "args"],
};

/** The metadata events of the format, with their one argument. */
const METADATA: Readonly<Record<string, readonly [argument: string, type: string]>> = {
  process_name: ["name", "string"],
  process_labels: ["labels", "string"],
  process_sort_index: ["sort_index", "number"],
  thread_name: ["name", "string"],
  thread_sort_index: ["sort_index", "number"],
};

/**
 * Check a trace.
 *
 * @param text The file.
 * @returns Its content.
 * @throws {AssertionError} With the event that breaks a rule.
 */
export function checkTrace(text: string): CheckedTrace {
  const file = JSON.parse(text) as Fields;
  assert(["ms", "ns"].includes(file["displayTimeUnit"] as string), "displayTimeUnit must be ms or ns");
  const events = file["traceEvents"] as Fields[];
  assert(Array.isArray(events), "traceEvents must be an array");
  for (const event of events) checkEvent(event);
  const names = readNames(events.filter(({ ph }) => ph === "M"));
  const timed = events.filter(({ ph }) => ph !== "M");
  const starts = timed.map(({ ts }) => ts as number);
  assert(starts.every((ts, index) => index === 0 || ts >= starts[index - 1]!), "events must be in time order");
  if (starts.length > 0) assertEquals(starts[0], 0, "the first event must be at 0");
  return { lanes: readLanes(timed, names), counters: readCounters(timed), about: file["otherData"] as Fields };
}

function checkEvent(event: Fields): void {
  const shown = JSON.stringify(event);
  const { ph, name, ts, dur, pid, tid, args, cat, s } = event;
  const fields = FIELDS[ph as string];
  assert(fields !== undefined, `unknown phase: ${shown}`);
  assertEquals(Object.keys(event).sort(), [...fields].sort(), shown);
  assert(typeof name === "string" && name !== "", `name: ${shown}`);
  // Viewers treat thread 0 as the idle thread.
  assert(Number.isSafeInteger(pid) && Number.isSafeInteger(tid) && (pid as number) > 0 && (tid as number) > 0, shown);
  assert(typeof args === "object" && args !== null && !Array.isArray(args), `args: ${shown}`);
  if (ph !== "M") assert(Number.isSafeInteger(ts) && (ts as number) >= 0, `ts: ${shown}`);
  if (ph === "X" || ph === "i") assert(typeof cat === "string" && cat !== "", `cat: ${shown}`);
  if (ph === "X") assert(Number.isSafeInteger(dur) && (dur as number) >= 0, `dur: ${shown}`);
  if (ph === "i") assert(["g", "p", "t"].includes(s as string), `s: ${shown}`);
  if (ph === "C") {
    const values = Object.values(args);
    assert(values.length > 0 && values.every((value) => Number.isFinite(value)), `args: ${shown}`);
  }
  if (ph === "M") {
    const rule = METADATA[name];
    assert(rule !== undefined && typeof (args as Fields)[rule[0]] === rule[1], `args: ${shown}`);
  }
}

interface Names {
  readonly processes: ReadonlyMap<unknown, string>;
  /** By `pid/tid`. */
  readonly threads: ReadonlyMap<string, string>;
}

function readNames(events: readonly Fields[]): Names {
  const processes = new Map<unknown, string>();
  const threads = new Map<string, string>();
  const seen = new Set<string>();
  for (const { name, pid, tid, args } of events) {
    const key = `${name} ${pid}/${tid}`;
    assert(!seen.has(key), `given twice: ${key}`);
    seen.add(key);
    if (name === "process_name") processes.set(pid, (args as Fields)["name"] as string);
    if (name === "thread_name") threads.set(`${pid}/${tid}`, (args as Fields)["name"] as string);
  }
  assertEquals(new Set(processes.values()).size, processes.size, "processes must have different names");
  assertEquals(new Set(threads.values()).size, threads.size, "lanes must have different names");
  const tids = [...threads.keys()].map((key) => key.split("/")[1]);
  assertEquals(new Set(tids).size, tids.length, "lanes must have different numbers");
  return { processes, threads };
}

function readLanes(events: readonly Fields[], { processes, threads }: Names): Map<string, CheckedLane> {
  const lanes = new Map<string, CheckedLane>();
  for (const [key, name] of threads) {
    const process = processes.get(Number(key.split("/")[0]));
    assert(process !== undefined, `lane ${name} is in a process without a name`);
    lanes.set(name, { process, name, slices: [], instants: [] });
  }
  const open = new Map<string, { readonly name: string; readonly end: number }[]>();
  for (const event of events) {
    const { ph, pid, tid, name, ts, dur, args } = event as Fields & {
      name: string;
      ts: number;
      dur: number;
      args: Fields;
    };
    if (ph === "C") {
      assert(processes.has(pid), `counter ${name} is in a process without a name`);
      continue;
    }
    const key = `${pid}/${tid}`;
    const lane = lanes.get(threads.get(key) ?? "");
    assert(lane !== undefined, `lane ${key} has no name`);
    if (ph === "i") {
      lane.instants.push({ name, ts, args });
      continue;
    }
    const stack = open.get(key) ?? [];
    open.set(key, stack);
    while (stack.length > 0 && stack.at(-1)!.end <= ts) stack.pop();
    const around = stack.at(-1);
    const end = ts + dur;
    const fits = around === undefined || end <= around.end;
    assert(fits, `${lane.name}: ${name} [${ts}, ${end}] crosses the end of ${around?.name} at ${around?.end}`);
    lane.slices.push({ name, ts, dur, depth: stack.length, args });
    stack.push({ name, end });
  }
  return lanes;
}

function readCounters(events: readonly Fields[]): CheckedTrace["counters"] {
  const counters = new Map<string, { ts: number; values: Readonly<Record<string, number>> }[]>();
  for (const { ph, pid, name, ts, args } of events) {
    if (ph !== "C") continue;
    const key = name as string;
    const samples = counters.get(key) ?? [];
    counters.set(key, samples);
    const sample = { ts: ts as number, values: args as Readonly<Record<string, number>> };
    const [first] = samples;
    if (first !== undefined) {
      assertEquals(Object.keys(sample.values), Object.keys(first.values), `series of ${key} in process ${pid}`);
    }
    samples.push(sample);
  }
  return counters;
}
