import { assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import type { PostedOutput } from "../../../engine/channel/messages.ts";
import { createOutputRing, OutputReceiver, OutputSender } from "../../../engine/channel/output_ring.ts";
import { type EncodedOutput, OutputWriter } from "../../../engine/channel/step_output.ts";
import { NO_COUNTERS } from "../../../engine/telemetry/executor_counters.ts";
import { requestError } from "../../support/events.ts";
import { type RecordedOutput, recordOutput } from "../../support/recorded_outputs.ts";
import { runScript } from "../../support/run/run_script.ts";

const writer = new OutputWriter();

/** One that is known by its `emittedAt` alone, with this many tokens; an error is no number. */
function output(emittedAt: number, tokens: number, hasError = false): EncodedOutput {
  for (let tokenId = 0; tokenId < tokens; tokenId++) writer.token(1, tokenId, 1, null, null);
  if (hasError) writer.event({ requestId: 1, type: "ERROR_TRANSIENT", timestamp: 1, payload: requestError(true) });
  return writer.complete({ counters: NO_COUNTERS, emittedAt, watermark: 0 });
}

/** Both ends in one thread; what is posted waits until it is let through. */
function channel(capacity?: number, memory = createOutputRing(capacity)) {
  const posted: PostedOutput[] = [];
  const received: RecordedOutput[] = [];
  const sender = new OutputSender(memory, (message) => posted.push(message));
  const receiver = new OutputReceiver(memory, (each) => received.push(recordOutput(each)));
  return { sender, receiver, posted, received };
}

const times = (outputs: readonly RecordedOutput[]) => outputs.map(({ emittedAt }) => emittedAt);

test("OutputReceiver receives outputs in order, posted or not, and across the end of the ring", () => {
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
      const sent: RecordedOutput[] = [];
      for (const { type, tokens, hasError } of actions) {
        if (type === "send") {
          const next = output(sent.length, tokens!, hasError! && tokens! % 4 === 0);
          sent.push(recordOutput(next));
          const before = posted.length;
          sender.send(next);
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

test("OutputReceiver receives outputs when the counters pass 2^31", () => {
  const memory = createOutputRing(256);
  // Written and read: the second and the third counter.
  new Int32Array(memory).fill(2 ** 31 - 100, 1, 3);
  const { sender, receiver, posted, received } = channel(256, memory);
  for (let index = 0; index < 20; index++) {
    sender.send(output(index, 3));
    // Full when it passes them.
    if (index === 15) { for (const message of posted.splice(0)) receiver.receivePosted(message); }
    if (index > 15) receiver.drain();
  }
  receiver.close();
  assertEquals(posted, []);
  assertEquals(times(received), Array.from({ length: 20 }, (_, index) => index));
});

test("OutputSender.send() posts an output when the ring is full", () => {
  const { sender, receiver, posted, received } = channel(256);
  for (let index = 0; index < 50; index++) sender.send(output(index, 4));
  assertGreater(posted.length, 0);
  assertGreater(50, posted.length);
  // Posted messages come first here: they wait for those in the ring.
  for (const message of posted) receiver.receivePosted(message);
  receiver.close();
  assertEquals(times(received), Array.from({ length: 50 }, (_, index) => index));
});

test("OutputReceiver.drain() within a callback receives nothing, and no output twice", () => {
  const memory = createOutputRing();
  const sender = new OutputSender(memory, () => {});
  const received: number[] = [];
  const receiver = new OutputReceiver(memory, (each) => {
    receiver.drain();
    received.push(recordOutput(each).emittedAt);
  });
  for (const emittedAt of [0, 1, 2]) sender.send(output(emittedAt, 2));
  receiver.drain();
  receiver.close();
  assertEquals(received, [0, 1, 2]);
});

test("OutputReceiver reports an error of a callback to the process, and goes on with the next output", async () => {
  const { code, stdout, stderr } = await runScript(`
        import { createOutputRing, OutputReceiver, OutputSender } from "./engine/channel/output_ring.ts";
    import { OutputWriter } from "./engine/channel/step_output.ts";
    process.on("uncaughtException", ({ message }) => console.log(message));
    const [memory, writer] = [createOutputRing(), new OutputWriter()];
    const sender = new OutputSender(memory, () => {});
    for (const emittedAt of [1, 2]) sender.send(writer.complete({ emittedAt, watermark: 0, counters: null }));
    const receiver = new OutputReceiver(memory, ({ numbers }) => {
      if (numbers[0] === 1) throw new RangeError("a callback fails");
      console.log("received", numbers[0]);
    });
    receiver.drain();
    receiver.close();
  `);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "received 2\na callback fails\n", stderr: "" });
});

test("OutputReceiver wakes up by itself, and receives nothing after close()", async () => {
  const { sender, receiver, received } = channel();
  const wait = async (count: number) => {
    while (received.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  sender.send(output(1, 1));
  await wait(1);
  sender.send(output(2, 1));
  sender.send(output(3, 1));
  await wait(3);
  receiver.close();
  sender.send(output(4, 1));
  await new Promise((resolve) => setTimeout(resolve, 5));
  receiver.drain();
  assertEquals(times(received), [1, 2, 3]);
});

test("OutputReceiver receives from another thread without a posted message", { timeout: 30_000 }, async () => {
  const COUNT = 2000;
  const memory = createOutputRing(1024);
  const received: RecordedOutput[] = [];
  const all = Promise.withResolvers<void>();
  const receiver = new OutputReceiver(memory, (each) => {
    if (received.push(recordOutput(each)) === COUNT) all.resolve();
  });
  const worker = new Worker(new URL("../../support/workers/output_worker.ts", import.meta.url), {
    workerData: { memory, count: COUNT },
  });
  worker.on("message", (message: PostedOutput) => receiver.receivePosted(message));
  await all.promise;
  receiver.close();
  await worker.terminate();
  assertEquals(times(received), Array.from({ length: COUNT }, (_, index) => index));
  assertEquals(received.map(({ events }) => events.length), received.map((_, index) => index % 5));
});
