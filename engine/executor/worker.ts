/**
 * The executor's thread: opens the device, loads the model, runs the loop, reports how it ended, and frees everything.
 *
 * @module
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { Device } from "../../ffi/interface.ts";
import { createClock } from "../telemetry/clock.ts";
import { serializeError, toUpbeatError, UpbeatError } from "../../errors.ts";
import { OutputSender } from "../channel/output_ring.ts";
import { Executor, type ExecutorPort } from "./executor.ts";
import { KvBlockPool } from "../scheduler/kv_block_pool.ts";
import { createLog } from "../telemetry/log.ts";
import { ModelRunner } from "../runner/model_runner.ts";
import { readModelConfig } from "../models/config.ts";
import type { ModelConfig } from "../models/config/model_config.ts";
import { type ModelPlan, planDummyModel, planModel } from "../models/model_plan.ts";
import { chooseDevice, type ChosenDevice } from "../runner/open_device.ts";
import { resolveLimits } from "../runner/limits.ts";
import { PrefixCache } from "../scheduler/prefix_cache.ts";
import type { InboxMessage, OutboxMessage, WorkerStart } from "../channel/messages.ts";
import { describeOptions, type EngineInfo } from "../config/engine_info.ts";
import { resolveLoopOptions } from "./loop_options.ts";
import type { ResolvedEngineOptions } from "../config/resolved_options.ts";
import { NvtxRunner } from "../runner/nvtx_runner.ts";
import { Scheduler } from "../scheduler/scheduler.ts";
import { StepReports } from "./step_reports.ts";
import { warmUp } from "./warm_up.ts";
import { openGguf } from "../files/gguf/gguf_model.ts";
import { openCheckpoint } from "../weights/checkpoint.ts";

const start = workerData as WorkerStart;
const inbox = start.inbox as MessagePort;
const doorbell = new Int32Array(start.doorbell);
const now = createClock(start.clockOrigin);

/**
 * Milliseconds for the device to finish enqueued work after the loop has ended: less than the engine waits for this thread,
 * so that the outcome is reported, not guessed.
 */
const SYNCHRONIZE_TIMEOUT = 5_000;

/** Whether the model is loaded. */
let isReady = false;
/** Whether the last message was sent. */
let hasClosed = false;

function post(message: OutboxMessage): void {
  parentPort!.postMessage(message);
}

const log = createLog("executor", now, {
  standardError: start.options.logToStandardError,
  take: !start.options.logToCaller ? null : (entry) => {
    if (!hasClosed) post({ type: "log", entry });
    return !hasClosed;
  },
});

/** Receives messages synchronously and sleeps on the doorbell: the loop never returns to this thread's event loop. */
function createPort(): ExecutorPort {
  const outputs = new OutputSender(start.outputs, post);
  let heard = Atomics.load(doorbell, 0);
  /** Doorbell value at the last empty poll. While it is unchanged the channel is still empty, so the slower poll is skipped. */
  let emptyAt = -1;
  let arrived: InboxMessage[] = [];
  let next = 0;
  return {
    receive: () => {
      if (next === arrived.length) {
        const rung = Atomics.load(doorbell, 0);
        if (rung === emptyAt) return null;
        arrived = (receiveMessageOnPort(inbox)?.message as InboxMessage[] | undefined) ?? [];
        if (arrived.length === 0) emptyAt = rung;
        next = 0;
      }
      return next < arrived.length ? arrived[next++]! : null;
    },
    waitForMessage: () => {
      // A ring since the last receive has changed the value, and the wait returns at once.
      Atomics.wait(doorbell, 0, heard);
      heard = Atomics.load(doorbell, 0);
    },
    send: (output) => {
      if (output !== null) outputs.send(output);
    },
  };
}

/**
 * Stops loading once the engine is disposed of: until it is loaded, a shutdown is the only message that can arrive.
 *
 * @throws {UpbeatError} `ENGINE_CLOSED`.
 */
function checkWanted(): void {
  if (Atomics.load(doorbell, 0) === 0) return;
  throw new UpbeatError("ENGINE_CLOSED", "the engine was disposed while it was loading");
}

/** Reads the model's headers. Every fault in its files is found here, before any memory is allocated. */
function readModel(folder: string, { weights }: ResolvedEngineOptions): { config: ModelConfig; plan: ModelPlan } {
  const gguf = openGguf(folder);
  const config = readModelConfig(folder, gguf);
  const plan = weights === "dummy" ? planDummyModel(config, "BF16") : planModel(config, openCheckpoint(folder, gguf));
  return { config, plan };
}

