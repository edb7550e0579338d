import { assert, assertEquals, assertThrows } from "@std/assert";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { StepRunner } from "../../../engine/runner/step_runner.ts";
import { NvtxRunner } from "../../../engine/runner/nvtx_runner.ts";
import { openDevice } from "../../../ffi/device.ts";
import { GPU_LIBRARIES } from "../../support/libraries/gpu_libraries.ts";

/** Records calls and ranges. */
function recorder() {
  const emitted: string[] = [];
  const range = <Result>(name: string, body: () => Result): Result => {
    emitted.push(`+${name}`);
    try {
      return body();
    } finally {
      emitted.push("-");
    }
  };
  return { emitted, range };
}

test("NvtxRunner calls its runner within ranges", () => {
  const { emitted, range } = recorder();
  const calls: unknown[] = [];
  const results = {} as ReturnType<StepRunner["launchSampling"]>;
  const runner: StepRunner = {
    deviceTimes: null,
    admit: (request) => calls.push(["admit", request]),
    launchForward: (step) => calls.push(["forward", step]),
    launchSampling: (step) => (calls.push(["sampling", step]), results),
    haveArrived: () => true,
    waitForResults: (given) => calls.push(["wait", given]),
  };
  const ranged = new NvtxRunner(runner, { range });
  const request = {} as Parameters<StepRunner["admit"]>[0];
  const [decode, prefill] = [{ tokens: 3, samplingRequests: 3 }, {
    tokens: 70,
    samplingRequests: 1,
  }] as unknown as Parameters<StepRunner["launchForward"]>[0][];
  ranged.admit(request);
  ranged.launchForward(decode!);
  ranged.launchForward(prefill!);
  assert(ranged.launchSampling(prefill!) === results);
  assert(ranged.haveArrived(results));
  ranged.waitForResults(results);
  assertEquals(calls, [["admit", request], ["forward", decode], ["forward", prefill], ["sampling", prefill], [
    "wait",
    results,
  ]]);
  assertEquals(emitted, [
    "+admit",
    "-",
    "+launch forward: decode 3",
    "-",
    "+launch forward: prefill 70",
    "-",
    "+launch sampling",
    "-",
    "+wait for results",
    "-",
  ]);
});

const LIBRARIES = [{ title: "CPU", path: undefined, missing: null }, ...GPU_LIBRARIES];
for (const { title, path, missing } of LIBRARIES) {
  const name = `Device.range() returns what its body returns, and ends when it throws [${title}]`;
  if (missing !== null) {
    test.skip(`${name}: ${missing}`, () => {});
    continue;
  }
  test(name, () => {
    using device = openDevice(path === undefined ? { threads: 1 } : { libraryPath: path });
    assertEquals(device.range("outer", () => device.range("inner", () => 7)), 7);
    assertThrows(() => device.range("throws", () => assert(false, "this one")), Error, "this one");
    assertEquals(device.range("after", () => 8), 8);
    assertThrows(() => device.range("a\0b", () => 9), Error, "NUL");
  });
}

test("UPBEAT_NVTX=1 emits ranges and changes nothing else", () => {
  const code = `
    import { Engine } from "${new URL("../../../mod.ts", import.meta.url).href}";
    await using engine = await Engine.load(${
    JSON.stringify(fileURLToPath(new URL("../../../bench/gpu/shapes/tiny", import.meta.url)))
  }, { weights: "dummy", threads: 1, maxContext: 64 });
    const { tokenIds } = await engine.generate([1, 2, 3], { maxTokens: 6, temperature: 0, ignoreEos: true }).result;
    console.log(JSON.stringify([...tokenIds]));`;
  const command = "Bun" in globalThis ? ["-e", code] : ["eval", "--ext=ts", code];
  const run = (nvtx: string) => {
    const env = { ...process.env, UPBEAT_NVTX: nvtx };
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8", env });
    assertEquals(status, 0, stderr);
    return JSON.parse(stdout) as number[];
  };
  const tokens = run("1");
  assertEquals(tokens.length, 6);
  assertEquals(tokens, run("0"));
});
