import { assertEquals, assertRejects } from "@std/assert";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import type { Generation, GenerationChunk } from "../../../mod.ts";
import { NO_TRACKING } from "../../../engine/config/tracking.ts";
import { RequestTotals } from "../../../engine/telemetry/engine_stats.ts";
import { chunk, context, finish, play, type Played, token } from "../../support/played_generation.ts";
import type { OutputEvent } from "../../support/recorded_outputs.ts";

/** Any token at all, at any time. */
const next = (tokenId = 65): OutputEvent => token(103, tokenId);
const end = (reason: "stop" | "length"): OutputEvent => finish(103, reason);

/** A generation that is about to decode. */
function begun(streamInterval: number): Played {
  const played = play(NO_TRACKING, { maxTokens: 100 }, { listener: null }, new RequestTotals(), streamInterval);
  played.play(chunk(101), context(101));
  return played;
}

/** A cancel is requested before the executor answers it. */
function cancelled(played: Played): OutputEvent {
  played.generation.cancel();
  return finish(played.time, "cancelled");
}

async function lengthsAndReasons(generation: Generation): Promise<(number | string)[]> {
  const chunks: GenerationChunk[] = await Array.fromAsync(generation.chunks());
  return chunks.flatMap((
    { tokenIds, finishReason },
  ) => [tokenIds.length, ...(finishReason === null ? [] : [finishReason])]);
}

test("chunks() end at the first token, at each multiple of the interval, and at the end", async () => {
  const played = begun(4);
  for (let index = 0; index < 9; index++) played.play(next(65 + index));
  played.play(next(90), end("length"));
  assertEquals(await lengthsAndReasons(played.generation), [1, 3, 4, 2, "length"]);
});

test("chunks() do not depend on how many tokens come at once", async () => {
  const played = begun(4);
  played.play(...Array.from({ length: 9 }, (_, index) => next(65 + index)));
  played.play(next(90), end("length"));
  assertEquals(await lengthsAndReasons(played.generation), [1, 3, 4, 2, "length"]);
});

test("chunks() puts the finish reason into the chunk of the last token", async () => {
  for (
    const [tokens, interval, expected] of [[1, 1, [1, "stop"]], [4, 4, [1, 3, "stop"]], [2, 1, [1, 1, "stop"]]] as const
  ) {
    const played = begun(interval);
    for (let index = 0; index < tokens - 1; index++) played.play(next(65));
    played.play(next(66), end("stop"));
    assertEquals(await lengthsAndReasons(played.generation), [...expected]);
  }
});

test("chunks() ends with one last chunk when the generation is cancelled", async () => {
  const atBoundary = begun(4);
  for (let index = 0; index < 4; index++) atBoundary.play(next(65));
  atBoundary.play(cancelled(atBoundary));
  assertEquals(await lengthsAndReasons(atBoundary.generation), [1, 3, 0, "cancelled"]);
  const together = begun(1);
  together.play(next(65), cancelled(together));
  assertEquals(await lengthsAndReasons(together.generation), [1, 0, "cancelled"]);
  const between = begun(4);
  for (let index = 0; index < 3; index++) between.play(next(65));
  between.play(cancelled(between));
  assertEquals(await lengthsAndReasons(between.generation), [1, 2, "cancelled"]);
});

test("chunks() yields all tokens, then throws, when the generation fails", async () => {
  const played = begun(8);
  for (let index = 0; index < 3; index++) played.play(next(65));
  played.generation.fail([new UpbeatError("DEVICE_FAULT", "the device broke")]);
  const chunks: GenerationChunk[] = [];
  await assertRejects(
    async () => {
      for await (const chunk of played.generation.chunks()) chunks.push(chunk);
    },
    UpbeatError,
    "the device broke",
  );
  assertEquals(chunks.map(({ tokenIds, finishReason }) => [tokenIds.length, finishReason]), [[1, null], [2, null]]);
});

test("chunks() joined are the text and the tokens of the result", async () => {
  const played = begun(3);
  const { generation } = played;
  const live = Array.fromAsync(generation.chunks());
  for (const character of "held back until it is sure") played.play(next(character.charCodeAt(0)));
  played.play(next(33), end("stop"));
  const { text, tokenIds } = await generation.result;
  const chunks = await live;
  assertEquals(chunks.map((chunk) => chunk.text).join(""), text);
  assertEquals(chunks.flatMap((chunk) => [...chunk.tokenIds]), tokenIds);
  assertEquals(chunks, await Array.fromAsync(generation.chunks()));
  assertEquals((await Array.fromAsync(generation.text())).join(""), text);
});
