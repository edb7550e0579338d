/**
 * Whole runs of the scripted engine with real generations on the caller's side, and the invariants of every run.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { UpbeatError } from "../../../errors.ts";
import { EventOrder } from "../../../engine/events/event_order.ts";
import { Generation } from "../../../engine/caller/generation.ts";
import type { GenerationChunk } from "../../../engine/caller/generation_result.ts";
import type { InboxMessage, SubmitMessage } from "../../../engine/channel/messages.ts";
import type { Completion } from "../../../engine/events/executor_event.ts";
import { RequestTotals } from "../../../engine/telemetry/engine_stats.ts";
import { StopCriteria } from "../../../engine/scheduler/stop_criteria.ts";
import { NO_TRACKING } from "../../../engine/config/tracking.ts";
import { byteLevelJson, tokenizerOf } from "../tokenizers/small_tokenizers.ts";
import { segmentRequest } from "../events.ts";
import { type OutputEvent, type OutputEventOf, playOutput } from "../recorded_outputs.ts";
import { scriptedStream, type ScriptedToken, type TokenContext, type TokenScript } from "./scripted_device.ts";
import {
  type ReceivedOutput,
  type ScriptedArrival,
  ScriptedEngine,
  type ScriptedEngineSetup,
} from "./scripted_engine.ts";

/** The modes of the loop. */
export const MODES = {
  plain: { overlap: false, earlyFirstToken: false },
  overlap: { overlap: true, earlyFirstToken: false },
  early: { overlap: true, earlyFirstToken: true },
} as const satisfies Record<string, ScriptedEngineSetup>;

/** The name of a mode. */
export type Mode = keyof typeof MODES;

/** All modes. */
export const ALL_MODES = Object.keys(MODES) as Mode[];

/** A cancel message. */
export const cancel = (id: number): InboxMessage => ({ type: "cancel", id });
/** A shutdown message; the deadline is in milliseconds. */
export const shutdown = (drain: boolean, deadline: number | null = null): InboxMessage => {
  return { type: "shutdown", drain, deadline };
};
/** Requests that all arrive at the start. */
export const allAtStart = (messages: readonly InboxMessage[]): ScriptedArrival[] => {
  return messages.map((message) => ({ forwards: 0, message }));
};

const tokenizer = tokenizerOf(byteLevelJson());
/** The texts of tokens. */
export const { tokenTable } = tokenizer;

const WORDS = ["the", "upon", "time", "once", " "].map((word) => tokenizer.encode(word)[0]!);

/** A script whose streams are text: words, and sometimes part of a character. */
export const textScript: TokenScript = ({ proposed }: TokenContext) => {
  return proposed % 4 === 0 ? proposed % tokenTable.size : WORDS[proposed % WORDS.length]!;
};

// ---- Runs ------------------------------------------------------------------------------------------------------------

/** A finished run. */
export interface ScriptedRun {
  readonly engine: ScriptedEngine;
  /** Everything that was submitted. */
  readonly requests: ReadonlyMap<number, SubmitMessage>;
  readonly generations: ReadonlyMap<number, Generation>;
  /** The error that ended the loop; null if a shutdown did. */
  readonly error: UpbeatError | null;
}

/**
 * Runs a script to its end and checks the invariants.
 *
 * @param script Messages for the scripted engine.
 * @param setup The configuration; the device's script is {@linkcode textScript} unless given.
 * @returns The run; its device is closed.
 * @throws {UpbeatError} If the loop ended with an error and no failures are scripted.
 */
export function runScript(script: readonly ScriptedArrival[], setup: ScriptedEngineSetup = {}): ScriptedRun {
  const requests = new Map<number, SubmitMessage>();
  const generations = new Map<number, Generation>();
  const cancellable = new Set<number>();
  let isCutShort = false;
  const { streamInterval = 1, onOutput } = setup;
  const track = (message: InboxMessage) => {
    if (message.type === "cancel") cancellable.add(message.id);
    if (message.type === "shutdown" && (!message.drain || message.deadline !== null)) isCutShort = true;
    if (message.type !== "submit") return;
    requests.set(message.id, message);
    generations.set(message.id, createGeneration(message, streamInterval));
  };
  for (const { message } of script) track(message);

  const engine = new ScriptedEngine([
    { forwards: -1, message: { type: "tokenTable", table: tokenTable.shared } },
    ...script,
  ], {
    ...setup,
    device: { script: textScript, ...setup.device },
    onOutput: (output) => {
      playOutput(generations, output);
      const replies = onOutput?.(output) ?? [];
      replies.forEach(track);
      return replies;
    },
  });
  const error = runEngine(engine);
  if (error !== null && setup.failures === undefined) throw error;
  const run = { engine, requests, generations, error };
  if (setup.earlyFirstToken === true) checkFirstTokens(engine.outputs);
  checkRun(run, setup.device?.script ?? textScript, (id) => isCutShort || cancellable.has(id));
  return run;
}

