/**
 * How the KV cache stands when a step is launched.
 *
 * @module
 */
import type { StepUsage } from "../events/executor_event.ts";
import type { KvBlockPool } from "../scheduler/kv_block_pool.ts";
import type { Step } from "../scheduler/step_plan.ts";

/**
 * How the KV cache stands when a step is launched, computed once for all of its tokens.
 *
 * @param step The step.
 * @param number Its number, counted from 1.
 * @param blocks The KV blocks.
 * @returns null where no request of the step records its tokens.
 */
export function usageOf(
  { scheduled }: Step,
  number: number,
  { totalBlocks, usedBlocks, cachedBlocks }: Pick<KvBlockPool, "totalBlocks" | "usedBlocks" | "cachedBlocks">,
): StepUsage | null {
  if (!scheduled.some(({ request, samples }) => samples && request.trackTokens)) return null;
  return {
    step: number,
    blocksTotal: totalBlocks,
    blocksAllocated: usedBlocks + cachedBlocks,
    blocksActive: usedBlocks,
    activeTokens: scheduled.reduce((sum, { start, count }) => sum + start + count, 0),
  };
}
