/**
 * The part of the Chrome trace-event format that Upbeat uses, and its writer.
 *
 * Source: "Trace Event Format", the JSON object form. Perfetto and chrome://tracing show each thread of each process as a
 * lane. Slices of a lane nest or are disjoint, like calls on a stack.
 *
 * @module
 */

/** Fields that viewers show of a selected event. */
export type TraceArguments = Readonly<Record<string, unknown>>;

/** A lane: one thread of one process. */
export interface TraceLane {
  readonly pid: number;
  readonly tid: number;
}

/** A complete event: a slice of a lane. */
export interface SliceEvent extends TraceLane {
  readonly ph: "X";
  readonly name: string;
  readonly cat: string;
  /** Microseconds. */
  readonly ts: number;
  /** Microseconds. */
  readonly dur: number;
  readonly args: TraceArguments;
}

/** An instant event of a lane. */
export interface InstantEvent extends TraceLane {
  readonly ph: "i";
  readonly name: string;
  readonly cat: string;
  readonly ts: number;
  /** Scope: the thread alone, instead of a line through all lanes. */
  readonly s: "t";
  readonly args: TraceArguments;
}

/** The values of a process's counter from this time on, stacked. */
export interface CounterEvent extends TraceLane {
  readonly ph: "C";
  readonly name: string;
  readonly ts: number;
  readonly args: Readonly<Record<string, number>>;
}

/** The name or the position of a process or a lane. */
export interface MetadataEvent extends TraceLane {
  readonly ph: "M";
  readonly name: "process_name" | "process_sort_index" | "thread_name" | "thread_sort_index";
  readonly args: { readonly name: string } | { readonly sort_index: number };
}

/** Any event. */
export type TraceEvent = SliceEvent | InstantEvent | CounterEvent | MetadataEvent;

/** A trace file. */
export interface Trace {
  /** Metadata first, then by time; a slice precedes those nested in it. */
  readonly traceEvents: readonly TraceEvent[];
  /** The unit in which viewers show times. */
  readonly displayTimeUnit: "ms" | "ns";
  /** Metadata for the viewer. */
  readonly otherData: Readonly<Record<string, string | number>>;
}

/** A slice whose end is not known yet. */
export type OpenSlice = { -readonly [Field in keyof SliceEvent]: SliceEvent[Field] };

/** Collects the events of a trace. It takes times in milliseconds on the engine's clock. */
export class TraceWriter {
  readonly #origin: number;
  readonly #metadata: MetadataEvent[] = [];
  readonly #events: (SliceEvent | InstantEvent | CounterEvent)[] = [];

  /** @param origin The time at which the trace starts. */
  constructor(origin: number) {
    this.#origin = origin;
  }

  /**
   * Convert a time.
   *
   * @param time Milliseconds.
   * @returns Whole microseconds (the resolution of the engine's clock) since the start of the trace.
   */
  time(time: number): number {
    return Math.round((time - this.#origin) * 1000);
  }

  /** Set the name and the position of a process. */
  process(pid: number, name: string, sortIndex: number): void {
    const lane = { pid, tid: pid };
    this.#metadata.push({ ph: "M", name: "process_name", ...lane, args: { name } });
    this.#metadata.push({ ph: "M", name: "process_sort_index", ...lane, args: { sort_index: sortIndex } });
  }

  /** Set the name of a lane; lanes are ordered by number. */
  lane(lane: TraceLane, name: string): void {
    this.#metadata.push({ ph: "M", name: "thread_name", ...lane, args: { name } });
    this.#metadata.push({ ph: "M", name: "thread_sort_index", ...lane, args: { sort_index: lane.tid } });
  }

  /** Open a slice, before those nested in it. */
  open(lane: TraceLane, cat: string, name: string, start: number, args: TraceArguments): OpenSlice {
    const slice: OpenSlice = { ph: "X", name, cat, ...lane, ts: this.time(start), dur: 0, args };
    this.#events.push(slice);
    return slice;
  }

  /** End a slice, never before its start. */
  close(slice: OpenSlice, end: number): void {
    slice.dur = Math.max(0, this.time(end) - slice.ts);
  }

  /** Add a slice without nested ones. */
  slice(lane: TraceLane, cat: string, name: string, start: number, end: number, args: TraceArguments = {}): void {
    this.close(this.open(lane, cat, name, start, args), end);
  }

  /** Add an instant event. */
  instant(lane: TraceLane, cat: string, name: string, time: number, args: TraceArguments): void {
    this.#events.push({ ph: "i", name, cat, ...lane, ts: this.time(time), s: "t", args });
  }

  /** Set a counter. */
  counter(pid: number, name: string, time: number, values: Readonly<Record<string, number>>): void {
    this.#events.push({ ph: "C", name, pid, tid: pid, ts: this.time(time), args: values });
  }

  /**
   * All events.
   *
   * @returns Metadata first, then by time; events of the same time keep their order.
   */
  finish(): TraceEvent[] {
    return [...this.#metadata, ...this.#events.sort((a, b) => a.ts - b.ts)];
  }
}

/**
 * Format a trace as a file.
 *
 * @param trace The trace.
 * @returns JSON with one event per line.
 */
export function formatTrace({ traceEvents, displayTimeUnit, otherData }: Trace): string {
  const events = traceEvents.map((event) => JSON.stringify(event)).join(",\n");
  const rest = `"displayTimeUnit": ${JSON.stringify(displayTimeUnit)},\n"otherData": ${JSON.stringify(otherData)}`;
  return `{\n"traceEvents": [\n${events}\n],\n${rest}\n}\n`;
}
