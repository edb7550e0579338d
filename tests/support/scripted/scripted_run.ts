/**
 * Whole runs of the scripted engine with real generations on the caller's side, and what must hold of every run.
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
  type ScriptedEngineSetUp,
} from "./scripted_engine.ts";

/** The three ways to run the loop. */
export const MODES = {
  plain: { overlap: false, earlyFirstToken: false },
  overlap: { overlap: true, earlyFirstToken: false },
  early: { overlap: true, earlyFirstToken: true },
} as const satisfies Record<string, ScriptedEngineSetUp>;

/** The name of a way to run the loop. */
export type Mode = keyof typeof MODES;

/** All of them. */
export const ALL_MODES = Object.keys(MODES) as Mode[];

/** Messages, in the words of the tests. */
export const cancel = (id: number): InboxMessage => ({ type: "cancel", id });
/** See {@linkcode cancel}. */
export const shutdown = (drain: boolean, deadline: number | null = null): InboxMessage => {
  return { type: "shutdown", drain, deadline };
};
/** Requests that all arrive at the start. */
export const atOnce = (messages: readonly InboxMessage[]): ScriptedArrival[] => {
  return messages.map((message) => ({ forwards: 0, message }));
};

const tokenizer = tokenizerOf(byteLevelJson());
/** What tokens are in text. */
export const { tokenTable } = tokenizer;

const WORDS = ["the", "upon", "time", "once", " "].map((word) => tokenizer.encode(word)[0]!);

/** A script whose streams are text: words, and now and then a part of a character. */
export const textScript: TokenScript = ({ proposed }: TokenContext) => {
  return proposed % 4 === 0 ? proposed % tokenTable.size : WORDS[proposed % WORDS.length]!;
};

// ---- Runs ------------------------------------------------------------------------------------------------------------

/** A run that is over. */
export interface ScriptedRun {
  readonly engine: ScriptedEngine;
  /** Everything that was submitted. */
  readonly requests: ReadonlyMap<number, SubmitMessage>;
  readonly generations: ReadonlyMap<number, Generation>;
  /** What ended the loop, where that was not a shutdown; null unless something was scripted to go wrong. */
  readonly error: UpbeatError | null;
}

/**
 * Run to the end, and check what must hold whatever was run.
 *
 * @param script Messages, as of the scripted engine.
 * @param setUp How the engine is set up; the device's script is {@linkcode textScript} unless given.
 * @returns The run; its device is closed.
 * @throws {UpbeatError} What ended the loop, where nothing was scripted to go wrong.
 */
export function runScript(script: readonly ScriptedArrival[], setUp: ScriptedEngineSetUp = {}): ScriptedRun {
  const requests = new Map<number, SubmitMessage>();
  const generations = new Map<number, Generation>();
  const cancellable = new Set<number>();
  let isCutShort = false;
  const { streamInterval = 1, onOutput } = setUp;
  const hear = (message: InboxMessage) => {
    if (message.type === "cancel") cancellable.add(message.id);
    if (message.type === "shutdown" && (!message.drain || message.deadline !== null)) isCutShort = true;
    if (message.type !== "submit") return;
    requests.set(message.id, message);
    generations.set(message.id, createGeneration(message, streamInterval));
  };
  for (const { message } of script) hear(message);

  const engine = new ScriptedEngine([
    { forwards: -1, message: { type: "tokenTable", table: tokenTable.shared } },
    ...script,
  ], {
    ...setUp,
    device: { script: textScript, ...setUp.device },
    onOutput: (output) => {
      playOutput(generations, output);
      const answers = onOutput?.(output) ?? [];
      answers.forEach(hear);
      return answers;
    },
  });
  const error = runEngine(engine);
  if (error !== null && setUp.failures === undefined) throw error;
  const run = { engine, requests, generations, error };
  if (setUp.earlyFirstToken === true) checkFirstTokens(engine.outputs);
  checkRun(run, setUp.device?.script ?? textScript, (id) => isCutShort || cancellable.has(id));
  return run;
}

/** Run and close the device. @returns What ended the loop, where that was not a shutdown. */
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

/** The chunks of a request, as its caller sees them; those before its failure where it failed. */
export async function chunksOf({ generations }: ScriptedRun, id: number): Promise<GenerationChunk[]> {
  const chunks: GenerationChunk[] = [];
  try {
    for await (const chunk of generations.get(id)!.chunks()) chunks.push(chunk);
  } catch (thrown) {
    if (!(thrown instanceof UpbeatError)) throw thrown;
  }
  return chunks;
}

/** Which outputs brought a request's tokens, one index per token. */
export function outputsOfTokens({ engine }: ScriptedRun, id: number): number[] {
  return engine.outputs.flatMap(({ events }, index) => {
    return events.flatMap(({ requestId, type }) => (requestId === id && type === "GENERATED_TOKEN" ? [index] : []));
  });
}

/** The output that brought a request's n-th token, counted from 0. */
export function outputOfToken(run: ScriptedRun, id: number, token: number): ReceivedOutput {
  return run.engine.outputs[outputsOfTokens(run, id)[token]!]!;
}

