/**
 * A delivery on its way between threads.
 *
 * Copying objects to another thread takes about a microsecond each, and nearly all that a step of a decoding batch has to
 * say is one token of each request. So such tokens travel as one array of numbers.
 *
 * @module
 */
import type { Delivery, RequestUpdate, StepUsage, TokenMoment } from "./protocol.ts";

/** A delivery whose tokens are packed. */
export interface PackedDelivery extends Delivery {
  /** Updates of one token each, all at the same time: request ids and token ids in turn. */
  readonly tokens: Int32Array;
  /** When those tokens were known. */
  readonly tokenTime: number;
  /** How the KV cache stood, where those requests record their tokens. */
  readonly tokenUsage: StepUsage | undefined;
}

/**
 * Pack a delivery.
 *
 * @param delivery What the executor hands over.
 * @returns The same; request ids and token ids must be below 2^31.
 */
export function packDelivery(delivery: Delivery): PackedDelivery {
  const updates: RequestUpdate[] = [];
  const tokens: number[] = [];
  let tokenTime = NaN;
  let tokenUsage: StepUsage | undefined;
  for (const update of delivery.updates) {
    const moment = onlyToken(update);
    if (moment !== null && tokens.length === 0) ({ time: tokenTime, usage: tokenUsage } = moment);
    if (moment !== null && moment.time === tokenTime && moment.usage === tokenUsage) {
      tokens.push(update.id, moment.tokenId);
    } else {
      updates.push(update);
    }
  }
  return { ...delivery, updates, tokens: Int32Array.from(tokens), tokenTime, tokenUsage };
}

/**
 * Unpack a delivery.
 *
 * @param packed What {@linkcode packDelivery} gave, also after it was copied.
 * @returns The delivery, with its updates in another order.
 */
export function unpackDelivery(packed: PackedDelivery): Delivery {
  const { tokens, tokenTime: time, tokenUsage, ...delivery } = packed;
  const usage = tokenUsage === undefined ? {} : { usage: tokenUsage };
  const updates = [...delivery.updates];
  for (let index = 0; index < tokens.length; index += 2) {
    updates.push({ id: tokens[index]!, moments: [{ type: "token", time, tokenId: tokens[index + 1]!, ...usage }] });
  }
  return { ...delivery, updates };
}

/** The token that is all there is in an update, unless it has log-probabilities; else null. */
function onlyToken({ moments }: RequestUpdate): TokenMoment | null {
  const moment = moments[0]!;
  return moments.length === 1 && moment.type === "token" && moment.logprob === undefined ? moment : null;
}
