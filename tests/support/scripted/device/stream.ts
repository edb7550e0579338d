/**
 * In-order streams, events and graphs on a timeline.
 *
 * The begin and end of work are known when it is enqueued. When it takes effect depends on {@linkcode Execution}.
 *
 * @module
 */
import { STATUS, type SymbolName } from "../../../../ffi/abi.ts";
import { CallError, refuse, WorkFault } from "./checks.ts";
import type { Allocation, Operand } from "./memory.ts";
import type { ForwardWork } from "./options.ts";
import type { DeviceState } from "./state.ts";

/** A unit of work. */
export interface Work {
  /** The function that enqueues it. */
  readonly name: SymbolName;
  /** Microseconds; read once per launch, also as part of a graph. */
  readonly duration: number;
  /** The memory it reads and writes. */
  readonly operands: readonly (Operand | null)[];
  /** The forward pass whose time this work takes, if any. */
  readonly forward?: ForwardWork | null;
  /** Applies its effect. @throws {WorkFault} If it faults. */
  run(): void;
}

/** Work on the timeline. */
interface EnqueuedWork {
  readonly work: Work;
  /** When it ends, in microseconds. */
  readonly end: number;
}

/** Number of finished entries at which they are dropped from the queue. */
const COMPACTION = 256;

/** An in-order stream. */
export class Stream {
  static readonly title = "a stream";
  /** The work captured since `upbeat_graph_begin`; null if the stream is not capturing. */
  captured: Work[] | null = null;
  /** Whether a forward pass was begun whose time is not on the timeline yet. */
  isForwardDue = false;
  readonly #state: DeviceState;
  readonly #queue: EnqueuedWork[] = [];
  /** Entries of the queue that have taken effect. */
  #done = 0;
  /** Entries dropped from the queue. */
  #dropped = 0;
  #end = 0;
  #hasWorked = false;

  constructor(state: DeviceState) {
    this.#state = state;
  }

  /** The point after all work enqueued so far. */
  get point(): number {
    return this.#dropped + this.#queue.length;
  }

  /** When the device reaches that point, in microseconds. */
  get end(): number {
    return Math.max(this.#end, this.#state.clock.now());
  }

  /** The function of pending work that uses an allocation; null if there is none. */
  uses(allocation: Allocation): SymbolName | null {
    const found = this.#pending().find(({ work }) => usesAllocation(work, allocation));
    return found?.work.name ?? null;
  }

  /** Whether any pending work satisfies a predicate. */
  hasPending(predicate: (work: Work) => boolean): boolean {
    return this.#pending().some(({ work }) => predicate(work));
  }

  #pending(): EnqueuedWork[] {
    return this.#queue.slice(this.#done);
  }

  /** Enqueues work, or records it while a graph is captured. */
  enqueue(work: Work): void {
    if (this.captured !== null) this.captured.push(work);
    else this.launch(work);
  }