/** Runs the engine and closes its device. @returns The error that ended the loop; null if a shutdown did. */
function runEngine(engine: ScriptedEngine): UpbeatError | null {
  try {
    engine.run();
    return null;
  } catch (thrown) {
    if (thrown instanceof UpbeatError) return thrown;
    throw thrown;
  } finally {
    engine[Symbol.dispose]();
  }
}

/** The caller's side of a request. */
function createGeneration(message: SubmitMessage, streamInterval: number): Generation {
  const { id, promptTokenIds, maxTokens, sampling, eosTokenIds, stopStrings } = message;
  return new Generation({
    request: segmentRequest({
      requestId: id,
      arrival: 0,
      promptTokenIds: [...promptTokenIds],
      promptLength: promptTokenIds.length,
      maxTokens,
      sampling,
      eosTokenIds,
      stopStrings,
      tracking: NO_TRACKING,
    }),
    tokenizeMs: null,
    tokenTable,
    streamInterval,
    now: () => 0,
    tap: { listener: null },
    totals: new RequestTotals(),
    onCancel: () => {},
  });
}

/** The chunks of a request as its caller sees them; if it failed, those before the failure. */
export async function chunksOf({ generations }: ScriptedRun, id: number): Promise<GenerationChunk[]> {
  const chunks: GenerationChunk[] = [];
  try {
    for await (const chunk of generations.get(id)!.chunks()) chunks.push(chunk);
  } catch (thrown) {
    if (!(thrown instanceof UpbeatError)) throw thrown;
  }
  return chunks;
}

/** Indices of the outputs with a request's tokens, one per token. */
export function outputsOfTokens({ engine }: ScriptedRun, id: number): number[] {
  return engine.outputs.flatMap(({ events }, index) => {
    return events.flatMap(({ requestId, type }) => (requestId === id && type === "GENERATED_TOKEN" ? [index] : []));
  });
}

/** The output with a request's n-th token, counted from 0. */
export function outputOfToken(run: ScriptedRun, id: number, token: number): ReceivedOutput {
  return run.engine.outputs[outputsOfTokens(run, id)[token]!]!;
}

/** A request's events of one type. */
export function eventsOf<Type extends OutputEvent["type"]>(
  { engine }: ScriptedRun,
  id: number,
  type: Type,
): OutputEventOf<Type>[] {
  return engine.events(id).filter((event): event is OutputEventOf<Type> => event.type === type);
}

/** How and when a request ended. */
export function finishOf(run: ScriptedRun, id: number): Completion & { readonly time: number } {
  const { timestamp: time, payload } = eventsOf(run, id, "FINISH")[0]!;
  return { ...payload, time };
}

// ---- Invariants ------------------------------------------------------------------------------------------------------

/** The stream and end of a request that is neither cancelled nor fails, computed without an engine. */
export interface ExpectedStream {
  readonly stream: readonly ScriptedToken[];
  readonly reason: "stop" | "length";
  readonly stopReason: string | number | null;
}

/** The expected stream and end of a request. */
export function expectedStream(message: SubmitMessage, script: TokenScript = textScript): ExpectedStream {
  const criteria = new StopCriteria(message, tokenTable, message.promptTokenIds);
  const stream = scriptedStream(message.promptTokenIds, message.sampling, message.maxTokens, { script });
  for (const [index, { tokenId }] of stream.entries()) {
    const stopReason = criteria.push(tokenId);
    if (stopReason !== null) return { stream: stream.slice(0, index + 1), reason: "stop", stopReason };
  }
  return { stream, reason: "length", stopReason: null };
}

