/**
 * Load an engine for the command line.
 *
 * @module
 */
import { Engine } from "../mod.ts";
import type { EngineOptions } from "../mod.ts";
import { formatBytes } from "./format_bytes.ts";
import { note, notesAreSeen } from "./terminal.ts";

/** The line is redrawn no more often than this. Milliseconds. */
const REDRAW = 100;

/**
 * Load a model and show on a terminal how far it is.
 *
 * @param model Path of the model folder.
 * @param options The engine's options.
 * @returns The engine.
 * @throws {UpbeatError} As `Engine.load` does.
 */
export async function loadEngine(model: string, options: EngineOptions): Promise<Engine> {
  if (!notesAreSeen()) return await Engine.load(model, options);
  let drawn = performance.now();
  let isDrawn = false;
  try {
    return await Engine.load(model, {
      ...options,
      onProgress: ({ loadedBytes, totalBytes }) => {
        const now = performance.now();
        if (now - drawn < REDRAW || totalBytes === 0) return;
        drawn = now;
        isDrawn = true;
        const percent = Math.floor((100 * loadedBytes) / totalBytes);
        note(`\r\x1b[Kloading the model… ${percent} % of ${formatBytes(totalBytes)}`);
      },
    });
  } finally {
    if (isDrawn) note("\r\x1b[K");
  }
}
