import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { Engine, UpbeatError } from "../../../mod.ts";
import { loadOnThread, TextThread } from "../../../engine/caller/text_thread.ts";
import type { TextPrompt } from "../../../engine/text/prompt_encoder.ts";
import { Tokenizer } from "../../../engine/text/tokenizer/tokenizer.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";
import { byteLevelJson, smallTokenizers } from "../../support/tokenizers/small_tokenizers.ts";

const TEXT = "once upon a time, there… été 你好 <|end|> 👩‍💻\n\n";

function prompt(text: string, changes: Partial<TextPrompt> = {}): TextPrompt {
  return {
    prompt: text,
    addSpecialTokens: true,
    allowSpecialTokens: null,
    continueFinalMessage: false,
    templateVariables: null,
    mostTokens: 1_000_000,
    ...changes,
  };
}

/** A tokenizer file of about as many bytes. */
function largeJson(bytes: number): string {
  const json = byteLevelJson();
  const model = json["model"] as { vocab: Record<string, number> };
  const vocab = { ...model.vocab };
  for (let id = Object.keys(vocab).length; id * 24 < bytes; id++) vocab[`<one more token ${id}>`] = id;
  return JSON.stringify({ ...json, added_tokens: [], model: { ...model, vocab } });
}

test("loadOnThread() compiles the tokenizer that load() does", async () => {
  await withTemporaryFolder(async (folder) => {
    writeFileSync(join(folder, "tokenizer.json"), largeJson(500_000));
    const [own, other] = [await Tokenizer.load(folder), new Tokenizer(await loadOnThread(folder, undefined))];
    assertEquals(other.encode(TEXT), own.encode(TEXT));
    assertEquals([other.vocabularySize, other.idToToken(300)], [own.vocabularySize, own.idToToken(300)]);
    assertEquals(other.tokenTable.bytesOf(270), own.tokenTable.bytesOf(270));
  });
});

test("loadOnThread() rejects with the typed error of a file that is wrong", async () => {
  await withTemporaryFolder(async (folder) => {
    assertEquals((await assertRejects(() => loadOnThread(folder, undefined), UpbeatError)).code, "TOKENIZER_MISSING");
    writeFileSync(join(folder, "tokenizer.json"), '{ "model": { "type": "Unigram" } }');
    const error = await assertRejects(() => loadOnThread(folder, undefined), UpbeatError, "Unigram");
    assertEquals(error.code, "TOKENIZER_INVALID");
  });
});

test("Engine.load() rejects soon after an abort, whatever its tokenizer does", async () => {
  await withTemporaryFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    writeFileSync(join(folder, "tokenizer.json"), largeJson(8_000_000));
    for (const delay of [0, 20, 60]) {
      const controller = new AbortController();
      let aborted = 0;
      setTimeout(() => {
        aborted = performance.now();
        controller.abort(new Error("no longer wanted"));
      }, delay);
      await assertRejects(() => Engine.load(folder, { threads: 1, signal: controller.signal }));
      assertLess(performance.now() - aborted, 5_000);
    }
  });
});

test("encode() returns the ids of the tokenizer, and errors of one prompt do not touch others", async () => {
  for (const name of ["byte-level BPE", "SentencePiece with byte fallback"]) {
    const tokenizer = smallTokenizers().get(name) as Tokenizer;
    const thread = new TextThread(tokenizer.shared);
    const texts = Array.from({ length: 5 }, (_, index) => TEXT.repeat(index * 20 + 1));
    const encodings = texts.map((text) => thread.encode(prompt(text)));
    const wrong = [prompt(TEXT.repeat(100), { mostTokens: 10 }), prompt(TEXT, { templateVariables: { f: () => {} } })];
    const errors = await Promise.all(
      wrong.map((text) => assertRejects(() => thread.encode(text).tokenIds, UpbeatError)),
    );
    assertEquals(errors.map(({ code }) => code), ["PROMPT_TOO_LONG", "PROMPT_INVALID"]);
    const ids = await Promise.all(encodings.map(({ tokenIds }) => tokenIds));
    assertEquals(ids.map((list) => [...list]), texts.map((text) => tokenizer.encode(text)));
    thread.close();
  }
});

test("cancel() ends a prompt at once, and the thread goes on with the next", async () => {
  const tokenizer = smallTokenizers().get("byte-level BPE") as Tokenizer;
  const thread = new TextThread(tokenizer.shared);
  const long = thread.encode(prompt(TEXT.repeat(40_000)));
  const next = thread.encode(prompt(TEXT));
  const start = performance.now();
  long.cancel();
  assertEquals((await assertRejects(() => long.tokenIds, UpbeatError)).code, "ENGINE_CLOSED");
  assertLess(performance.now() - start, 2_000);
  assertEquals([...await next.tokenIds], tokenizer.encode(TEXT));
  thread.close();
});