/** Events of one type. */
export function eventsOf<Type extends OutputEvent["type"]>(
  { engine }: ScriptedRun,
  id: number,
  type: Type,
): OutputEventOf<Type>[] {
  return engine.events(id).filter((event): event is OutputEventOf<Type> => event.type === type);
}

/** How a request ended, which it did exactly once. */
export function finishOf(run: ScriptedRun, id: number): Completion & { readonly time: number } {
  const { timestamp: time, payload } = eventsOf(run, id, "FINISH")[0]!;
  return { ...payload, time };
}

// ---- What must hold --------------------------------------------------------------------------------------------------

/** What a request must get unless it is cancelled or fails, computed without an engine. */
export interface ExpectedStream {
  readonly stream: readonly ScriptedToken[];
  readonly reason: "stop" | "length";
  readonly stopReason: string | number | null;
}

/** @returns A request's stream and its end. */
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
  // A loop that failed leaves what it held to the device's end.
  if (error === null) assertEquals([engine.pool.usedBlocks, engine.scheduler.isIdle], [0, true]);
  checkOutputs(engine.outputs);
  for (const [id, message] of requests) {
    const events = engine.events(id);
    // The loop may have failed before the message came.
    if (error !== null && events.length === 0) continue;
    checkLife(id, events);
    const last = events.at(-1)!;
    const expected = expectedStream(message, script);
    const told = events.flatMap((event) => (event.type === "GENERATED_TOKEN" ? [tokenOf(event)] : []));
    const isWhole = last.type === "FINISH" && last.payload.reason !== "cancelled";
    assertEquals(told, expected.stream.slice(0, isWhole ? undefined : told.length), `tokens of request ${id}`);
    if (last.type === "ERROR_NONTRANSIENT") {
      assertEquals([last.payload.code, last.payload.message], [error?.code, error?.message]);
    } else if (isWhole) {
      assertEquals([last.payload.reason, last.payload.stopReason], [expected.reason, expected.stopReason]);
    } else assert(mayBeCancelled(id), `request ${id} was cancelled by nobody`);
    assert(generations.get(id)!.isOver);
  }
}

/** Outputs are in order, each event is sent once, and the watermark holds. */
function checkOutputs(outputs: readonly ReceivedOutput[]): void {
  let reached = 0;
  for (const { events, emittedAt, receivedAt, watermark } of outputs) {
    assert(receivedAt >= emittedAt && watermark >= reached);
    for (const { timestamp } of events) {
      assert(timestamp >= reached, `an event from ${timestamp} is sent after the watermark ${reached}`);
      assert(timestamp <= emittedAt, `an event from ${timestamp} is sent at ${emittedAt}`);
    }
    reached = watermark;
  }
}

/** A first token that is not the last one too leaves as soon as it is known. */
function checkFirstTokens(outputs: readonly ReceivedOutput[]): void {
  const begun = new Set<number>();
  for (const { events, emittedAt } of outputs) {
    for (const [index, { requestId: id, type, timestamp }] of events.entries()) {
      if (type !== "GENERATED_TOKEN" || begun.has(id)) continue;
      begun.add(id);
      const next = events.slice(index + 1).find(({ requestId }) => requestId === id);
      // It ended the request, or would have if the device had not broken just then.
      const isOnly = ["FINISH", "ERROR_NONTRANSIENT"].includes(next?.type ?? "");
      assert(isOnly || timestamp === emittedAt, `the first token of request ${id} is not early`);
    }
  }
}

/**
 * Accept an event of the executor as its caller would.
 *
 * @throws {UpbeatError} `EVENT_OUT_OF_ORDER`.
 */
export function acceptEvent(order: EventOrder, event: OutputEvent): void {
  const { type, timestamp } = event;
  order.accept(type, timestamp, event.type === "FINISH" ? event.payload.reason : null);
  if (type === "ERROR_NONTRANSIENT") order.accept("FAIL", timestamp);
}

/** A legal life, with exactly one end, which comes last. */
function checkLife(id: number, events: readonly OutputEvent[]): void {
  const order = new EventOrder();
  order.accept("ADD_ENGINE", 0);
  for (const [index, event] of events.entries()) {
    // A token that comes to a paused request was in flight when it was paused.
    const isPaused = events[index - 1]?.type === "PAUSE";
    assert(event.type !== "GENERATED_TOKEN" || !isPaused, `request ${id} gets a token while paused`);
    acceptEvent(order, event);
  }
  const ends = events.filter(({ type }) => type === "FINISH" || type === "ERROR_NONTRANSIENT").length;
  assertEquals([ends, order.isOver], [1, true], `ends of request ${id}`);
}

/** A token as its stream has it. */
export function tokenOf({ payload }: OutputEventOf<"GENERATED_TOKEN">): ScriptedToken {
  const { tokenId, logprobs } = payload;
  return logprobs === null ? { tokenId } : { tokenId, logprob: logprobs.logprob, topLogprobs: logprobs.top };
}