/** Whether kernels of captured steps may overlap: on request, and only on a GPU. */
function makesDependentLaunches(device: Device): boolean {
  return start.options.dependentLaunches && device.info().library === "cuda";
}

function describe(
  config: ModelConfig,
  plan: ModelPlan,
  values: Parameters<typeof describeOptions>[1],
  { device, libraryPath, fallback }: ChosenDevice,
): EngineInfo {
  const { folder, ...model } = config;
  return {
    modelFolder: folder,
    model,
    weightBytes: plan.weightBytes,
    device: device.info(),
    deviceUsage: device.usage(),
    libraryPath,
    deviceFallback: fallback,
    dependentLaunches: makesDependentLaunches(device),
    ...describeOptions(start.options, values),
  };
}

/** Loads the model and runs the loop to its end. */
async function run(): Promise<void> {
  const { config, plan } = readModel(start.modelFolder, start.options);
  const { weights } = start.options;
  log?.("worker: model read", { model: start.modelFolder, weights, weightBytes: plan.weightBytes });
  checkWanted();
  const chosen = await chooseDevice(start.options);
  const { device } = chosen;
  log?.("worker: device opened", { library: chosen.libraryPath, fallback: chosen.fallback });
  let runner: ModelRunner | null = null;
  try {
    if (makesDependentLaunches(device)) device.useDependentLaunches(true);
    const limits = resolveLimits(start.options, config, plan, device.info(), now);
    runner = new ModelRunner(device, plan, limits, (loadedBytes, totalBytes) => {
      checkWanted();
      post({ type: "progress", loadedBytes, totalBytes });
    }, start.options.weightSeed);
    const options = resolveLoopOptions(start.options, device.info());
    warmUp(runner, config, limits, options, now);
    checkWanted();
    const blocks = new KvBlockPool(limits.kvBlocks, limits.blockSize);
    const port = createPort();
    const prefixCache = start.options.prefixCache ? new PrefixCache(blocks) : null;
    const scheduler = new Scheduler(blocks, limits, prefixCache);
    const reports = start.options.trackSteps ? new StepReports(scheduler, blocks, now) : null;
    const steps = start.options.ranges ? new NvtxRunner(runner, device) : runner;
    const executor = new Executor({
      port,
      scheduler,
      blocks,
      runner: steps,
      now,
      options,
      reports,
      log,
    });
    log?.("worker: runner ready", { kvBlocks: limits.kvBlocks, deviceBytes: device.usage().device });
    isReady = true;
    post({ type: "ready", info: describe(config, plan, { ...limits, ...options }, chosen) });
    executor.run();
    log?.("worker: loop exit", { error: null });
  } catch (thrown) {
    // Before the device is closed, which may take long: callers that wait for tokens get the cause now.
    fail(thrown);
  } finally {
    closeDevice(device, runner);
  }
}

/** Reports the error that ended loading or the loop. */
function fail(thrown: unknown): void {
  const error = toUpbeatError(thrown);
  const { code, message } = error;
  log?.(isReady ? "worker: loop exit" : "worker: loading ended", { error: code, message });
  post({ type: "failed", error: serializeError(error) });
}

/**
 * Closes the device, unless it does not finish its work: closing would then block without bound, so it stays open until the
 * process ends.
 */
function closeDevice(device: Device, runner: ModelRunner | null): void {
  try {
    // Without a runner only file reads are pending, and closing waits for those.
    if (runner !== null) {
      if (!runner.close(SYNCHRONIZE_TIMEOUT)) {
        log?.("worker: device left open", { reason: `its work was not done after ${SYNCHRONIZE_TIMEOUT / 1000} s` });
        return;
      }
      log?.("worker: device synchronized, graphs released");
    }
  } catch (thrown) {
    // A faulted device skips enqueued work, and is closed without waiting.
    log?.("worker: device not synchronized", { reason: toUpbeatError(thrown).message });
  }
  device.close();
  log?.("worker: device closed");
}

log?.("worker: start");
try {
  await run();
} catch (thrown) {
  fail(thrown);
}
log?.("worker: exit");
post({ type: "closed" });
hasClosed = true;
inbox.close();
