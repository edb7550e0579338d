/**
 * Load an engine for the command line.
 *
 * @module
 */
import { Engine } from "../../mod.ts";
import type { EngineOptions } from "../../mod.ts";
import { Interrupt } from "../terminal/interrupt.ts";
import { ProgressLine } from "../terminal/progress_line.ts";
import { isTerminal, note } from "../terminal/terminal.ts";
import { Interrupted } from "../errors.ts";

/**
 * Load a model, with progress on a terminal. A signal ends loading in an orderly way.
 *
 * @param model Path of the model folder.
 * @param options The engine's options.
 * @returns The engine.
 * @throws {UpbeatError} As `Engine.load` does.
 * @throws {Interrupted} After a signal.
 */
export async function loadEngine(model: string, options: EngineOptions): Promise<Engine> {
  const controller = new AbortController();
  using interrupt = new Interrupt(() => controller.abort(new Error("interrupted")));
  const progress = isTerminal() ? new ProgressLine(note) : null;
  try {
    const { signal } = controller;
    const engine = await Engine.load(model, { ...options, signal, onProgress: (loaded) => progress?.show(loaded) });
    if (interrupt.exitCode === null) return engine;
    await engine.dispose();
  } catch (error) {
    if (interrupt.exitCode === null) throw error;
  } finally {
    progress?.clear();
  }
  throw new Interrupted(interrupt.exitCode);
}
