/**
 * Warms up the caller's thread while the weights load: a runtime compiles code at its first use, which would cost the
 * first request 10 ms and more in the tokenizer, the chat template and the detokenizer.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../telemetry/clock.ts";
import { Generation } from "./generation.ts";
import { unknownRequest } from "./check_request.ts";
import { checkPrompt, type Prompt } from "./prompt.ts";
import { RequestTotals } from "../telemetry/engine_stats.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { MAX_INT32 } from "../config/checks.ts";
import { NO_TRACKING } from "../config/tracking.ts";

/** One of each kind, with letters, digits, spaces, punctuation and several words. */
const PROMPTS: readonly Prompt[] = [
  "Once upon a time, in 2026, there was…\n",
  [{ role: "user", content: "Tell me a story, please. It's 12 o'clock!" }],
];

/** Enough for the optimizing compilers. */
const ROUNDS = 8;

/**
 * Prepare prompts and play generations of them.
 *
 * @param tokenizer The model's tokenizer.
 * @param now The engine's clock.
 */
export async function warmUpCaller(tokenizer: Tokenizer, now: Clock): Promise<void> {
  const limits = { tokenizer, vocabularySize: tokenizer.vocabularySize, maxContext: MAX_INT32 };
  const failed = new Set<Prompt>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const prompt of PROMPTS) {
      if (failed.has(prompt)) continue;
      const checked = attempt(() => checkPrompt(prompt, {}, limits));
      // One that fails may have taken its time; it would fail again.
      if (checked === null || !("tokenIds" in checked)) failed.add(prompt);
      else await generate(checked.tokenIds, tokenizer, now);
      // Other work of this thread goes on between rounds, each of which takes some milliseconds.
      await setImmediate();
    }
  }
}

/** A model may have no chat template, or one that rejects the messages: then there is nothing to warm up. */
function attempt<Value>(prepare: () => Value): Value | null {
  try {
    return prepare();
  } catch {
    return null;
  }
}

/** The life of a generation that repeats its prompt. */
async function generate(promptTokenIds: Int32Array, tokenizer: Tokenizer, now: Clock): Promise<void> {
  const [requestId, timestamp, total] = [0, now(), promptTokenIds.length];
  const generation = new Generation({
    request: {
      ...unknownRequest(requestId, timestamp, NO_TRACKING),
      promptTokenIds,
      promptLength: total,
      maxTokens: total,
      stopStrings: ["\n\n"],
    },
    tokenizeMs: 0,
    tokenTable: tokenizer.tokenTable,
    streamInterval: 1,
    now,
    tap: { listener: null },
    totals: new RequestTotals(),
    onCancel: () => {},
  });
  const texts = Array.fromAsync(generation.text());
  const payload = { tokens: total, computed: total, total, cached: 0 };
  generation.onEvent({ requestId, type: "PREFILL_CHUNK", timestamp, payload });
  generation.onEvent({ requestId, type: "ADD_CONTEXT", timestamp, payload: null });
  for (const tokenId of promptTokenIds) {
    generation.onToken(tokenId, timestamp, timestamp, null, null);
    generation.notify();
  }
  generation.onFinish(timestamp, { reason: "length", stopReason: null, wastedSteps: 0 });
  generation.notify();
  await texts;
}
