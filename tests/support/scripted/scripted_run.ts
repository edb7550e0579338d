/**
 * Whole runs of the scripted engine with real generations on the caller's side, and what must hold of every run.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { UpbeatError } from "../../../errors.ts";
import { EventOrder } from "../../../engine/events/event_order.ts";
import type { RequestEventType } from "../../../engine/events/events.ts";
import { Generation } from "../../../engine/caller/generation.ts";
import type { GenerationChunk } from "../../../engine/caller/generation_result.ts";
import type { InboxMessage, SubmitMessage } from "../../../engine/channel/messages.ts";
import type { Moment } from "../../../engine/events/moment.ts";
import { RequestTotals } from "../../../engine/telemetry/engine_stats.ts";
import { StopCriteria } from "../../../engine/scheduler/stop_criteria.ts";
import { NO_TRACKING } from "../../../engine/config/tracking.ts";
import { byteLevelJson, tokenizerOf } from "../tokenizers/small_tokenizers.ts";
import { segmentRequest } from "../events.ts";
import { scriptedStream, type ScriptedToken, type TokenContext, type TokenScript } from "./scripted_device.ts";
import {
  type ReceivedDelivery,
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
  const { streamInterval = 1, onDelivery } = setUp;
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
    onDelivery: (delivery) => {
      for (const update of delivery.updates) generations.get(update.id)!.handleUpdate(update, delivery.emittedAt);
      const answers = onDelivery?.(delivery) ?? [];
      answers.forEach(hear);
      return answers;
    },
  });
  const error = runEngine(engine);
  if (error !== null && setUp.failures === undefined) throw error;
  const run = { engine, requests, generations, error };
  if (setUp.earlyFirstToken === true) checkFirstTokens(engine.deliveries);
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
    sink: { listener: null },
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

/** Which deliveries brought a request's tokens, one index per token. */
export function deliveriesOfTokens({ engine }: ScriptedRun, id: number): number[] {
  return engine.deliveries.flatMap(({ updates }, index) => {
    return updates.filter((update) => update.id === id).flatMap(({ moments }) => moments)
      .flatMap(({ type }) => (type === "token" ? [index] : []));
  });
}

/** The delivery that brought a request's n-th token, counted from 0. */
export function deliveryOfToken(run: ScriptedRun, id: number, token: number): ReceivedDelivery {
  return run.engine.deliveries[deliveriesOfTokens(run, id)[token]!]!;
}

/** Moments of one type. */
export function momentsOf<Type extends Moment["type"]>(
  { engine }: ScriptedRun,
  id: number,
  type: Type,
): Extract<Moment, { type: Type }>[] {
  return engine.moments(id).filter((moment): moment is Extract<Moment, { type: Type }> => moment.type === type);
}

/** How a request ended, which it did exactly once. */
export function finishOf(run: ScriptedRun, id: number): Extract<Moment, { type: "finish" }> {
  return momentsOf(run, id, "finish")[0]!;
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
  checkDeliveries(engine.deliveries);
  for (const [id, message] of requests) {
    const moments = engine.moments(id);
    // The loop may have failed before the message came.
    if (error !== null && moments.length === 0) continue;
    checkLife(id, moments);
    const last = moments.at(-1)!;
    const expected = expectedStream(message, script);
    const told = moments.flatMap((moment) => (moment.type === "token" ? [tokenOf(moment)] : []));
    const isWhole = last.type === "finish" && last.reason !== "cancelled";
    assertEquals(told, expected.stream.slice(0, isWhole ? undefined : told.length), `tokens of request ${id}`);
    if (last.type === "failure") assertEquals([last.error.code, last.error.message], [error?.code, error?.message]);
    else if (isWhole) assertEquals([last.reason, last.stopReason], [expected.reason, expected.stopReason]);
    else assert(mayBeCancelled(id), `request ${id} was cancelled by nobody`);
    assert(generations.get(id)!.isOver);
  }
}

/** What is handed over is told in order, once, and as late as it says. */
function checkDeliveries(deliveries: readonly ReceivedDelivery[]): void {
  let settled = 0;
  for (const { updates, emittedAt, receivedAt, settledUntil } of deliveries) {
    assert(receivedAt >= emittedAt && settledUntil >= settled);
    for (const { time } of updates.flatMap(({ moments }) => moments)) {
      assert(time >= settled, `something from ${time} is told behind everything until ${settled}`);
      assert(time <= emittedAt, `something from ${time} is told at ${emittedAt}`);
    }
    settled = settledUntil;
  }
}

/** A first token that is not the last one too leaves at the moment when it is known. */
function checkFirstTokens(deliveries: readonly ReceivedDelivery[]): void {
  const begun = new Set<number>();
  for (const { updates, emittedAt } of deliveries) {
    for (const { id, moments } of updates) {
      const first = moments.findIndex(({ type }) => type === "token");
      if (begun.has(id) || first < 0) continue;
      begun.add(id);
      // It ended the request, or would have if the device had not broken just then.
      const isOnly = ["finish", "failure"].includes(moments[first + 1]?.type ?? "");
      assert(isOnly || moments[first]!.time === emittedAt, `the first token of request ${id} is not early`);
    }
  }
}

const EVENTS: Readonly<Record<Moment["type"], readonly RequestEventType[]>> = {
  refused: ["ERROR_TRANSIENT"],
  chunk: ["PREFILL_CHUNK"],
  context: ["ADD_CONTEXT"],
  token: ["GENERATED_TOKEN"],
  pause: ["PAUSE"],
  resume: ["RESUME"],
  evict: ["EVICT"],
  finish: ["FINISH"],
  failure: ["ERROR_NONTRANSIENT", "FAIL"],
};

/**
 * Take a moment as the events that become of it.
 *
 * @throws {UpbeatError} `EVENT_OUT_OF_ORDER`.
 */
export function acceptMoment(log: EventOrder, moment: Moment): void {
  const reason = moment.type === "finish" ? moment.reason : null;
  for (const type of EVENTS[moment.type]) log.accept(type, moment.time, reason);
}

/** A legal life, with exactly one end, which comes last. */
function checkLife(id: number, moments: readonly Moment[]): void {
  const log = new EventOrder();
  log.accept("ADD_ENGINE", 0);
  for (const [index, moment] of moments.entries()) {
    // A token that comes to a paused request was in flight when it was paused.
    assert(moment.type !== "token" || moments[index - 1]?.type !== "pause", `request ${id} gets a token while paused`);
    acceptMoment(log, moment);
  }
  const ends = moments.filter(({ type }) => type === "finish" || type === "failure").length;
  assertEquals([ends, log.isOver], [1, true], `ends of request ${id}`);
}

/** What a token's moment says of its stream. */
export function tokenOf({ tokenId, logprob, topLogprobs }: Extract<Moment, { type: "token" }>): ScriptedToken {
  return logprob === undefined ? { tokenId } : { tokenId, logprob, topLogprobs: topLogprobs! };
}
