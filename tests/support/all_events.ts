/**
 * Reads generations that fail.
 *
 * @module
 */
import type { Generation, RequestEvent } from "../../mod.ts";

/**
 * All events of a generation, whose loop throws after the last one when the generation fails.
 *
 * @param generation The generation.
 * @returns Its events.
 */
export async function allEvents(generation: Generation): Promise<RequestEvent[]> {
  const events: RequestEvent[] = [];
  try {
    for await (const event of generation) events.push(event);
  } catch {
    // The result rejects with it.
  }
  return events;
}