function checkRun(run: ScriptedRun, script: TokenScript, mayBeCancelled: (id: number) => boolean): void {
  const { engine, requests, generations, error } = run;
  assertEquals(engine.violations, []);
  assertEquals(Object.values(engine.device.live), [0, 0, 0, 0, 0]);
  // A failed loop leaves its resources to be freed with the device.
  if (error === null) assertEquals([engine.pool.usedBlocks, engine.scheduler.isIdle], [0, true]);
  checkOutputs(engine.outputs);
  for (const [id, message] of requests) {
    const events = engine.events(id);
    // The loop may have failed before the request arrived.
    if (error !== null && events.length === 0) continue;
    checkEvents(id, events);
    const last = events.at(-1)!;
    const expected = expectedStream(message, script);
    const tokens = events.flatMap((event) => (event.type === "GENERATED_TOKEN" ? [tokenOf(event)] : []));
    const isComplete = last.type === "FINISH" && last.payload.reason !== "cancelled";
    assertEquals(tokens, expected.stream.slice(0, isComplete ? undefined : tokens.length), `tokens of request ${id}`);
    if (last.type === "ERROR_NONTRANSIENT") {
      assertEquals([last.payload.code, last.payload.message], [error?.code, error?.message]);
    } else if (isComplete) {
      assertEquals([last.payload.reason, last.payload.stopReason], [expected.reason, expected.stopReason]);
    } else assert(mayBeCancelled(id), `request ${id} was cancelled unasked`);
    assert(generations.get(id)!.isOver);
  }
}

/** Checks that the watermark never falls and that each event is sent between a watermark and its output. */
function checkOutputs(outputs: readonly ReceivedOutput[]): void {
  let reached = 0;
  for (const { events, emittedAt, receivedAt, watermark } of outputs) {
    assert(receivedAt >= emittedAt && watermark >= reached);
    for (const { timestamp } of events) {
      assert(timestamp >= reached, `an event of ${timestamp} is sent after the watermark ${reached}`);
      assert(timestamp <= emittedAt, `an event of ${timestamp} is sent at ${emittedAt}`);
    }
    reached = watermark;
  }
}

/** Checks that first tokens of requests that go on are emitted as soon as they are read. */
function checkFirstTokens(outputs: readonly ReceivedOutput[]): void {
  const started = new Set<number>();
  for (const { events, emittedAt } of outputs) {
    for (const [index, { requestId: id, type, timestamp }] of events.entries()) {
      if (type !== "GENERATED_TOKEN" || started.has(id)) continue;
      started.add(id);
      const next = events.slice(index + 1).find(({ requestId }) => requestId === id);
      // It ended the request, or would have if the device had not failed at that point.
      const isOnly = ["FINISH", "ERROR_NONTRANSIENT"].includes(next?.type ?? "");
      assert(isOnly || timestamp === emittedAt, `the first token of request ${id} is not early`);
    }
  }
}

/**
 * Accepts an event of the executor, as the caller's side does.
 *
 * @throws {UpbeatError} `EVENT_OUT_OF_ORDER`.
 */
export function acceptEvent(order: EventOrder, event: OutputEvent): void {
  const { type, timestamp } = event;
  order.accept(type, timestamp, event.type === "FINISH" ? event.payload.reason : null);
  if (type === "ERROR_NONTRANSIENT") order.accept("FAIL", timestamp);
}

/** Checks that a request's events are in a legal order, with exactly one end. */
function checkEvents(id: number, events: readonly OutputEvent[]): void {
  const order = new EventOrder();
  order.accept("ADD_ENGINE", 0);
  for (const [index, event] of events.entries()) {
    // Nothing of a request may be in flight when it is paused.
    const isPaused = events[index - 1]?.type === "PAUSE";
    assert(event.type !== "GENERATED_TOKEN" || !isPaused, `request ${id} gets a token while paused`);
    acceptEvent(order, event);
  }
  const ends = events.filter(({ type }) => type === "FINISH" || type === "ERROR_NONTRANSIENT").length;
  assertEquals([ends, order.isOver], [1, true], `ends of request ${id}`);
}

/** The token of an event. */
export function tokenOf({ payload }: OutputEventOf<"GENERATED_TOKEN">): ScriptedToken {
  const { tokenId, logprobs } = payload;
  return logprobs === null ? { tokenId } : { tokenId, logprob: logprobs.logprob, topLogprobs: logprobs.top };
}
