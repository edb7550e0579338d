import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Engine, type EngineOptions, UpbeatError } from "../../../mod.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { Simt, simt, SIMT_LIBRARY } from "../../support/libraries/simt_library.ts";
import { withModelFolder } from "../../support/test_engine.ts";

/** Runs with a small model and the emulated machine. */
function withMachine(use: (load: (options?: EngineOptions) => Promise<Engine>, machine: Simt) => Promise<void>) {
  return withModelFolder(async (folder) => {
    writeRandomModel(folder, { layers: 1, maxPositions: 256 });
    using machine = await Simt.take();
    const limits = { maxBatchTokens: 8, maxBatchRequests: 2, kvBlocks: 16 };
    await use((options = {}) => Engine.load(folder, { library: SIMT_LIBRARY, ...limits, ...options }), machine);
  });
}

const SHORT = { maxTokens: 3, temperature: 0, ignoreEos: true } as const;

async function tokensOf(engine: Engine): Promise<readonly number[]> {
  return (await engine.generate([4, 5, 6], SHORT).result).tokenIds;
}

/** Whether it is the error of a faulted device, or of an engine that ended because of one. */
function isFault({ code, details }: UpbeatError): boolean {
  return code === "DEVICE_FAULT" || details["failure"] === "DEVICE_FAULT";
}

simt(
  "a GPU fault fails every request with its cause, and an engine can be loaded again in the same process",
  async () => {
    await withMachine(async (load, machine) => {
      const engine = await load();
      const expected = await tokensOf(engine);
      const endless = [1, 2, 3].map((token) => engine.generate([token], { ...SHORT, maxTokens: 200 }));
      for await (const event of endless[0]!) {
        if (event.type !== "GENERATED_TOKEN") continue;
        machine.breakDevice();
        break;
      }
      for (const generation of endless.slice(1)) {
        const error = await assertRejects(() => generation.result, UpbeatError);
        assertEquals(error.code, "DEVICE_FAULT");
        assertStringIncludes(error.message, "a test has broken the device");
      }
      const late = await assertRejects(() => engine.generate([1]).result, UpbeatError);
      assert(isFault(late), `${late.code}: ${late.message}`);
      await engine.dispose();
      await using again = await load();
      assertEquals(await tokensOf(again), expected);
    });
  },
);

simt("a GPU fault ends all engines on the GPU, which works again once the last of them is closed", async () => {
  await withMachine(async (load, machine) => {
    const engines = [await load(), await load()];
    machine.breakDevice();
    for (const engine of engines) {
      const error = await assertRejects(() => tokensOf(engine), UpbeatError);
      assert(isFault(error), `${error.code}: ${error.message}`);
      await engine.dispose();
    }
    await using again = await load();
    assertEquals((await tokensOf(again)).length, 3);
  });
});

simt(
  "load() fails with DEVICE_OUT_OF_MEMORY at whichever allocation memory runs out, leaks nothing, and can be retried",
  async () => {
    await withMachine(async (load, machine) => {
      let refused = 0;
      let expected: readonly number[] | null = null;
      // The first allocations are the device's own. Of the others only every fourth is tried, as each takes a load.
      for (let number = 1; expected === null; number += number < 12 ? 1 : 4) {
        machine.refuseAllocation(number);
        const engine = await load().catch((error: unknown) => error);
        if (engine instanceof Engine) {
          // Loading makes fewer allocations than that.
          machine.refuseAllocation(0);
          expected = await tokensOf(engine);
          await engine.dispose();
        } else {
          assert(engine instanceof UpbeatError, String(engine));
          assertEquals(engine.code, "DEVICE_OUT_OF_MEMORY", `allocation ${number}: ${engine.message}`);
          refused++;
        }
      }
      assert(refused > 15, `only ${refused} were refused`);
      await using engine = await load();
      assertEquals(await tokensOf(engine), expected);
    });
  },
);