  /** Enqueues work. */
  launch(work: Work): void {
    const { accounting, clock, execution } = this.#state;
    const injected = this.#injectedInto(work);
    const now = clock.now();
    if (this.#hasWorked && now > this.#end) accounting.addGap(this.#end, now);
    const start = Math.max(this.#end, now);
    const { duration } = work;
    const end = injected === "stall" ? Infinity : start + duration;
    this.#queue.push({ work: injected === "fault" ? faultyWork(work) : work, end });
    this.#end = end;
    this.#hasWorked = true;
    accounting.addBusy(duration);
    if (work.forward) accounting.addForward(work.forward, now, start, end);
    if (execution === "eager" && injected !== "stall") this.runTo(this.point, Number.MAX_VALUE);
  }

  /** The failure to inject into work; for a graph, into any of its calls. */
  #injectedInto(work: Work): "fault" | "stall" | null {
    const { failures } = this.#state;
    const ofCall = this.#state.takeInjected();
    let failure = work.forward ? failures.trigger("forward") : null;
    if (work instanceof Graph) {
      for (const name of work.calls) failure = failures.triggerByCall(name) ?? failure;
    }
    if (failure?.kind === "error") {
      throw new CallError(failure.status ?? STATUS.FAULT, "the script refuses this work");
    }
    return failure?.kind ?? ofCall;
  }

  /** Delays the start of later work until a time in microseconds. */
  delayUntil(time: number): void {
    this.#end = Math.max(this.#end, time);
  }

  /**
   * Applies the effects of work.
   *
   * @param point Up to this point of the stream.
   * @param time Only of work that ends by this time, in microseconds.
   */
  runTo(point: number, time: number): void {
    while (this.#dropped + this.#done < point && this.#queue[this.#done]!.end <= time) {
      const { work, end } = this.#queue[this.#done++]!;
      if (this.#state.fault !== null) continue;
      try {
        work.run();
      } catch (thrown) {
        if (!(thrown instanceof WorkFault)) throw thrown;
        this.#state.fault = { message: `${work.name}: ${thrown.message}`, time: end };
      }
    }
    if (this.#done < COMPACTION && this.#done < this.#queue.length) return;
    this.#dropped += this.#done;
    this.#queue.splice(0, this.#done);
    this.#done = 0;
  }

  /**
   * Waits for a point of this stream.
   *
   * @param point The point.
   * @param time When the device reaches it, in microseconds.
   * @param timeout Microseconds; negative: no limit.
   * @returns 1, or 0 after a timeout.
   */
  wait(point: number, time: number, timeout: number): number {
    const { clock } = this.#state;
    const injected = this.#state.takeInjected();
    if (injected === "fault") this.#state.fault ??= { message: "the script breaks the device here", time: clock.now() };
    this.#state.checkFault();
    const deadline = timeout < 0 ? Infinity : clock.now() + timeout;
    const reached = injected === "stall" ? Infinity : time;
    // The thread observes nothing while it waits, so the work may take effect before the clock advances.
    this.runTo(point, Math.min(reached, deadline));
    if (this.#state.fault !== null) clock.waitUntil(this.#state.fault.time);
    this.#state.checkFault();
    if (reached <= deadline && reached < Infinity) {
      clock.waitUntil(reached);
      return 1;
    }
    if (deadline === Infinity) {
      throw new CallError(STATUS.INTERNAL, "the work is scripted to stall: this wait would never return");
    }
    clock.waitUntil(deadline);
    return 0;
  }
}

/** A point in a stream. */
export class Event {
  static readonly title = "an event";
  stream: Stream | null = null;
  point = 0;
  /** When the device reaches it, in microseconds. */
  time = 0;

  /** Records the event after all work enqueued on a stream. */
  record(stream: Stream): void {
    this.stream = stream;
    this.point = stream.point;
    this.time = stream.end;
  }
}

/** A captured graph. */
export class Graph implements Work {
  static readonly title = "a graph";
  readonly name = "upbeat_graph_launch";
  readonly forward: ForwardWork | null;
  readonly operands: readonly (Operand | null)[];
  /** The captured calls. */
  readonly calls: readonly SymbolName[];
  readonly #nodes: readonly Work[];

  constructor(nodes: readonly Work[]) {
    this.#nodes = nodes;
    this.forward = nodes.find(({ forward }) => forward)?.forward ?? null;
    this.calls = nodes.map(({ name }) => name);
    this.operands = nodes.flatMap(({ operands }) => operands);
  }

  get duration(): number {
    return this.#nodes.reduce((sum, { duration }) => sum + duration, 0);
  }

  run(): void {
    for (const work of this.#nodes) {
      try {
        work.run();
      } catch (thrown) {
        throw thrown instanceof WorkFault ? new WorkFault(`${work.name}: ${thrown.message}`) : thrown;
      }
    }
  }
}

/** Whether work reads or writes an allocation. */
export function usesAllocation({ operands }: Work, allocation: Allocation): boolean {
  return operands.some((operand) => operand?.allocation === allocation);
}

/** @throws {CallError} If the stream is capturing: the action cannot be captured. */
export function checkNotCapturing(stream: Stream, action: string): void {
  if (stream.captured !== null) {
    refuse(`stream: is capturing a graph and cannot ${action} before upbeat_graph_end`);
  }
}

function faultyWork(work: Work): Work {
  const { name, duration, operands } = work;
  const run = () => {
    throw new WorkFault("the script breaks the device here");
  };
  return { name, duration, operands, run };
}
