/**
 * Creates and formats events.
 *
 * @module
 */
import { serializeError, type UpbeatError } from "../../errors.ts";
import { checkEvent } from "./event_schema.ts";
import type { EventOf, EventPayloads, RequestError, RequestEventType, StoredEvent } from "./event_types.ts";

/**
 * Create an event, with its payload checked.
 *
 * @param requestId The request, 0 or more.
 * @param type What happened.
 * @param timestamp When, in milliseconds on the engine's clock.
 * @param payload The facts that belong to the type; it is not copied.
 * @returns The event.
 * @throws {UpbeatError} `EVENT_INVALID`, naming the field: a payload where the type has none; a token without an
 * integer `tokenId`; an error whose `transient` or `requestId` disagrees with the event; an unknown type or field.
 * @example
 * ```ts
 * createEvent(7, "GENERATED_TOKEN", 12.3, { tokenId: 42, text: " the" });
 * ```
 */
export function createEvent<Type extends RequestEventType>(
  requestId: number,
  type: Type,
  timestamp: number,
  payload: EventPayloads[Type],
): EventOf<Type> {
  return checkEvent({ requestId, type, timestamp, payload }) as EventOf<Type>;
}

/**
 * Format an event as one line.
 *
 * @param event The event.
 * @returns As in `[12.345] GENERATED_TOKEN, token=42`, in milliseconds; `[-]` without a time.
 * @example
 * ```ts
 * formatEvent({ requestId: 1, type: "FINISH", timestamp: 12.3456, payload: null }); // "[12.346] FINISH"
 * ```
 */
export function formatEvent(event: StoredEvent): string {
  const head = `[${event.timestamp === null ? "-" : event.timestamp.toFixed(3)}] ${event.type}`;
  switch (event.type) {
    case "GENERATED_TOKEN":
      return `${head}, token=${event.payload.tokenId}`;
    case "ERROR_TRANSIENT":
    case "ERROR_NONTRANSIENT":
      return `${head}, ${event.payload.code}`;
    case "PREFILL_CHUNK": {
      const { tokens, computed, total, cached } = event.payload;
      return `${head}, tokens=${tokens}, computed=${computed}/${total}, cached=${cached}`;
    }
    case "CANCEL":
      return `${head}, ${event.payload.reason}`;
    default:
      return head;
  }
}

/**
 * An error as the payload of an error event.
 *
 * @param error What went wrong.
 * @param requestId The request.
 * @param transient Whether the same request may succeed later.
 * @returns The payload.
 */
export function requestError(error: UpbeatError, requestId: number, transient: boolean): RequestError {
  return { ...serializeError(error), requestId, transient };
}
