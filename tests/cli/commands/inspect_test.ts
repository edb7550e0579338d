import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertEquals, assertGreater, assertMatch, assertObjectMatch, assertStringIncludes } from "@std/assert";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { runCli } from "../../support/run/run_cli.ts";
import { withModelFolder } from "../../support/test_engine.ts";

test("upbeat inspect counts parameters and bytes of a model", async () => {
  await withModelFolder(async (folder) => {
    const [hidden, layers, ffn, vocabulary] = [64, 2, 96, 320];
    writeRandomModel(folder, { hiddenSize: hidden, layers, ffnSize: ffn, vocabularySize: vocabulary, tokenizer: true });
    const { code, stdout, stderr } = await runCli(["inspect", folder, "--json"]);
    assertEquals([code, stderr], [0, ""]);
    const report = JSON.parse(stdout) as Record<string, unknown>;
    // Four query and two KV heads of 16; embedding and head apart.
    const perLayer = 2 * hidden + (64 + 2 * 32) * hidden + hidden * hidden + 3 * hidden * ffn;
    const parameters = 2 * vocabulary * hidden + layers * perLayer + hidden;
    const norms = (2 * layers + 1) * hidden;
    assertObjectMatch(report, {
      family: "llama",
      parameters,
      dtypes: { BF16: parameters },
      layers,
      hiddenSize: hidden,
      heads: 4,
      kvHeads: 2,
      headDim: 16,
      vocabularySize: vocabulary,
      contextLength: 2048,
      tiedEmbeddings: false,
      // Norms are loaded as F32.
      weightBytes: 2 * (parameters - norms) + 4 * norms,
      kvBytesPerToken: 2 * layers * 2 * 16 * 4,
      unusedTensors: [],
      memory: { fits: true },
      chatTemplate: { present: true, problem: null },
    });
    assertGreater((report["memory"] as { kvTokens: number }).kvTokens, 2048);

    const half = await runCli(["inspect", folder, "--json", "--kv-dtype", "bf16"]);
    assertEquals((JSON.parse(half.stdout) as Record<string, unknown>)["kvBytesPerToken"], 2 * layers * 2 * 16 * 2);
    const text = await runCli(["inspect", folder]);
    assertMatch(text.stdout, /^parameters {5}\S+ K, BF16, 1 file$/m);
    assertStringIncludes(text.stdout, "fits, with room for");
  });
});

test("upbeat inspect ends with code 1 when the weights are missing", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder);
    rmSync(join(folder, "model.safetensors"));
    const { code, stdout, stderr } = await runCli(["inspect", folder]);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /^upbeat: [^\n]*model\.safetensors[^\n]*\n$/);
  });
});
