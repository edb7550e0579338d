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
  type ScriptedEngineSetUp,
  submission,
} from "../../support/scripted/scripted_engine.ts";
import { tinyConfig, tinyPlan } from "../../support/scripted/device/tiny_plan.ts";

const EXECUTIONS = ["late", "exact", "eager"] as const;

/** Deterministic variety. */
function varied(index: number, salt: number, below: number): number {
  return ((index + 1) * 2654435761 + salt * 40503) % 4294967291 % below;
}

/** Requests with every part of sampling among them; every third begins like the others of its family. */
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

/** Run to the end, and check what must hold whatever was run. */
function run(script: readonly ScriptedArrival[], setUp: ScriptedEngineSetUp = {}): ScriptedEngine {
  const engine = new ScriptedEngine(script, setUp);
  engine.run();
  engine[Symbol.dispose]();
  assertEquals(engine.violations, []);
  assertEquals(engine.pool.usedBlocks, 0);
  assertEquals(Object.values(engine.device.live), [0, 0, 0, 0, 0]);
  return engine;
}

/** Every request's stream must be the one computed without a device. */
function assertStreams(engine: ScriptedEngine, requests = REQUESTS): void {
  for (const { id, promptTokenIds, sampling, maxTokens } of requests) {
    const tokens = engine.events(id).flatMap((event) => (event.type === "GENERATED_TOKEN" ? [tokenOf(event)] : []));
    assertEquals(tokens, scriptedStream(promptTokenIds, sampling, maxTokens), `request ${id}`);
    assertEquals(engine.finishReason(id), "length");
  }
}

