/**
 * Support for tests of shutdown and failure: engines on a faulty library.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { test } from "node:test";
import { Engine, type EngineOptions, type Generation, type LogEntry, UpbeatError } from "../../../mod.ts";
import { FaultyLibrary, noFaultyLibrary } from "./faulty_library.ts";
import { writeRandomModel } from "../models/random_model.ts";
import { withModelFolder } from "../test_engine.ts";

/** More tokens than any test waits for. */
export const ENDLESS = { maxTokens: 1500, temperature: 0, ignoreEos: true } as const;

/** A test that needs the faulty library. */
export const faulty: typeof test = noFaultyLibrary === null
  ? test
  : ((name: string) => test.skip(`${name} (${noFaultyLibrary})`, () => {})) as typeof test;

/** The surroundings of a test of shutdown and failure. */
export interface Place {
  /** The model's folder. */
  readonly folder: string;
  readonly library: FaultyLibrary;
  /** All log entries. */
  readonly entries: LogEntry[];
  load(options?: EngineOptions): Promise<Engine>;
}

/** Runs with a model and a library that fails on command. */
export function withFaultyLibrary(use: (place: Place) => Promise<void>): Promise<void> {
  return withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const library = new FaultyLibrary(folder);
    const entries: LogEntry[] = [];
    const onLog = (entry: LogEntry) => entries.push(entry);
    const load = (options: EngineOptions = {}) => Engine.load(folder, { library: library.path, onLog, ...options });
    try {
      await use({ folder, library, entries, load });
    } finally {
      library.mode = "run";
    }
  });
}

/** The points that a thread logged. */
export function points({ entries }: Place, thread: LogEntry["thread"]): string[] {
  return entries.filter((entry) => entry.thread === thread).map(({ point }) => point);
}

/** The entry of a point that must have been logged exactly once. */
export function only({ entries }: Place, point: string): LogEntry {
  const found = entries.filter((entry) => entry.point === point);
  assertEquals(found.length, 1, `${point} in ${entries.map((entry) => entry.point).join()}`);
  return found[0]!;
}

/** Number of calls of a function. */
export function count(calls: readonly string[], call: string): number {
  return calls.filter((other) => other === call).length;
}

/** Reads events until the first token. */
export async function firstToken(generation: Generation): Promise<void> {
  // Without for await, whose early exit cancels the request.
  const events = generation[Symbol.asyncIterator]();
  while ((await events.next()).value?.type !== "GENERATED_TOKEN");
}

/** Consumes all iterators and promises of a generation, and its engine's events, until they end. */
export function consumeAll(engine: Engine, generation: Generation): Promise<unknown>[] {
  const drained = async (iterable: AsyncIterable<unknown>) => {
    for await (const _ of iterable);
  };
  return [drained(generation), drained(generation.text()), generation.result, drained(engine.events())];
}

/** The code of the error that a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await assertRejects(() => promise, UpbeatError);
  return error.code;
}

/** Requests and blocks in an engine. */
export function occupancy(engine: Engine): unknown {
  const { running, waiting, paused, kvBlocks } = engine.stats();
  return { running, waiting, paused, used: kvBlocks.used, cached: kvBlocks.cached };
}

/** The occupancy of an idle engine. */
export const IDLE = { running: 0, waiting: 0, paused: 0, used: 0, cached: 0 };
