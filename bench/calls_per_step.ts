/**
 * Counts a step's calls into the library, on a device of this thread.
 *
 * @module
 */
import { openDevice } from "../ffi/device.ts";
import type { Device } from "../ffi/interface.ts";
import { ModelRunner } from "../engine/runner/model_runner.ts";
import { KvBlockPool } from "../engine/scheduler/kv_block_pool.ts";
import { readModelConfig } from "../engine/models/config.ts";
import { planModel } from "../engine/models/model_plan.ts";
import { resolveEngineOptions } from "../engine/config/resolved_options.ts";
import { resolveLimits } from "../engine/runner/limits.ts";
import { Request } from "../engine/scheduler/request.ts";
import { resolveSampling } from "../engine/config/sampling_options.ts";
import { Scheduler } from "../engine/scheduler/scheduler.ts";
import { StopCriteria } from "../engine/scheduler/stop_criteria.ts";
import { openCheckpoint } from "../engine/weights/checkpoint.ts";

/** Calls per step, including the wait. */
export interface CallsPerStep {
  readonly prefill: number;
  readonly decode: number;
}

/** A device whose symbols count their calls. */
function countCalls(device: Device): { device: Device; calls: () => number } {
  let calls = 0;
  const symbols = Object.fromEntries(
    Object.entries(device.symbols).map(([name, call]) => [name, (...values: never[]) => {
      calls++;
      return (call as (...values: never[]) => number)(...values);
    }]),
  ) as unknown as Device["symbols"];
  // Methods run on the real device; a step calls only one of them, the wait.
  const counted = new Proxy(device, {
    get: (target, property) => {
      if (property === "symbols") return symbols;
      const value = Reflect.get(target, property, target) as unknown;
      if (typeof value !== "function") return value;
      return (...values: unknown[]) => {
        if (property === "waitEvent") calls++;
        return (value as (...values: unknown[]) => unknown).apply(target, values);
      };
    },
  });
  return { device: counted, calls: () => calls };
}

/**
 * Run a prompt and a few decode steps, and count their calls.
 *
 * @param folder The model.
 * @param promptTokenIds The prompt, which is computed in one step.
 * @returns Calls per step.
 */
export function countCallsPerStep(folder: string, promptTokenIds: Int32Array): CallsPerStep {
  const config = readModelConfig(folder);
  const plan = planModel(config, openCheckpoint(folder));
  using real = openDevice();
  const { device, calls } = countCalls(real);
  const options = resolveEngineOptions({ maxContext: 2048, maxBatchTokens: Math.max(512, promptTokenIds.length) });
  const limits = resolveLimits(options, config, plan, device.info(), () => performance.now());
  const runner = new ModelRunner(device, plan, limits, () => {});
  const scheduler = new Scheduler(new KvBlockPool(limits.kvBlocks, limits.blockSize), limits);
  const request = new Request({
    id: 1,
    promptTokenIds,
    maxTokens: 8,
    sampling: resolveSampling({ temperature: 0, seed: 0 }, config.sampling, config.vocabularySize),
    stopCriteria: new StopCriteria({ eosTokenIds: [], stopStrings: [], maxTokens: 1 }, null, []),
  });
  scheduler.enqueue(request);
  const counts: number[] = [];
  for (let steps = 0; steps < 4; steps++) {
    const step = scheduler.schedule({ admitted: (admitted) => runner.admit(admitted) })!;
    const before = calls();
    runner.launchForward(step);
    const results = runner.launchSampling(step);
    runner.waitForResults(results);
    counts.push(calls() - before);
    for (const { count } of step.scheduled) request.computedTokens += count;
    request.tokenIds.push(results.tokens[0]!);
  }
  // The second step captured the decode graph; the last one replays it.
  return { prefill: counts[0]!, decode: counts[3]! };
}