test("the executor gives every request its stream in crowded batches with chunked prefill", () => {
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

test("streams do not depend on how much of them is checked", () => {
  assertStreams(run(REQUESTS.map((message) => ({ at: 0, message })), { device: { checks: "latest" }, layers: 2 }));
});

test("the executor gives every request its stream with a prefix cache", () => {
  const engine = run(REQUESTS.map((message, index) => ({ at: index, message })), {
    device: { durations: { forward: 1000 } },
    prefixCache: true,
  });
  assertStreams(engine);
  assertGreater(engine.counters.prefixHitTokens, 0);
});

test("the executor gives every request its stream when a small pool makes it evict", () => {
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

test("the script decides which token comes out", () => {
  const eos = 7;
  const script = ({ outputTokens, proposed }: TokenContext) => {
    return outputTokens.length === 3 ? eos : proposed;
  };
  const message = submission(1, { maxTokens: 9, eosTokenIds: [eos] });
  const engine = run([{ at: 0, message }], { device: { script } });
  assertEquals(engine.tokens(1), scriptedTokens(message.promptTokenIds, message.sampling, 4, { script }));
  assertEquals([engine.tokens(1).at(-1), engine.finishReason(1)], [eos, "stop"]);
});

test("time is what the device takes and what the host costs", () => {
  const engine = run([{ at: 2, message: submission(1, { maxTokens: 3 }) }], {
    device: {
      durations: { forward: ({ isPrefill }) => (isPrefill ? 12_000 : 3000), sampling: 100, copy: 10 },
      costs: { upbeat_sample: 400 },
    },
    sendCost: 50,
    overlap: false,
  });
  // A step is two copies, the forward pass, and sampling, whose dispatch hides behind the forward pass.
  const times = engine.events(1).flatMap(({ type, timestamp }) => (type === "GENERATED_TOKEN" ? [timestamp] : []));
  assertEquals(times.map((time) => time.toFixed(3)), ["14.130", "17.300", "20.470"]);
  // The first delivery tells that the step has begun.
  assertEquals(engine.outputs.slice(0, 2).map(({ receivedAt }) => receivedAt.toFixed(3)), ["2.450", "14.180"]);
  assertEquals(engine.device.accounting.forwards.map(({ tokens }) => tokens), [5, 1, 1]);
  // The plain loop leaves the device alone while it hands tokens over.
  assertEquals(engine.device.accounting.gaps.filter(({ from }) => from > 2).length, 2);
});

test("messages arrive at their time, or in answer to what was handed over", () => {
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

test("messages arrive once so many forward passes were launched", () => {
  const engine = run([
    { at: 0, message: submission(1, { maxTokens: 50 }) },
    { forwards: 3, message: submission(2, { maxTokens: 50 }) },
    { forwards: 3, message: { type: "cancel", id: 1 } },
    { forwards: 1000, message: { type: "cancel", id: 2 } },
  ]);
  assertEquals([engine.tokens(1).length, engine.finishReason(1)], [3, "cancelled"]);
  assertEquals([engine.tokens(2).length, engine.finishReason(2)], [50, "length"]);
});

test("a fault in the n-th forward pass fails what runs, a stalled one is told as such", () => {
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

/** Run a request that something is done to between its second and third token. */
function runBroken(breakIt: (engine: ScriptedEngine) => void): ScriptedEngine {
  let outputs = 0;
  const engine: ScriptedEngine = new ScriptedEngine([{ at: 0, message: submission(1, { prompt: 9, maxTokens: 6 }) }], {
    overlap: false,
    onOutput: ({ events }) => {
      // With its second token.
      const hasToken = events.some(({ type }) => type === "GENERATED_TOKEN");
      if (hasToken && ++outputs === 2) breakIt(engine);
    },
  });
  engine.run();
  return engine;
}

/** As an engine would do that has lost track of its blocks. */
function exchangeFirstBlock({ blocks }: Request, block: number, pool: KvBlockPool): void {
  pool.release([blocks[0]!]);
  blocks[0] = block;
}

test("a block that is not the request's own is told, and changes the tokens", () => {
  const { promptTokenIds, sampling } = submission(1, { prompt: 9 });
  const expected = scriptedTokens(promptTokenIds, sampling, 6);
  const unwritten = runBroken(({ scheduler, pool }) => {
    exchangeFirstBlock(scheduler.admitted[0]!, pool.allocate(1)[0]!, pool);
  });
  assertMatch(unwritten.violations[0]!, /request 0 of 11 tokens reads position 0 .* was never written/);
  assertEquals(unwritten.tokens(1).slice(0, 2), expected.slice(0, 2));
  assertNotEquals(unwritten.tokens(1)[2], expected[2]);

  const swapped = runBroken(({ scheduler }) => {
    scheduler.admitted[0]!.blocks.reverse();
  });
  assertMatch(swapped.violations[0]!, /reads position 0 .* holds a token of position 8/);
});

test("a block of another sequence at the same positions is told", () => {
  const script = [1, 2].map((id) => ({ at: 0, message: submission(id, { prompt: 7, maxTokens: 6 }) }));
  let outputs = 0;
  const engine: ScriptedEngine = new ScriptedEngine(script, {
    onOutput: () => {
      const [first, second] = engine.scheduler.admitted;
      if (++outputs !== 2) return;
      engine.pool.share(second!.blocks[0]!);
      exchangeFirstBlock(first!, second!.blocks[0]!, engine.pool);
    },
  });
  engine.run();
  assertMatch(
    engine.violations[0]!,
    /reads position 4 from slot \d+, which was computed behind other tokens than it reads/,
  );
});

test("a token table that is not what attention saw is told", () => {
  const engine = runBroken(({ scheduler, runner }) => {
    const request = scheduler.admitted[0]!;
    request.promptTokenIds[2]!++;
    runner.admit(request);
  });
  assertMatch(engine.violations[0]!, /the token table holds another one of 11 tokens/);
});

test("a failure strikes work that is in a graph", () => {
  using engine = new ScriptedEngine([{ at: 0, message: submission(1, { maxTokens: 9 }) }], {
    // The call that computes the prompt, the one that is captured, and the second launch of the graph.
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
  /** Device memory with numbers in it. */
  const upload = (...values: number[]) => {
    const host = device.allocateHost(values.length * 4);
    new Int32Array(host.view).set(values);
    const memory = device.allocate(values.length * 4);
    device.check(symbols.upbeat_copy_to_device(stream, memory.pointer, host.pointer, values.length * 4));
    return memory;
  };
  const place = (...values: number[]) => upload(...values).pointer;
  const config = tinyConfig(2);
  // A prompt of one token in the first row, and nothing in the second one.
  // What is negative would come to lie before the table.
  const tableMemory = upload(-7, 77, 0, 0, 0);
  const table = tableMemory.at(4);
  const tokens = place(0, 0);
  const inputs = {
    tokens,
    positions: place(0, 0),
    slotMapping: place(8, -1),
    queryStarts: place(0, 1, 2),
    sequenceLengths: place(1, 0),
    blockTables: place(2, 0, 2, 0),
    logitRows: place(0, -1),
    maxBlocks: 2,
  };
  const limits: ModelLimits = {
    maxBatchTokens: 2,
    maxBatchRequests: 2,
    maxContext: 8,
    kvBlocks: 4,
    blockSize: 4,
    kvDtype: "F32",
    activations: "float32",
  };
  const model = loadModel(device, stream, tinyPlan(config), limits, inputs, () => {});
  const floats = place(...new Array<number>(16).fill(0));
  // POSITION, HISTORY_START, HISTORY_LENGTH and PROMPT_LENGTH of the first row.
  const ints = place(1, 0, 0, 0, 1, 0, 1, 1, -1, 0, 0, 0, ...new Array<number>(12).fill(0));
  const sampled = place(5, 5);
  const result = device.allocateHost(32);

  device.check(symbols.upbeat_gather_tokens(stream, table, place(0, -1), 2, 4, tokens));
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
  device.check(symbols.upbeat_scatter_tokens(stream, sampled, place(1, -1), 2, 4, table));
  device.check(symbols.upbeat_copy_to_host(stream, result.pointer, tableMemory.pointer, 20));
  device.check(symbols.upbeat_copy_to_host(stream, result.at(20), sampled, 8));
  device.synchronize(stream);
  const [before, first, second, third, fourth, token, padding] = new Int32Array(result.view);
  assertEquals(scripted.violations, []);
  assertEquals([before, first, third, fourth, padding], [-7, 77, 0, 0, -1]);
  assertEquals(second, token);
});
