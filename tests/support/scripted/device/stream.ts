/**
 * In-order streams, events and graphs on a timeline.
 *
 * How long work takes is known when it is enqueued, and so is when it begins and ends. When it takes effect is another
 * matter: see {@linkcode Execution}.
 *
 * @module
 */
import { STATUS, type SymbolName } from "../../../../ffi/abi.ts";
import { CallError, refuse, WorkFault } from "./checks.ts";
import type { Allocation, Operand } from "./memory.ts";
import type { ForwardWork } from "./options.ts";
import type { DeviceState } from "./state.ts";

/** One piece of work. */
export interface Work {
  /** The function that enqueues it. */
  readonly name: SymbolName;
  /** Microseconds; asked for once whenever it is launched, within a graph too. */
  readonly duration: number;
  /** The memory it reads and writes. */
  readonly operands: readonly (Operand | null)[];
  /** The forward pass whose time this work takes, if it is such. */
  readonly forward?: ForwardWork | null;
  /** Its effect. @throws {WorkFault} When it breaks. */
  run(): void;
}

/** Work on the timeline. */
interface EnqueuedWork {
  readonly work: Work;
  /** When it ends, in microseconds. */
  readonly end: number;
}

/** Finished work is dropped from the queue when there is so much of it. */
const COMPACTION = 256;

/** An in-order stream. */
export class Stream {
  static readonly title = "a stream";
  /** The work recorded since `upbeat_graph_begin`; null when nothing is captured. */
  captured: Work[] | null = null;
  /** Whether a forward pass has begun and its time is not on the timeline yet. */
  isForwardDue = false;
  readonly #state: DeviceState;
  readonly #queue: EnqueuedWork[] = [];
  /** Work in the queue that has taken effect. */
  #done = 0;
  /** Work that has left the queue. */
  #dropped = 0;
  #end = 0;
  #hasWorked = false;

  constructor(state: DeviceState) {
    this.#state = state;
  }

  /** The point behind all that was enqueued so far. */
  get point(): number {
    return this.#dropped + this.#queue.length;
  }

  /** When the device reaches that point, in microseconds. */
  get end(): number {
    return Math.max(this.#end, this.#state.clock.now());
  }

  /** Whether work uses an allocation and has not taken effect. */
  uses(allocation: Allocation): SymbolName | null {
    const found = this.#pending().find(({ work }) => usesAllocation(work, allocation));
    return found?.work.name ?? null;
  }

  /** Whether work that `isIt` knows has not taken effect. */
  hasPending(isIt: (work: Work) => boolean): boolean {
    return this.#pending().some(({ work }) => isIt(work));
  }

  #pending(): EnqueuedWork[] {
    return this.#queue.slice(this.#done);
  }

  /** Enqueue work, or record it while a graph is captured. */
  enqueue(work: Work): void {
    if (this.captured !== null) this.captured.push(work);
    else this.launch(work);
  }

  /** Enqueue work. */
  launch(work: Work): void {
    const { accounting, clock, execution } = this.#state;
    const effect = this.#effectOf(work);
    const now = clock.now();
    if (this.#hasWorked && now > this.#end) accounting.addGap(this.#end, now);
    const start = Math.max(this.#end, now);
    const { duration } = work;
    const end = effect === "stall" ? Infinity : start + duration;
    this.#queue.push({ work: effect === "fault" ? brokenWork(work) : work, end });
    this.#end = end;
    this.#hasWorked = true;
    accounting.addBusy(duration);
    if (work.forward) accounting.addForward(work.forward, now, start, end);
    if (execution === "eager" && effect !== "stall") this.runTo(this.point, Number.MAX_VALUE);
  }

  /** What is scripted to go wrong with work; of a graph, with anything in it. */
  #effectOf(work: Work): "fault" | "stall" | null {
    const { failures } = this.#state;
    const ofCall = this.#state.takeEffect();
    let failure = work.forward ? failures.strike("forward") : null;
    if (work instanceof Graph) {
      for (const name of work.calls) failure = failures.strikeCall(name) ?? failure;
    }
    if (failure?.kind === "error") {
      throw new CallError(failure.status ?? STATUS.FAULT, "the script refuses this work");
    }
    return failure?.kind ?? ofCall;
  }

  /** Later work does not start before a time in microseconds. */
  holdUntil(time: number): void {
    this.#end = Math.max(this.#end, time);
  }

  /**
   * Let work take effect.
   *
   * @param point Work up to here,
   * @param time if it ends by then.
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
   * Wait for a point of this stream.
   *
   * @param point The point.
   * @param time When the device reaches it.
   * @param timeout Microseconds; negative: without limit.
   * @returns 1, or 0 when the timeout passed before.
   */
  wait(point: number, time: number, timeout: number): number {
    const { clock } = this.#state;
    const effect = this.#state.takeEffect();
    if (effect === "fault") this.#state.fault ??= { message: "the script breaks the device here", time: clock.now() };
    this.#state.checkFault();
    const deadline = timeout < 0 ? Infinity : clock.now() + timeout;
    const reached = effect === "stall" ? Infinity : time;
    // The waiting thread sees nothing until it wakes up, so all it waits for may take effect before it falls asleep.
    this.runTo(point, Math.min(reached, deadline));
    if (this.#state.fault !== null) clock.waitUntil(this.#state.fault.time);
    this.#state.checkFault();
    if (reached <= deadline && reached < Infinity) {
      clock.waitUntil(reached);
      return 1;
    }
    if (deadline === Infinity) {
      throw new CallError(STATUS.INTERNAL, "the work is scripted to stall: nobody wakes this wait");
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

  /** Stand for all that was enqueued on a stream. */
  record(stream: Stream): void {
    this.stream = stream;
    this.point = stream.point;
    this.time = stream.end;
  }
}

/** Captured work. */
export class Graph implements Work {
  static readonly title = "a graph";
  readonly name = "upbeat_graph_launch";
  readonly forward: ForwardWork | null;
  readonly operands: readonly (Operand | null)[];
  /** The calls that were captured. */
  readonly calls: readonly SymbolName[];
  readonly #works: readonly Work[];

  constructor(works: readonly Work[]) {
    this.#works = works;
    this.forward = works.find(({ forward }) => forward)?.forward ?? null;
    this.calls = works.map(({ name }) => name);
    this.operands = works.flatMap(({ operands }) => operands);
  }

  get duration(): number {
    return this.#works.reduce((sum, { duration }) => sum + duration, 0);
  }

  run(): void {
    for (const work of this.#works) {
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

/** Refuse what cannot be captured. */
export function checkNotCapturing(stream: Stream, action: string): void {
  if (stream.captured !== null) {
    refuse(`stream: is capturing a graph and cannot ${action} before upbeat_graph_end`);
  }
}

function brokenWork(work: Work): Work {
  const { name, duration, operands } = work;
  const run = () => {
    throw new WorkFault("the script breaks the device here");
  };
  return { name, duration, operands, run };
}
