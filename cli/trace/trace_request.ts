/**
 * One request's lane in a trace: its phases as slices, and each of its events as an instant.
 *
 * @module
 */
import type { RequestSegment, StepReport, StoredEvent } from "../../mod.ts";
import type { OpenSlice, TraceArguments, TraceLane, TraceWriter } from "./trace_format.ts";

/** The content of a lane: a merged request, with all events recorded. */
export type TracedRecord = Pick<
  RequestSegment<StoredEvent>,
  "requestId" | "promptLength" | "finishReason" | "stopReason" | "tokenIds" | "events"
>;

/** A request in a trace. */
export interface TracedRequest {
  readonly record: TracedRecord;
  /** Time to tokenize the prompt; null where it was given as tokens. */
  readonly tokenizeMs: number | null;
  /** Shown next to its number. */
  readonly title: string;
}

/** The step that was running at a time; null when none is known. */
export type StepFinder = (time: number) => StepReport | null;

/** Writes the lane's slices: consecutive phases, and within a phase consecutive parts. */
class Phases {
  readonly #writer: TraceWriter;
  readonly #lane: TraceLane;
  #phase: OpenSlice | null = null;
  #part: { readonly slice: OpenSlice; readonly end: number } | null = null;

  constructor(writer: TraceWriter, lane: TraceLane) {
    this.#writer = writer;
    this.#lane = lane;
  }

  /** The name of the current phase. */
  get name(): string | null {
    return this.#phase?.name ?? null;
  }

  /** End the current phase and begin another one. */
  begin(name: string, time: number, args: TraceArguments): void {
    this.end(time);
    this.#phase = this.#writer.open(this.#lane, "phase", name, time, args);
  }

  /** Begin a part, which lasts until `end` unless it is ended before. */
  beginPart(name: string, time: number, end: number, args: TraceArguments): void {
    this.endPart(time);
    this.#part = { slice: this.#writer.open(this.#lane, "phase", name, time, args), end };
  }

  endPart(time: number): void {
    if (this.#part === null) return;
    this.#writer.close(this.#part.slice, Math.min(time, this.#part.end));
    this.#part = null;
  }

  end(time: number): void {
    this.endPart(time);
    if (this.#phase !== null) this.#writer.close(this.#phase, time);
    this.#phase = null;
  }
}

/**
 * Draw a request.
 *
 * Its phases are `queue` (with `tokenize`), `prefill` (with a `chunk` per step), `decode` (with `paused`), and after an
 * eviction `re-queued`, `prefill` and `decode` again. Each event is an instant under its own name. Tokens deserialized from
 * compact form have no time and are left out.
 *
 * @param writer Takes the lane.
 * @param lane The request's lane.
 * @param request The request.
 * @param stepAt Finds the step that computed a chunk.
 */
export function drawRequest(
  writer: TraceWriter,
  lane: TraceLane,
  { record, tokenizeMs, title }: TracedRequest,
  stepAt: StepFinder,
): void {
  writer.lane(lane, `request ${record.requestId}: ${title}`);
  const phases = new Phases(writer, lane);
  let tokens = 0;
  let last = 0;
  const beginPrefill = (time: number, cached: number | null) => {
    if (phases.name !== "prefill") phases.begin("prefill", time, { cached, recomputed: tokens });
  };
  for (const event of record.events) {
    const { timestamp: time } = event;
    if (event.type === "GENERATED_TOKEN") tokens++;
    if (time === null) continue;
    last = time;
    switch (event.type) {
      case "ADD_ENGINE":
        phases.begin("queue", time, { promptTokens: record.promptLength });
        if (tokenizeMs !== null) phases.beginPart("tokenize", time, time + tokenizeMs, {});
        break;
      case "PREFILL_CHUNK": {
        beginPrefill(time, event.payload.cached);
        const step = stepAt(time);
        phases.beginPart("chunk", time, step?.resultsAt ?? Infinity, { step: step?.step ?? null, ...event.payload });
        break;
      }
      case "ADD_CONTEXT":
        beginPrefill(time, null);
        break;
      case "GENERATED_TOKEN":
        if (phases.name === "prefill") phases.begin("decode", time, { firstToken: tokens });
        else phases.endPart(time);
        break;
      case "PAUSE":
        phases.beginPart("paused", time, Infinity, {});
        break;
      case "RESUME":
        phases.endPart(time);
        break;
      case "EVICT":
        phases.begin("re-queued", time, { tokens });
        break;
      case "FINISH":
      case "FAIL":
        phases.end(time);
        break;
    }
    writer.instant(lane, "event", event.type, time, instantArguments(writer, event, record, tokens));
  }
  // A request that is still running ends at its last event.
  phases.end(last);
}

function instantArguments(
  writer: TraceWriter,
  event: StoredEvent,
  { finishReason, stopReason, tokenIds }: TracedRecord,
  tokens: number,
): TraceArguments {
  switch (event.type) {
    case "GENERATED_TOKEN": {
      if (event.timestamp === null) return event.payload;
      const { emittedAt, ...payload } = event.payload;
      // On the same time axis as `ts`.
      return {
        index: tokens - 1,
        ...payload,
        ...(emittedAt === undefined ? {} : { emittedAt: writer.time(emittedAt) }),
      };
    }
    case "FINISH":
      return { reason: finishReason, stopReason, tokens: tokenIds.length };
    default:
      return { ...event.payload };
  }
}
