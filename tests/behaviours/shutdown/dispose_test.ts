import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { test } from "node:test";
import { Engine, UpbeatError } from "../../../mod.ts";
import {
  codeOf,
  consumeAll,
  count,
  ENDLESS,
  faulty,
  firstToken,
  IDLE,
  occupancy,
  only,
  points,
  withFaultyLibrary,
} from "../../support/libraries/faulty_engine.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { runScript } from "../../support/run/run_script.ts";
import { withModelFolder } from "../../support/test_engine.ts";

faulty(
  "dispose() of an idle engine closes the device once, after synchronizing it and releasing its graphs",
  async () => {
    await withFaultyLibrary(async (place) => {
      const engine = await place.load();
      await engine.generate([1, 2], { maxTokens: 4, ignoreEos: true }).result;
      const before = place.library.calls.length;
      await Promise.all([engine.dispose(), engine.dispose({ drain: true }), engine[Symbol.asyncDispose]()]);
      const calls = place.library.calls.slice(before);
      assertEquals(calls.at(0), "synchronize");
      assertEquals(calls.at(-1), "close");
      assertGreater(count(calls, "graph destroy"), 0);
      assertEquals([count(place.library.calls, "open"), count(place.library.calls, "close")], [1, 1]);
      assertEquals(await codeOf(engine.generate([1]).result), "ENGINE_CLOSED");
      assertEquals(occupancy(engine), IDLE);
      await engine.dispose();
    });
  },
);

faulty(
  "load() stops at the next layer when it is aborted, closes the device, and rejects with the reason",
  async () => {
    await withFaultyLibrary(async (place) => {
      const { library } = place;
      library.mode = "hold load";
      const controller = new AbortController();
      const loading = place.load({ signal: controller.signal });
      await library.until("hold load");
      controller.abort(new Error("the user left"));
      while (!points(place, "caller").includes("thread: shutdown message posted")) await null;
      library.mode = "run";
      const error = await assertRejects(() => loading, UpbeatError, "was aborted: the user left");
      assertEquals([error.code, error.details["reason"]], ["ENGINE_CLOSED", "the user left"]);
      // Only the embedding was loaded.
      assertEquals([count(library.calls, "load"), count(library.calls, "close")], [1, 1]);
      assertEquals(only(place, "thread: shutdown message posted")["loading"], true);
      assertEquals(only(place, "worker: loading ended")["error"], "ENGINE_CLOSED");
      assertEquals(points(place, "executor").slice(-2), ["worker: device closed", "worker: exit"]);
      assertEquals(points(place, "caller").at(-1), "thread: worker exit seen");
    });
  },
);

faulty("load() starts nothing when its signal is already aborted, and a loaded engine ignores the signal", async () => {
  await withFaultyLibrary(async (place) => {
    const error = await assertRejects(
      () => place.load({ signal: AbortSignal.abort("no") }),
      UpbeatError,
      "aborted: no",
    );
    assertEquals([error.code, place.entries.length, place.library.calls.length], ["ENGINE_CLOSED", 0, 0]);
    const controller = new AbortController();
    await using engine = await place.load({ signal: controller.signal });
    controller.abort();
    assertEquals((await engine.generate([1], { maxTokens: 2, ignoreEos: true }).result).finishReason, "length");
  });
});

faulty("dispose() during a prefill cancels the request after the running chunk", async () => {
  await withFaultyLibrary(async (place) => {
    const engine = await place.load({ maxBatchTokens: 8 });
    place.library.mode = "hold step";
    const generation = engine.generate(new Array(200).fill(3), ENDLESS);
    const waiting = engine.generate(new Array(200).fill(4), ENDLESS);
    const ends = [...consumeAll(engine, generation), ...consumeAll(engine, waiting)];
    await place.library.until("hold step");
    const disposal = engine.dispose();
    assertEquals(await codeOf(engine.generate([1]).result), "ENGINE_CLOSED");
    place.library.mode = "run";
    await disposal;
    await Promise.all(ends);
    for (const { finishReason, tokenIds } of [await generation.result, await waiting.result]) {
      assertEquals([finishReason, tokenIds], ["cancelled", []]);
    }
    assertEquals(only(place, "worker: loop exit")["error"], null);
    assertEquals(occupancy(engine), IDLE);
  });
});

test("dispose() during a decode keeps the tokens generated so far and ends all iterators and promises", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const engine = await Engine.load(folder, { trackDetailEvents: true });
    const generation = engine.generate([1], ENDLESS);
    const ends = consumeAll(engine, generation);
    await firstToken(generation);
    await engine.dispose();
    await Promise.all(ends);
    const { finishReason, tokenIds, record } = await generation.result;
    assertEquals(finishReason, "cancelled");
    assert(tokenIds.length >= 1 && tokenIds.length < ENDLESS.maxTokens);
    const cancel = record.segments.at(-1)!.events.find((event) => event?.type === "CANCEL");
    assertEquals(cancel?.payload, { reason: "shutdown" });
    assertEquals(occupancy(engine), IDLE);
  });
});

