import { assert, assertEquals, assertGreater, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { tokenOf } from "../../support/scripted/scripted_run.ts";
import type { KvBlockPool } from "../../../engine/scheduler/kv_block_pool.ts";
import type { Request } from "../../../engine/scheduler/request.ts";
import type { SamplingOptions } from "../../../engine/config/sampling_options.ts";
import { loadModel, type ModelLimits } from "../../../engine/models/model_loader.ts";
import { UpbeatError } from "../../../errors.ts";
import { openDevice } from "../../../ffi/device.ts";
import {
  ScriptedDevice,
  scriptedStream,
  scriptedTokens,
  type TokenContext,
} from "../../support/scripted/scripted_device.ts";
import {
  type ScriptedArrival,
  ScriptedEngine,
  type ScriptedEngineSetup,
  submission,
} from "../../support/scripted/scripted_engine.ts";
import { tinyConfig, tinyPlan } from "../../support/scripted/device/tiny_plan.ts";

const EXECUTIONS = ["late", "exact", "eager"] as const;

/** A deterministic pseudorandom number. */
function varied(index: number, salt: number, below: number): number {
  return ((index + 1) * 2654435761 + salt * 40503) % 4294967291 % below;
}

/** Requests with all sampling parameters; every third one shares a prefix with the others of its kind. */
const REQUESTS = Array.from({ length: 40 }, (_, index) => {
  const sampling: SamplingOptions = {
    seed: 1000 + index,
    temperature: index % 2 === 0 ? 0 : 0.9,
    frequencyPenalty: index % 3 === 1 ? 0.7 : 0,
    ...(index % 2 === 1 ? { logprobs: 2 } : {}),
    ...(index % 6 === 4 ? { logitBias: { [20 + index]: 5 } } : {}),
  };
  const prompt = Array.from({ length: 1 + varied(index, 1, 40) }, (_, position) => {
    return index % 3 === 0 ? 3 + position : varied(index, position, 4000);
  });
  return submission(index + 1, { prompt, maxTokens: 1 + varied(index, 2, 30), sampling });
});

/** Runs a script to its end and checks that nothing was violated or leaked. */
function run(script: readonly ScriptedArrival[], setup: ScriptedEngineSetup = {}): ScriptedEngine {
  const engine = new ScriptedEngine(script, setup);
  engine.run();
  engine[Symbol.dispose]();
  assertEquals(engine.violations, []);
  assertEquals(engine.pool.usedBlocks, 0);
  assertEquals(Object.values(engine.device.live), [0, 0, 0, 0, 0]);
  return engine;
}

/** Checks that every request's stream is the one computed without a device. */
function assertStreams(engine: ScriptedEngine, requests = REQUESTS): void {
  for (const { id, promptTokenIds, sampling, maxTokens } of requests) {
    const tokens = engine.events(id).flatMap((event) => (event.type === "GENERATED_TOKEN" ? [tokenOf(event)] : []));
    assertEquals(tokens, scriptedStream(promptTokenIds, sampling, maxTokens), `request ${id}`);
    assertEquals(engine.finishReason(id), "length");
  }
}

test("every request gets its stream in full batches with chunked prefill", () => {
  const script = REQUESTS.map((message, index) => ({ at: index * 0.5, message }));
  for (const execution of EXECUTIONS) {
    const engine = run(script, {
      device: { execution, durations: { forward: ({ tokens }) => 500 + 50 * tokens, sampling: 100, copy: 10 } },
      layers: 2,
    });
    assertStreams(engine);
    assert(engine.device.accounting.forwards.some(({ isPrefill, tokens }) => isPrefill && tokens === 16));
  }
});

test("streams do not depend on the extent of the checks", () => {
  assertStreams(run(REQUESTS.map((message) => ({ at: 0, message })), { device: { checks: "latest" }, layers: 2 }));
});

test("every request gets its stream with a prefix cache", () => {
  const engine = run(REQUESTS.map((message, index) => ({ at: index, message })), {
    device: { durations: { forward: 1000 } },
    prefixCache: true,
  });
  assertStreams(engine);
  assertGreater(engine.counters.prefixHitTokens, 0);
});

test("every request gets its stream when a small pool forces preemption", () => {
  for (const prefixCache of [false, true]) {
    const engine = run(REQUESTS.map((message) => ({ at: 0, message })), {
      blocks: 19,
      maxBatchRequests: 8,
      prefixCache,
    });
    assertStreams(engine);
    assertGreater(engine.counters.evictions, 0);
  }
});

test("the script chooses the sampled tokens", () => {
  const eos = 7;
  const script = ({ outputTokens, proposed }: TokenContext) => {
    return outputTokens.length === 3 ? eos : proposed;
  };
  const message = submission(1, { maxTokens: 9, eosTokenIds: [eos] });
  const engine = run([{ at: 0, message }], { device: { script } });
  assertEquals(engine.tokens(1), scriptedTokens(message.promptTokenIds, message.sampling, 4, { script }));
  assertEquals([engine.tokens(1).at(-1), engine.finishReason(1)], [eos, "stop"]);
});

test("time is the device's durations and the host's costs", () => {
  const engine = run([{ at: 2, message: submission(1, { maxTokens: 3 }) }], {
    device: {
      durations: { forward: ({ isPrefill }) => (isPrefill ? 12_000 : 3000), sampling: 100, copy: 10 },
      costs: { upbeat_sample: 400 },
    },
    sendCost: 50,
    overlap: false,
  });
  // A step is two copies, the forward pass and sampling, whose dispatch overlaps the forward pass.
  const times = engine.events(1).flatMap(({ type, timestamp }) => (type === "GENERATED_TOKEN" ? [timestamp] : []));
  assertEquals(times.map((time) => time.toFixed(3)), ["14.130", "17.300", "20.470"]);
  // The first output is sent when the step has been launched.
  assertEquals(engine.outputs.slice(0, 2).map(({ receivedAt }) => receivedAt.toFixed(3)), ["2.450", "14.180"]);
  assertEquals(engine.device.accounting.forwards.map(({ tokens }) => tokens), [5, 1, 1]);
  // The plain loop leaves the device idle while it emits tokens.
  assertEquals(engine.device.accounting.gaps.filter(({ from }) => from > 2).length, 2);
});

test("messages arrive at their times, or in reply to an output", () => {
  const engine = run([
    { at: 0, message: submission(1, { maxTokens: 50 }) },
    { at: 10.5, message: { type: "cancel", id: 1 } },
    { at: 100, message: submission(2, { maxTokens: 50 }) },
  ], {
    device: { durations: { forward: 1000 } },
    overlap: false,
    onOutput: ({ events }) => {
      const isSecond = events.some(({ requestId, type }) => requestId === 2 && type === "GENERATED_TOKEN");
      return isSecond ? [{ type: "cancel", id: 2 }] : [];
    },
  });
  assertEquals([engine.tokens(1).length, engine.finishReason(1)], [11, "cancelled"]);
  assertEquals([engine.tokens(2).length, engine.finishReason(2)], [1, "cancelled"]);
});

test("messages arrive after their number of launched forward passes", () => {
  const engine = run([
    { at: 0, message: submission(1, { maxTokens: 50 }) },
    { forwards: 3, message: submission(2, { maxTokens: 50 }) },
    { forwards: 3, message: { type: "cancel", id: 1 } },
    { forwards: 1000, message: { type: "cancel", id: 2 } },
  ]);
  assertEquals([engine.tokens(1).length, engine.finishReason(1)], [3, "cancelled"]);
  assertEquals([engine.tokens(2).length, engine.finishReason(2)], [50, "length"]);
});

test("a fault, a stall or an error of the n-th forward pass fails the live request with its code", () => {
  for (
    const [kind, code] of [["fault", "DEVICE_FAULT"], ["stall", "DEVICE_STALLED"], ["error", "DEVICE_FAULT"]] as const
  ) {
    using engine = new ScriptedEngine([{ at: 0, message: submission(1, { maxTokens: 9 }) }], {
      device: { failures: [{ at: "forward", call: 3, kind }] },
      stallTimeout: 500,
      overlap: false,
    });
    assertEquals(assertThrows(() => engine.run(), UpbeatError).code, code);
    assertEquals([engine.tokens(1).length, engine.events(1).at(-1)?.type], [2, "ERROR_NONTRANSIENT"]);
    if (kind === "stall") assertEquals(engine.device.now(), 500);
  }
});

/** Runs a request and corrupts the engine's state between its second and third token. */
function runCorrupted(corrupt: (engine: ScriptedEngine) => void): ScriptedEngine {
  let outputs = 0;
  const engine: ScriptedEngine = new ScriptedEngine([{ at: 0, message: submission(1, { prompt: 9, maxTokens: 6 }) }], {
    overlap: false,
    onOutput: ({ events }) => {
      // With its second token.
      const hasToken = events.some(({ type }) => type === "GENERATED_TOKEN");
      if (hasToken && ++outputs === 2) corrupt(engine);
    },
  });
  engine.run();
  return engine;
}

/** Replaces a request's first block, as an engine with corrupt block lists would. */
function replaceFirstBlock({ blocks }: Request, block: number, pool: KvBlockPool): void {
  pool.release([blocks[0]!]);
  blocks[0] = block;
}

test("a block of no request is a violation, and changes the tokens", () => {
  const { promptTokenIds, sampling } = submission(1, { prompt: 9 });
  const expected = scriptedTokens(promptTokenIds, sampling, 6);
  const unwritten = runCorrupted(({ scheduler, pool }) => {
    replaceFirstBlock(scheduler.admitted[0]!, pool.allocate(1)[0]!, pool);
  });
  assertMatch(unwritten.violations[0]!, /request 0 of 11 tokens reads position 0 .* was never written/);
  assertEquals(unwritten.tokens(1).slice(0, 2), expected.slice(0, 2));
  assertNotEquals(unwritten.tokens(1)[2], expected[2]);

  const swapped = runCorrupted(({ scheduler }) => {
    scheduler.admitted[0]!.blocks.reverse();
  });
  assertMatch(swapped.violations[0]!, /reads position 0 .* has a token of position 8/);
});

test("a block of another sequence at the same positions is a violation", () => {
  const script = [1, 2].map((id) => ({ at: 0, message: submission(id, { prompt: 7, maxTokens: 6 }) }));
  let outputs = 0;
  const engine: ScriptedEngine = new ScriptedEngine(script, {
    onOutput: () => {
      const [first, second] = engine.scheduler.admitted;
      if (++outputs !== 2) return;
      engine.pool.share(second!.blocks[0]!);
      replaceFirstBlock(first!, second!.blocks[0]!, engine.pool);
    },
  });
  engine.run();
  assertMatch(
    engine.violations[0]!,
    /reads position 4 from slot \d+, which was computed after other tokens/,
  );
});

test("a token table that differs from what attention read is a violation", () => {
  const engine = runCorrupted(({ scheduler, runner }) => {
    const request = scheduler.admitted[0]!;
    request.promptTokenIds[2]!++;
    runner.admit(request);
  });
  assertMatch(engine.violations[0]!, /the token table has another one of 11 tokens/);
});

test("a failure is injected into work of a graph", () => {
  using engine = new ScriptedEngine([{ at: 0, message: submission(1, { maxTokens: 9 }) }], {
    // Call 4 is the second launch of the graph, after the prefill, the capture and the first launch.
    device: { failures: [{ at: "upbeat_attention", call: 4, kind: "fault" }] },
  });
  assertEquals(assertThrows(() => engine.run(), UpbeatError).code, "DEVICE_FAULT");
  assertEquals(engine.tokens(1).length, 2);
});

test("padding rows write nothing and get no token", () => {
  const scripted = new ScriptedDevice();
  using device = openDevice({ library: scripted.library });
  const stream = device.createStream();
  const { symbols } = device;
  /** Device memory with the given values. */
  const upload = (...values: number[]) => {
    const host = device.allocateHost(values.length * 4);
    new Int32Array(host.view).set(values);
    const memory = device.allocate(values.length * 4);
    device.check(symbols.upbeat_copy_to_device(stream, memory.pointer, host.pointer, values.length * 4));
    return memory;
  };
  const pointerTo = (...values: number[]) => upload(...values).pointer;
  const config = tinyConfig(2);
  // A prompt of one token in the first row, and padding in the second one.
  // A write to a negative index would change the element before the table.
  const tableMemory = upload(-7, 77, 0, 0, 0);
  const table = tableMemory.at(4);
  const tokens = pointerTo(0, 0);
  const inputs = {
    tokens,
    positions: pointerTo(0, 0),
    slotMapping: pointerTo(8, -1),
    queryStarts: pointerTo(0, 1, 2),
    sequenceLengths: pointerTo(1, 0),
    blockTables: pointerTo(2, 0, 2, 0),
    logitRows: pointerTo(0, -1),
    maxBlocks: 2,
  };
  const limits: ModelLimits = {
    maxBatchTokens: 2,
    maxBatchRequests: 2,
    maxContext: 8,
    kvBlocks: 4,
    blockSize: 4,
    kvDtype: "F32",
    activations: "auto",
  };
  const model = loadModel(device, stream, tinyPlan(config), limits, inputs, () => {});
  const floats = pointerTo(...new Array<number>(16).fill(0));
  // POSITION, HISTORY_START, HISTORY_LENGTH and PROMPT_LENGTH of the first row.
  const ints = pointerTo(1, 0, 0, 0, 1, 0, 1, 1, -1, 0, 0, 0, ...new Array<number>(12).fill(0));
  const sampled = pointerTo(5, 5);
  const result = device.allocateHost(32);

  device.check(symbols.upbeat_gather_tokens(stream, table, pointerTo(0, -1), 2, 4, tokens));
  model.forward(2, 2, 2);
  device.check(symbols.upbeat_sample(
    stream,
    model.logits,
    2,
    config.vocabularySize,
    floats,
    ints,
    table,
    null,
    null,
    0,
    sampled,
    null,
    null,
  ));
  device.check(symbols.upbeat_scatter_tokens(stream, sampled, pointerTo(1, -1), 2, 4, table));
  device.check(symbols.upbeat_copy_to_host(stream, result.pointer, tableMemory.pointer, 20));
  device.check(symbols.upbeat_copy_to_host(stream, result.at(20), sampled, 8));
  device.synchronize(stream);
  const [before, first, second, third, fourth, token, padding] = new Int32Array(result.view);
  assertEquals(scripted.violations, []);
  assertEquals([before, first, third, fourth, padding], [-7, 77, 0, 0, -1]);
  assertEquals(second, token);
});
