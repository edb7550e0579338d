/**
 * Engines that are shut down, or that fail: what several tests of that need.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { test } from "node:test";
import { Engine, type EngineOptions, type Generation, type LogEntry, UpbeatError } from "../../../mod.ts";
import { FaultyLibrary, noFaultyLibrary } from "./faulty_library.ts";
import { writeRandomModel } from "../models/random_model.ts";
import { withModelFolder } from "../test_engine.ts";

/** Far more than any test waits for. */
export const ENDLESS = { maxTokens: 1500, temperature: 0, ignoreEos: true } as const;

/** A test that needs the faulty library. */
export const faulty: typeof test = noFaultyLibrary === null
  ? test
  : ((name: string) => test.skip(`${name} (${noFaultyLibrary})`, () => {})) as typeof test;

/** Where a test of shutdown and failure happens. */
export interface Place {
  /** The model. */
  readonly folder: string;
  readonly library: FaultyLibrary;
  /** Everything that was logged. */
  readonly entries: LogEntry[];
  load(options?: EngineOptions): Promise<Engine>;
}

/** A model, and a library that breaks when it is told to. */
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

/** The points that a thread passed. */
export function points({ entries }: Place, thread: LogEntry["thread"]): string[] {
  return entries.filter((entry) => entry.thread === thread).map(({ point }) => point);
}

/** A point's fields; fails where it was not passed, or more than once. */
export function only({ entries }: Place, point: string): LogEntry {
  const found = entries.filter((entry) => entry.point === point);
  assertEquals(found.length, 1, `${point} in ${entries.map((entry) => entry.point).join()}`);
  return found[0]!;
}

/** How often something was called. */
export function count(calls: readonly string[], call: string): number {
  return calls.filter((other) => other === call).length;
}

/** Read until the first token is there. */
export async function firstToken(generation: Generation): Promise<void> {
  // Not by leaving a loop: that cancels.
  const events = generation[Symbol.asyncIterator]();
  while ((await events.next()).value?.type !== "GENERATED_TOKEN");
}

/** Everything that somebody may wait for of a generation and of its engine, waited for until it ends. */
export function waiters(engine: Engine, generation: Generation): Promise<unknown>[] {
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

/** What of the statistics says how things stand. */
export function standing(engine: Engine): unknown {
  const { running, waiting, paused, kvBlocks } = engine.stats();
  return { running, waiting, paused, used: kvBlocks.used, cached: kvBlocks.cached };
}

/** How an engine stands in which nothing runs. */
export const NOTHING = { running: 0, waiting: 0, paused: 0, used: 0, cached: 0 };