faulty("dispose() with drain finishes running and waiting requests, and accepts no new ones", async () => {
  await withFaultyLibrary(async (place) => {
    const engine = await place.load({ maxBatchRequests: 1 });
    place.library.mode = "hold step";
    const generations = [1, 2, 3].map((token) => engine.generate([token], { maxTokens: 5, ignoreEos: true }));
    await place.library.until("hold step");
    const disposal = engine.dispose({ drain: true });
    assertEquals(disposal, engine.dispose({ drain: true }));
    assertEquals(await codeOf(engine.generate([1]).result), "ENGINE_CLOSED");
    place.library.mode = "run";
    await disposal;
    for (const generation of generations) {
      const { finishReason, tokenIds } = await generation.result;
      assertEquals([finishReason, tokenIds.length], ["length", 5]);
    }
    assertEquals(only(place, "thread: shutdown message posted")["drain"], true);
  });
});

for (const [what, cut] of [["at its deadline", false], ["when dispose() is called without drain", true]] as const) {
  faulty(`dispose() with drain cancels running requests ${what}, with reason shutdown`, async () => {
    await withFaultyLibrary(async (place) => {
      const engine = await place.load({ trackDetailEvents: true });
      const generation = engine.generate([1], ENDLESS);
      await firstToken(generation);
      place.library.mode = "hold step";
      await place.library.until("hold step");
      const disposal = engine.dispose({ drain: true, ...(cut ? {} : { timeout: 0 }) });
      if (cut) assertEquals(engine.dispose(), disposal);
      place.library.mode = "run";
      await disposal;
      const { finishReason, tokenIds, record } = await generation.result;
      assertEquals(finishReason, "cancelled");
      assert(tokenIds.length < ENDLESS.maxTokens);
      const types = record.segments.at(-1)!.events.flatMap((event) => (event === null ? [] : [event.type]));
      assertEquals(types.slice(-2), ["CANCEL", "FINISH"]);
      const cancel = record.segments.at(-1)!.events.find((event) => event?.type === "CANCEL");
      assertEquals(cancel?.payload, { reason: "shutdown" });
      assertEquals(only(place, "engine: dispose exit").thread, "caller");
    });
  });
}

test("dispose() rejects an invalid timeout, and the engine keeps running", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    await using engine = await Engine.load(folder);
    for (const timeout of [NaN, -1, 1.5, Infinity]) {
      assertEquals(await codeOf(engine.dispose({ drain: true, timeout })), "INVALID_PARAMETER");
    }
    assertEquals((await engine.generate([1], { maxTokens: 2, ignoreEos: true }).result).tokenIds.length, 2);
  });
});

// ---- The process -----------------------------------------------------------------------------------------------------

const LOAD = (folder: string) => `
  import { Engine } from "./mod.ts";
  const engine = await Engine.load(${JSON.stringify(folder)});
`;

test("a process does not exit before a disposal completes, and does not wait for an engine that is never disposed", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const scripts = {
      disposed: `engine.dispose().then(() => console.log("disposed"));`,
      drained: `
        const { result } = engine.generate([1], { maxTokens: 50, ignoreEos: true });
        result.then(({ finishReason }) => console.log(finishReason));
        engine.dispose({ drain: true }).then(() => console.log("disposed"));
      `,
      used: `await engine.generate([1], { maxTokens: 2, ignoreEos: true }).result; console.log("end");`,
      idle: `console.log("end");`,
    };
    const outputs = Object.values(scripts).map(async (script) => {
      const { code, stdout, stderr } = await runScript(LOAD(folder) + script);
      return [code, stdout, stderr];
    });
    assertEquals(await Promise.all(outputs), [
      [0, "disposed\n", ""],
      [0, "length\ndisposed\n", ""],
      [0, "end\n", ""],
      [0, "end\n", ""],
    ]);
  });
});

faulty("repeated loading leaves no device open, wherever loading is aborted", async () => {
  await withFaultyLibrary(async (place) => {
    const { library } = place;
    for (let round = 0; round < 6; round++) {
      const controller = new AbortController();
      let layers = 0;
      const onProgress = () => {
        if (layers++ === round) controller.abort();
      };
      const engine = await place.load({ signal: controller.signal, onProgress }).catch((error) => error);
      if (engine instanceof Engine) await engine.dispose();
      else assertEquals((engine as UpbeatError).code, "ENGINE_CLOSED");
      // An aborted load closes its device in the background.
      const isOpen = () => count(library.calls, "open") !== count(library.calls, "close");
      for (let waits = 0; waits < 400 && isOpen(); waits++) await new Promise((resolve) => setTimeout(resolve, 25));
      assertEquals(count(library.calls, "open"), count(library.calls, "close"));
    }
    assertGreater(count(library.calls, "close"), 0);
  });
});
