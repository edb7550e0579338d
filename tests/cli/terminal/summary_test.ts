import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { formatBytes } from "../../../cli/terminal/format_bytes.ts";
import { batchSummary, summary } from "../../../cli/terminal/summary.ts";
import type { Finished } from "../../../cli/terminal/summary.ts";

function finished(ttftMs: number | null, tpotMs: number | null, completionTokens: number): Finished {
  return {
    finishReason: "length",
    usage: { promptTokens: 5, completionTokens },
    metrics: { ttftMs, tpotMs, e2eMs: 100 },
  };
}

test("summary() leaves out times that do not exist", () => {
  assertEquals(summary(finished(12.34, 20, 64)), "TTFT 12.3 ms, 50.0 tokens/s, 5 + 64 tokens (length)");
  assertEquals(summary(finished(1.234, null, 1)), "TTFT 1.23 ms, 5 + 1 token (length)");
  assertEquals(summary(finished(12_340, null, 1)), "TTFT 12.3 s, 5 + 1 token (length)");
  assertEquals(summary(finished(null, null, 0)), "no token, 5 + 0 tokens (length)");
});

test("batchSummary() adds up tokens and takes the median TTFT", () => {
  const results = [finished(30, 1, 10), finished(10, 1, 20), finished(20, 1, 30)];
  assertEquals(
    batchSummary(results, 2000),
    "3 prompts in 2.0 s, TTFT 20.0 ms (median), 30.0 tokens/s together, 15 + 60 tokens",
  );
  assertEquals(batchSummary([], 1000), "0 prompts in 1.0 s, 0.0 tokens/s together, 0 + 0 tokens");
});

test("formatBytes() uses binary units", () => {
  assertEquals([0, 1023, 1024, 15 * 1024, 3 * 2 ** 30].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.00 KiB",
    "15.0 KiB",
    "3.00 GiB",
  ]);
});
