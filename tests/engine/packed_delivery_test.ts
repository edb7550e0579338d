import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { packDelivery, unpackDelivery } from "../../engine/packed_delivery.ts";
import type { Delivery, Moment, RequestUpdate, StepUsage } from "../../engine/protocol.ts";
import { NO_COUNTERS } from "../../engine/stats.ts";

const USAGES: readonly (StepUsage | undefined)[] = [
  undefined,
  ...[1, 2].map((step) => {
    return { step, blocksTotal: 8, blocksAllocated: 4, blocksActive: 3, activeTokens: 20 + step };
  }),
];

const delivery = (updates: readonly RequestUpdate[]): Delivery => {
  return { updates, counters: NO_COUNTERS, emittedAt: 9.5, settledUntil: 9, steps: undefined };
};

const byId = ({ updates }: Delivery) => [...updates].sort((a, b) => a.id - b.id);

const token = fc.record({
  time: fc.constantFrom(7, 8),
  tokenId: fc.nat(2 ** 31 - 1),
  usage: fc.constantFrom(...USAGES),
  logprob: fc.option(fc.double({ max: 0, noNaN: true, noDefaultInfinity: true }), { nil: undefined }),
}).map(({ time, tokenId, usage, logprob }): Moment => ({
  type: "token",
  time,
  tokenId,
  ...(logprob === undefined ? {} : { logprob, topLogprobs: [{ tokenId: 3, logprob: -1 }] }),
  ...(usage === undefined ? {} : { usage }),
}));

const finish: Moment = { type: "finish", time: 8, reason: "length", stopReason: null, wastedSteps: 0 };
const moments = fc.oneof(
  token.map((moment) => [moment]),
  fc.tuple(token, fc.constant(finish)),
  fc.tuple(fc.constant<Moment>({ type: "pause", time: 7 })),
  fc.array(token, { minLength: 2, maxLength: 4 }),
);

test("unpackDelivery() gives what was packed, after the copy to another thread too", () => {
  fc.assert(
    fc.property(fc.array(moments, { maxLength: 12 }), (all) => {
      const original = delivery(all.map((list, index) => ({ id: index + 1, moments: [...list] })));
      const unpacked = unpackDelivery(structuredClone(packDelivery(original)));
      assertEquals(byId(unpacked), original.updates);
      assertEquals({ ...unpacked, updates: [] }, { ...original, updates: [] });
    }),
    { seed: 20261122 },
  );
});

test("packDelivery() leaves no object for the tokens of a decoding batch", () => {
  const usage = USAGES[1]!;
  const updates = Array.from({ length: 32 }, (_, index): RequestUpdate => {
    return { id: index + 1, moments: [{ type: "token", time: 7, tokenId: 100 + index, usage }] };
  });
  const packed = packDelivery(delivery(updates));
  assertEquals([packed.updates.length, packed.tokens.length, packed.tokenTime, packed.tokenUsage], [0, 64, 7, usage]);
});
