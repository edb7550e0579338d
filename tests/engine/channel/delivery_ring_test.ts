import { assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { createDeliveryRing, DeliveryReceiver, DeliverySender } from "../../../engine/channel/delivery_ring.ts";
import type { Delivery, PostedDelivery } from "../../../engine/channel/messages.ts";
import type { Moment } from "../../../engine/events/moment.ts";
import { NO_COUNTERS } from "../../../engine/telemetry/engine_stats.ts";

/** One that is told by its `emittedAt` alone, with so many tokens; an error is not all numbers. */
function delivery(emittedAt: number, tokens: number, hasError = false): Delivery {
  const moments: Moment[] = Array.from({ length: tokens }, (_, tokenId) => ({ type: "token", time: 1, tokenId }));
  const error = { code: "INTERNAL", message: "x", requestId: 1, transient: true } as never;
  if (hasError) moments.push({ type: "refused", time: 1, error });
  return { updates: [{ id: 1, moments }], counters: NO_COUNTERS, emittedAt, settledUntil: 0, steps: undefined };
}

/** Both ends in one thread; what is posted waits until it is let through. */
function channel(capacity?: number) {
  const memory = createDeliveryRing(capacity);
  const posted: PostedDelivery[] = [];
  const received: Delivery[] = [];
  const sender = new DeliverySender(memory, (message) => posted.push(message));
  const receiver = new DeliveryReceiver(memory, (each) => received.push(each));
  return { sender, receiver, posted, received };
}

const times = (deliveries: readonly Delivery[]) => deliveries.map(({ emittedAt }) => emittedAt);

test("a delivery ring gives what was sent, in order, whatever finds no room, and however it is cut at the ring's end", () => {
  const action = fc.oneof(
    { weight: 5, arbitrary: fc.record({ type: fc.constant("send"), tokens: fc.nat(20), hasError: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("drain") }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("post") }) },
  ) as fc.Arbitrary<{ type: string; tokens?: number; hasError?: boolean }>;
  let viaRing = 0;
  let viaPost = 0;
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120, size: "max" }), (actions) => {
      const { sender, receiver, posted, received } = channel(256);
      const sent: Delivery[] = [];
      for (const { type, tokens, hasError } of actions) {
        if (type === "send") {
          sent.push(delivery(sent.length, tokens!, hasError! && tokens! % 4 === 0));
          const before = posted.length;
          sender.send(sent.at(-1)!);
          if (posted.length > before) viaPost++;
          else viaRing++;
        } else if (type === "drain") receiver.drain();
        else if (posted.length > 0) receiver.receivePosted(posted.shift()!);
      }
      for (const message of posted) receiver.receivePosted(message);
      receiver.drain();
      receiver.close();
      assertEquals(received, sent);
    }),
    { seed: 7, numRuns: 300 },
  );
  assertGreater(viaRing, 300);
  assertGreater(viaPost, 300);
});

test("a delivery ring goes on where its counters pass what 32 bits with a sign hold", () => {
  const memory = createDeliveryRing(256);
  // Written and read: the second and the third counter.
  new Int32Array(memory).fill(2 ** 31 - 100, 1, 3);
  const received: Delivery[] = [];
  const posted: PostedDelivery[] = [];
  const sender = new DeliverySender(memory, (message) => posted.push(message));
  const receiver = new DeliveryReceiver(memory, (each) => received.push(each));
  for (let index = 0; index < 20; index++) {
    sender.send(delivery(index, 3));
    // Full when it passes them.
    if (index === 15) { for (const message of posted.splice(0)) receiver.receivePosted(message); }
    if (index > 15) receiver.drain();
  }
  receiver.close();
  assertEquals(posted, []);
  assertEquals(times(received), Array.from({ length: 20 }, (_, index) => index));
});

test("DeliverySender.send() posts what a receiver that does not read leaves no room for", () => {
  const { sender, receiver, posted, received } = channel(256);
  for (let index = 0; index < 50; index++) sender.send(delivery(index, 4));
  assertGreater(posted.length, 0);
  assertGreater(50, posted.length);
  // Posted messages come first here: they wait for those in the ring.
  for (const message of posted) receiver.receivePosted(message);
  receiver.close();
  assertEquals(times(received), Array.from({ length: 50 }, (_, index) => index));
});

test("DeliveryReceiver receives by itself, one that comes while it receives included, and nothing after close()", async () => {
  const { sender, receiver, received } = channel();
  const wait = async (count: number) => {
    while (received.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  sender.send(delivery(1, 1));
  await wait(1);
  sender.send(delivery(2, 1));
  sender.send(delivery(3, 1));
  await wait(3);
  receiver.close();
  sender.send(delivery(4, 1));
  await new Promise((resolve) => setTimeout(resolve, 5));
  receiver.drain();
  assertEquals(times(received), [1, 2, 3]);
});

test("DeliveryReceiver receives from another thread, without a message from it", { timeout: 30_000 }, async () => {
  const COUNT = 2000;
  const memory = createDeliveryRing(1024);
  const received: Delivery[] = [];
  const all = Promise.withResolvers<void>();
  const receiver = new DeliveryReceiver(memory, (each) => {
    if (received.push(each) === COUNT) all.resolve();
  });
  const worker = new Worker(new URL("../../support/workers/delivery_worker.ts", import.meta.url), {
    workerData: { memory, count: COUNT },
  });
  worker.on("message", (message: PostedDelivery) => receiver.receivePosted(message));
  await all.promise;
  receiver.close();
  await worker.terminate();
  assertEquals(times(received), Array.from({ length: COUNT }, (_, index) => index));
  assertEquals(received.map(({ updates }) => updates[0]!.moments.length), received.map((_, index) => index % 5));
});
