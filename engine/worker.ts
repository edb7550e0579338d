/**
 * The executor's thread: opens the device, loads the model, runs the loop, and says how it ended.
 *
 * @module
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { openDevice } from "../ffi/device.ts";
import type { Device } from "../ffi/interface.ts";
import { findLibrary } from "../ffi/library.ts";
import { importLibraryModule, isLibraryModule } from "../ffi/library_module.ts";
import { createClock } from "./clock.ts";
import { serializeError, toUpbeatError } from "../errors.ts";
import { Executor, type ExecutorPort } from "./executor.ts";
import { KvBlockPool } from "./kv_cache.ts";
import { ModelRunner } from "./model_runner.ts";
import { type ModelConfig, readModelConfig } from "./models/config.ts";
import { planWeights, type WeightPlan } from "./models/tensors.ts";
import { resolveLimits } from "./options.ts";
import { PrefixCache } from "./prefix_cache.ts";
import type { EngineInfo, InboxMessage, OutboxMessage, ResolvedEngineOptions, WorkerStart } from "./protocol.ts";
import type { RunnerLimits } from "./model_runner.ts";
import { Scheduler } from "./scheduler.ts";
import { StepReports } from "./step_reports.ts";
import { warmUp } from "./warm_up.ts";
import { openCheckpoint } from "./weights/checkpoint.ts";

const start = workerData as WorkerStart;
const inbox = start.inbox as MessagePort;

function post(message: OutboxMessage): void {
  parentPort!.postMessage(message);
}

/** Messages through the channel, woken by the doorbell: the loop never returns to this thread's event loop. */
function createPort(doorbell: Int32Array): ExecutorPort {
  let heard = Atomics.load(doorbell, 0);
  let arrived: InboxMessage[] = [];
  let next = 0;
  return {
    receive: () => {
      if (next === arrived.length) {
        arrived = (receiveMessageOnPort(inbox)?.message as InboxMessage[] | undefined) ?? [];
        next = 0;
      }
      return next < arrived.length ? arrived[next++]! : null;
    },
    waitForMessage: () => {
      // A ring between the last receive and this wait changes the value, and the wait returns at once.
      Atomics.wait(doorbell, 0, heard);
      heard = Atomics.load(doorbell, 0);
    },
    send: (delivery) => {
      if (delivery !== null) post({ type: "updates", ...delivery });
    },
  };
}

/** Everything that can be wrong with a model's files is found here, before any memory is taken. */
function readModel(folder: string): { config: ModelConfig; plan: WeightPlan } {
  const config = readModelConfig(folder);
  return { config, plan: planWeights(config, openCheckpoint(folder)) };
}

async function open(options: ResolvedEngineOptions): Promise<{ device: Device; libraryPath: string }> {
  const { threads, simd, libraryPath: given } = options;
  if (given !== null && isLibraryModule(given)) {
    return { device: openDevice({ library: await importLibraryModule(given), threads, simd }), libraryPath: given };
  }
  const kinds = options.device === "auto" ? (["cuda", "cpu"] as const) : [options.device];
  let lastError: unknown = null;
  for (const device of kinds) {
    try {
      const libraryPath = findLibrary({ device, path: given ?? undefined });
      return { device: openDevice({ device, libraryPath, threads, simd }), libraryPath };
    } catch (error) {
      // With "auto" the CPU library is the one that must be there, and its error the one to tell.
      lastError = error;
    }
  }
  throw lastError;
}

function describe(
  config: ModelConfig,
  plan: WeightPlan,
  limits: RunnerLimits,
  device: Device,
  libraryPath: string,
): EngineInfo {
  const { folder, ...model } = config;
  return {
    modelFolder: folder,
    model,
    weightBytes: plan.weightBytes,
    device: device.info(),
    deviceUsage: device.usage(),
    libraryPath,
    maxContext: limits.maxContext,
    maxBatchTokens: limits.maxBatchTokens,
    maxBatchRequests: limits.maxBatchRequests,
    kvBlocks: limits.kvBlocks,
    blockSize: limits.blockSize,
    kvDtype: limits.kvDtype,
    overlap: start.options.overlap,
    earlyFirstToken: start.options.earlyFirstToken,
    streamInterval: start.options.streamInterval,
  };
}

async function run(): Promise<void> {
  const { config, plan } = readModel(start.modelFolder);
  const { device, libraryPath } = await open(start.options);
  try {
    const now = createClock(start.clockOrigin);
    const limits = resolveLimits(start.options, config, plan, device.info(), now);
    const runner = new ModelRunner(
      device,
      config,
      plan,
      limits,
      (loadedBytes, totalBytes) => post({ type: "progress", loadedBytes, totalBytes }),
    );
    const blocks = new KvBlockPool(limits.kvBlocks, limits.blockSize);
    warmUp(runner, limits, start.options, now);
    const port = createPort(new Int32Array(start.doorbell));
    const prefixCache = start.options.prefixCache ? new PrefixCache(blocks) : null;
    const scheduler = new Scheduler(blocks, limits, prefixCache);
    const reports = start.options.trackSteps ? new StepReports(scheduler, blocks, now) : null;
    const executor = new Executor({ port, scheduler, blocks, runner, now, options: start.options, reports });
    post({ type: "ready", info: describe(config, plan, limits, device, libraryPath) });
    executor.run();
  } finally {
    device.close();
  }
}

try {
  await run();
  post({ type: "closed", error: null });
} catch (thrown) {
  post({ type: "closed", error: serializeError(toUpbeatError(thrown)) });
}
inbox.close();
