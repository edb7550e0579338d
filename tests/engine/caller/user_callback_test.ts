import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { test } from "node:test";
import { callbackError, guardCallback, warnOnce } from "../../../engine/caller/user_callback.ts";
import { Engine, type EngineOptions, UpbeatError } from "../../../mod.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { runScript } from "../../support/run/run_script.ts";
import { withModelFolder, withRandomEngine } from "../../support/test_engine.ts";

test("guardCallback() passes values on, and errors and rejections to onError", async () => {
  assertEquals(guardCallback(null, () => {}), null);
  const [values, errors]: [unknown[], unknown[]] = [[], []];
  const guarded = guardCallback((value: unknown) => {
    values.push(value);
    if (value === "throw") throw new Error("thrown");
    return value === "reject" ? Promise.reject(new Error("rejected")) : Promise.resolve();
  }, (error) => errors.push(error))!;
  for (const value of [1, "throw", "reject", 2]) guarded(value);
  await Promise.resolve();
  await Promise.resolve();
  assertEquals(values, [1, "throw", "reject", 2]);
  assertEquals(errors.map((error) => (error as Error).message), ["thrown", "rejected"]);
});

test("callbackError() describes anything that is thrown", () => {
  assertEquals(callbackError("onProgress", new TypeError("no")).message, "onProgress threw TypeError: no");
  assertEquals(callbackError("onProgress", "text").message, 'onProgress threw "text"');
  assert(callbackError("onProgress", new Error("x".repeat(1e7))).message.length <= 2000);
});

test("warnOnce() accepts anything that is thrown", () => {
  const warn = warnOnce("onStep");
  for (const thrown of [undefined, null, Symbol("x")]) warn(thrown);
});

test("Engine.load() rejects with the error of onProgress, thrown or rejected", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder);
    const cause = new RangeError("not today");
    const callbacks: EngineOptions["onProgress"][] = [
      () => {
        throw cause;
      },
      () => Promise.reject(cause) as unknown as undefined,
      ({ loadedBytes, totalBytes }) => {
        if (loadedBytes === totalBytes) throw cause;
      },
    ];
    for (const onProgress of callbacks) {
      const error = await assertRejects(() => Engine.load(folder, { onProgress }), UpbeatError);
      assertEquals([error.code, error.cause], ["INVALID_PARAMETER", cause]);
      assertStringIncludes(error.message, "onProgress threw RangeError: not today");
    }
  });
});

test("an engine generates the same whether onStep throws or not", async () => {
  const run = (options: EngineOptions) =>
    withRandomEngine({}, options, async (engine) => {
      const generations = [1, 2, 3].map((seed) => engine.generate([5, 6], { maxTokens: 20, temperature: 1, seed }));
      const results = await Promise.all(generations.map(({ result }) => result));
      return results.map(({ tokenIds, finishReason }) => ({ tokenIds, finishReason }));
    });
  const fail = () => {
    throw new Error("thrown by a test");
  };
  assertEquals(await run({ onStep: fail }), await run({}));
  assertEquals(await run({ onStep: () => Promise.reject(new Error("rejected by a test")) as never }), await run({}));
});

test("a process whose onStep and onLog throw goes on, with one warning", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder);
    const { code, stdout, stderr } = await runScript(`
      import { Engine } from "./mod.ts";
      const fail = () => { throw new Error("thrown by a test"); };
      const engine = await Engine.load(${JSON.stringify(folder)}, { onStep: fail, onLog: fail });
      const { tokenIds } = await engine.generate([5, 6], { maxTokens: 5, ignoreEos: true }).result;
      await engine.dispose();
      console.log(tokenIds.length);
    `);
    assertEquals([code, stdout], [0, "5\n"]);
    assertEquals(stderr.split("onStep threw Error: thrown by a test").length, 2, stderr);
    assertStringIncludes(stderr, "engine: dispose");
  });
});
