/**
 * The Chrome trace-event format, as far as it is used here, and what writes it.
 *
 * Source: "Trace Event Format", the JSON object form. Perfetto and chrome://tracing show each thread of each process as a
 * lane. Slices of a lane nest or are apart, as calls on a stack do.
 *
 * @module
 */

/** What viewers show of an event that is selected. */
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
  /** Of the thread alone, not a line through all lanes. */
  readonly s: "t";
  readonly args: TraceArguments;
}

/** The values of a process's counter from now on, stacked. */
export interface CounterEvent extends TraceLane {
  readonly ph: "C";
  readonly name: string;
  readonly ts: number;
  readonly args: Readonly<Record<string, number>>;
}

/** The name or the place of a process or a lane. */
export interface MetadataEvent extends TraceLane {
  readonly ph: "M";
  readonly name: "process_name" | "process_sort_index" | "thread_name" | "thread_sort_index";
  readonly args: { readonly name: string } | { readonly sort_index: number };
}

/** Any event. */
export type TraceEvent = SliceEvent | InstantEvent | CounterEvent | MetadataEvent;

/** A trace file. */
export interface Trace {
  /** Metadata first, then by time; a slice stands before what is in it. */
  readonly traceEvents: readonly TraceEvent[];
  /** The unit that viewers show times in. */
  readonly displayTimeUnit: "ms" | "ns";
  /** What was traced. */
  readonly otherData: Readonly<Record<string, string | number>>;
}

/** A slice whose end is not known yet. */
export type OpenSlice = { -readonly [Field in keyof SliceEvent]: SliceEvent[Field] };

/** Collects the events of a trace. Times go in as milliseconds on the engine's clock. */
export class TraceWriter {
  readonly #origin: number;
  readonly #metadata: MetadataEvent[] = [];
  readonly #events: (SliceEvent | InstantEvent | CounterEvent)[] = [];

  /** @param origin The moment that the trace begins with. */
  constructor(origin: number) {
    this.#origin = origin;
  }

  /**
   * A moment as the trace has it.
   *
   * @param time Milliseconds.
   * @returns Whole microseconds, which is what the engine's clock resolves, since the trace's first moment.
   */
  time(time: number): number {
    return Math.round((time - this.#origin) * 1000);
  }

  /** Name a process and say where it stands among the others. */
  process(pid: number, name: string, sortIndex: number): void {
    const lane = { pid, tid: pid };
    this.#metadata.push({ ph: "M", name: "process_name", ...lane, args: { name } });
    this.#metadata.push({ ph: "M", name: "process_sort_index", ...lane, args: { sort_index: sortIndex } });
  }

  /** Name a lane; lanes stand in the order of their numbers. */
  lane(lane: TraceLane, name: string): void {
    this.#metadata.push({ ph: "M", name: "thread_name", ...lane, args: { name } });
    this.#metadata.push({ ph: "M", name: "thread_sort_index", ...lane, args: { sort_index: lane.tid } });
  }

  /** Open a slice: before those that will be in it. */
  open(lane: TraceLane, cat: string, name: string, start: number, args: TraceArguments): OpenSlice {
    const slice: OpenSlice = { ph: "X", name, cat, ...lane, ts: this.time(start), dur: 0, args };
    this.#events.push(slice);
    return slice;
  }

  /** End a slice, never before it began. */
  close(slice: OpenSlice, end: number): void {
    slice.dur = Math.max(0, this.time(end) - slice.ts);
  }

  /** Add a slice that has nothing in it. */
  slice(lane: TraceLane, cat: string, name: string, start: number, end: number, args: TraceArguments = {}): void {
    this.close(this.open(lane, cat, name, start, args), end);
  }

  /** Add a moment. */
  instant(lane: TraceLane, cat: string, name: string, time: number, args: TraceArguments): void {
    this.#events.push({ ph: "i", name, cat, ...lane, ts: this.time(time), s: "t", args });
  }

  /** Set a counter. */
  counter(pid: number, name: string, time: number, values: Readonly<Record<string, number>>): void {
    this.#events.push({ ph: "C", name, pid, tid: pid, ts: this.time(time), args: values });
  }

  /**
   * Everything that was added.
   *
   * @returns Metadata first, then by time; what has the same time keeps its order.
   */
  finish(): TraceEvent[] {
    return [...this.#metadata, ...this.#events.sort((a, b) => a.ts - b.ts)];
  }
}

/**
 * A trace as a file's text.
 *
 * @param trace The trace.
 * @returns JSON with one event a line.
 */
export function formatTrace({ traceEvents, displayTimeUnit, otherData }: Trace): string {
  const events = traceEvents.map((event) => JSON.stringify(event)).join(",\n");
  const rest = `"displayTimeUnit": ${JSON.stringify(displayTimeUnit)},\n"otherData": ${JSON.stringify(otherData)}`;
  return `{\n"traceEvents": [\n${events}\n],\n${rest}\n}\n`;
}
