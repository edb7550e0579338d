/**
 * Load an engine for the command line.
 *
 * @module
 */
import { Engine } from "../mod.ts";
import type { EngineOptions, LoadProgress } from "../mod.ts";
import { formatBytes } from "./format_bytes.ts";
import { Interrupt } from "./interrupt.ts";
import { note, notesAreSeen } from "./terminal.ts";
import { Interrupted } from "./usage.ts";

/** The line is redrawn no more often than this. Milliseconds. */
const REDRAW = 100;

/**
 * Load a model and show on a terminal how far it is. A signal ends loading in an orderly way.
 *
 * @param model Path of the model folder.
 * @param options The engine's options.
 * @returns The engine.
 * @throws {UpbeatError} As `Engine.load` does.
 * @throws {Interrupted} When a signal came.
 */
export async function loadEngine(model: string, options: EngineOptions): Promise<Engine> {
  const controller = new AbortController();
  using interrupt = new Interrupt(() => controller.abort(new Error("interrupted")));
  const progress = notesAreSeen() ? new ProgressLine() : null;
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

/** One line on the terminal that is drawn again and again. */
class ProgressLine {
  #drawn = performance.now();
  #isDrawn = false;

  show({ loadedBytes, totalBytes }: LoadProgress): void {
    const now = performance.now();
    if (now - this.#drawn < REDRAW || totalBytes === 0) return;
    this.#drawn = now;
    this.#isDrawn = true;
    const percent = Math.floor((100 * loadedBytes) / totalBytes);
    note(`\r\x1b[Kloading the model… ${percent} % of ${formatBytes(totalBytes)}`);
  }

  clear(): void {
    if (this.#isDrawn) note("\r\x1b[K");
  }
}
