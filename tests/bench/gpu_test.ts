import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { pack, unpack } from "../../bench/gpu/bundle.ts";
import { floorOf, peaksOf, reportLines } from "../../bench/gpu/report.ts";
import {
  figure,
  type GpuResults,
  type KernelResult,
  type KernelsResult,
  type ModelResult,
  type PartResult,
} from "../../bench/gpu/results.ts";
import { MODES } from "../../bench/ttft/devices.ts";
import { findLibrary } from "../../ffi/library.ts";
import { runBench } from "../support/run/run_bench.ts";
import { withTemporaryFolder } from "../support/temporary_folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SHAPES = join(ROOT, "bench/gpu/shapes");

const kernel = (given: Partial<KernelResult>): KernelResult => ({
  shape: "small",
  op: "linear",
  name: "qkv",
  rows: 1,
  context: 0,
  inputs: "f32",
  microseconds: 4,
  best: 4,
  bytes: 2_000_000,
  flops: 0,
  launches: 1,
  rounds: 1,
  ...given,
});

const PARTS: readonly PartResult[] = [
  {
    part: "machine",
    name: "a GPU",
    multiprocessors: 1,
    bytes: 1,
    copyGBps: { median: 900, best: 950 },
    readGBps: { median: 1000, best: 1100 },
    memcpyGBps: { median: 800, best: 800 },
    mmaTflops: { median: 50, best: 60 },
  },
  {
    part: "kernels",
    device: { name: "a GPU", library: "cuda" },
    skipped: 2,
    results: [kernel({}), kernel({ rows: 128, flops: 400_000_000, microseconds: 16 })],
  },
  {
    part: "torch",
    shape: "small",
    torch: "1",
    transformers: "1",
    device: "a GPU",
    matmulTflops: 100,
    linear: [{ name: "qkv", rows: 1, microseconds: 3.25 }],
    ttft: [{ mode: "eager", promptTokens: 128, ms: 30 }],
    decode: [{ mode: "eager", batch: 8, context: 9, ms: 6 }, { mode: "compiled", batch: 8, context: 9, ms: 1 }],
    notes: ["decode x 64, compiled: no time left"],
  },
  {
    part: "model",
    shape: "small",
    runtime: "bun",
    library: "cuda",
    kvDtype: "BF16",
    activations: "default",
    loadMs: 1,
    weightBytes: 2 ** 30,
    rounds: 3,
    ttft: [{ promptTokens: 128, flops: 1e12, modes: { plain: figure([15]), early: figure([12, 20, 10]) } }],
    decode: [{ batch: 8, context: 9, bytes: 1e9, modes: { early: figure([2]) } }],
    steps: [{ batch: 8, idle: { early: figure([0.5]) }, host: { early: figure([70]) } }],
  },
  {
    part: "dependent",
    shape: "small",
    runtime: "bun",
    library: "cuda",
    rounds: 2,
    same: true,
    decode: [{ batch: 64, bytes: 1e9, ordered: figure([3]), dependent: figure([2]) }],
  },
];

const RUN: GpuResults = {
  date: "2026-01-01",
  gpu: "a GPU",
  commit: "abc",
  rehearsal: false,
  parts: PARTS.map((result, index) => ({ name: `part-${index}`, status: "ok", seconds: 1, reason: "", result })),
};

/** The columns of the first line of a report that begins with a text. */
function rowOf(lines: readonly string[], start: string): string[] {
  const line = lines.find((candidate) => candidate.trim().startsWith(start));
  assert(line !== undefined, `no line begins with ${start}:\n${lines.join("\n")}`);
  return line.trim().split(/ {2,}/);
}

test("peaksOf() returns the highest measured rates", () => {
  assertEquals(peaksOf(RUN), { bytes: 1_000_000, flops: 100_000_000 });
  assertEquals(peaksOf({ ...RUN, parts: [] }), { bytes: null, flops: null });
});

test("floorOf() is the larger of the time for bytes and the time for operations", () => {
  const peaks = { bytes: 1_000_000, flops: 100_000_000 };
  assertEquals(floorOf(2_000_000, 100_000_000, peaks), 2);
  assertEquals(floorOf(2_000_000, 500_000_000, peaks), 5);
  assertEquals(floorOf(1, 1, { bytes: null, flops: 1 }), null);
});

test("reportLines() compares kernels and models with floors and PyTorch", () => {
  const lines = reportLines(RUN);
  // 2 MB at 1000 GB/s are 2 us of 4; 0.4 GFLOP at 100 TFLOP/s are 4 us of 16.
  assertEquals(rowOf(lines, "linear qkv"), ["linear qkv (f32)", "1", "4.00", "500.0", "0", "50 %", "3.25"]);
  assertEquals(rowOf(lines.slice(lines.findIndex((line) => line.includes("linear qkv")) + 1), "linear qkv"), [
    "linear qkv (f32)",
    "128",
    "16.00",
    "125.0",
    "25.00",
    "25 %",
  ]);
  assertStringIncludes(lines.join("\n"), "2 more were not measured");
  // 1 TFLOP at 100 TFLOP/s are 10 ms of 12.
  assertEquals(rowOf(lines, "128 tokens"), ["128 tokens", "15.00", "-", "-", "12.00", "83 %", "30.00", "2.50 x"]);
  // 1 GB at 1000 GB/s is 1 ms of 2; 8 tokens in 2 ms.
  assertEquals(rowOf(lines, "batch 8"), [
    "batch 8",
    "-",
    "-",
    "-",
    "2.00",
    "4000",
    "50 %",
    "6.00",
    "3.00 x",
    "1.00",
    "0.50 x",
  ]);
  // 1 ms of 2.
  assertEquals(rowOf(lines, "batch 64"), ["batch 64", "3.00", "2.00", "1.50 x", "50 %"]);
  assertStringIncludes(lines.join("\n"), "the same tokens; 2 rounds");
  assertStringIncludes(lines.join("\n"), "no time left");
  assert(!lines.join("\n").includes("REHEARSAL"));
  assertStringIncludes(reportLines({ ...RUN, rehearsal: true }).join("\n"), "REHEARSAL");
});

test("reportLines() reports that dependent launches generated other tokens", () => {
  const parts = RUN.parts.map((part) =>
    part.result?.part === "dependent" ? { ...part, result: { ...part.result, same: false } } : part
  );
  assertStringIncludes(reportLines({ ...RUN, parts }).join("\n"), "OTHER TOKENS");
});

test("reportLines() compares the largest shape with its goals", () => {
  const shape = "llama-3.1-8b";
  const results = [
    kernel({ shape, rows: 1024, inputs: "bf16", flops: 400_000_000, microseconds: 5 }),
    kernel({ shape, rows: 8192, inputs: "bf16", flops: 400_000_000, microseconds: 8 }),
    kernel({ shape, rows: 8192, inputs: "f32", flops: 400_000_000, microseconds: 40 }),
    kernel({ shape, rows: 1, op: "attention", name: "decode", microseconds: 2.5 }),
    kernel({ rows: 1, op: "attention", name: "decode", microseconds: 250 }),
  ];
  const model = PARTS.find((part) => part.part === "model")!;
  const decode = [1, 8].map((batch) => ({ batch, context: 9, bytes: 9e9, modes: { early: figure([batch * 10]) } }));
  const parts = RUN.parts.map((part) => {
    if (part.result?.part === "kernels") return { ...part, result: { ...part.result, results } };
    return part.result === model ? { ...part, result: { ...model, shape, decode } } : part;
  });
  const lines = reportLines({ ...RUN, parts });
  assertEquals(rowOf(lines, "a decode step").slice(1), ["85 %", "90 %"]);
  assertEquals(rowOf(lines, "products of").slice(1), ["70 %", "50 %"]);
  assertEquals(rowOf(lines, "attention of").slice(1), ["77 %", "80 %"]);
  assert(!reportLines(RUN).some((line) => line.includes("goal")));
});

test("reportLines() omits what was not measured", () => {
  const parts = RUN.parts.map((part) => ({ ...part, status: "timeout", result: null } as const));
  const lines = reportLines({ ...RUN, parts });
  assertEquals(lines.filter((line) => line.includes("timeout")).length, parts.length);
  const kernelsAlone = reportLines({ ...RUN, parts: RUN.parts.filter(({ result }) => result?.part === "kernels") });
  assertEquals(rowOf(kernelsAlone, "linear qkv").at(-1), "-");
});

test("figure() returns median, minimum and maximum", () => {
  assertEquals(figure([5, 1, 9]), { median: 5, min: 1, max: 9, count: 3 });
});

test("pack() keeps complete results and drops truncated ones; unpack() restores successful parts", () => {
  withTemporaryFolder((folder) => {
    const [work, again] = [join(folder, "work"), join(folder, "again")];
    mkdirSync(work);
    const leave = (name: string, status: string, json: string | null) => {
      const line = `{"name": "${name}", "status": "${status}", "seconds": 3, "reason": ""}\n`;
      writeFileSync(join(work, `${name}.status`), line);
      if (json !== null) writeFileSync(join(work, `${name}.json`), json);
      return line;
    };
    leave("build", "ok", `{"part": "check", "passed": 1, "failed": 0}`);
    const machine = leave("machine", "ok", JSON.stringify(PARTS[0]));
    leave("kernels", "timeout", `{"part": "kernels", "res`);
    leave("ops", "failed", null);
    const packed = pack(work, { date: "d", gpu: "g", commit: "c", rehearsal: false });
    assertEquals(packed.parts.map(({ name, status }) => [name, status]).sort(), [
      ["build", "ok"],
      ["kernels", "timeout"],
      ["machine", "ok"],
      ["ops", "failed"],
    ]);
    assertEquals(packed.parts.find(({ name }) => name === "machine")?.result, PARTS[0]);
    assertEquals(packed.parts.find(({ name }) => name === "kernels")?.result, null);
    unpack(packed, again);
    // The build is not restored: another machine has to build again.
    assertEquals(readdirSync(again).sort(), ["machine.json", "machine.status"]);
    assertEquals(readFileSync(join(again, "machine.status"), "utf8"), machine);
  });
});

// ---- The script --------------------------------------------------------------------------------------------------------

const bash = spawnSync("bash", ["--version"]).status === 0;
const script = (name: string, body: () => void): void => {
  if (bash) test(name, { timeout: 120_000 }, body);
  else test.skip(`${name}: no bash`, () => {});
};

/** Runs the script with a work folder of its own. */
function runScript(work: string, args: readonly string[], env: Record<string, string> = {}): SpawnSyncReturns<string> {
  return spawnSync("bash", [join(ROOT, "bench/gpu/run.sh"), ...args], {
    encoding: "utf8",
    env: { ...process.env, UPBEAT_GPU_WORK: work, OUT: join(work, "out"), PYTHON: "false", ...env },
  });
}

/** Writes a program where a part looks for it. */
function writeProgram(work: string, name: string, body: string): void {
  mkdirSync(work, { recursive: true });
  const path = join(work, name);
  writeFileSync(path, `#!/usr/bin/env bash\n${body}\n`);
  chmodSync(path, 0o755);
}

/** The status of a part. */
function stateOf(work: string, name: string): { status: string; reason: string } {
  return JSON.parse(readFileSync(join(work, `${name}.status`), "utf8")) as { status: string; reason: string };
}

script("run.sh lists its parts and rejects unknown ones", () => {
  withTemporaryFolder((work) => {
    const list = runScript(work, ["--list"]);
    assertEquals(list.status, 0, list.stderr);
    for (const { name } of readShapes()) {
      if (name === "tiny") continue;
      assertStringIncludes(list.stdout, `model-${name}`);
      assertStringIncludes(list.stdout, `torch-${name}`);
    }
    const unknown = runScript(work, ["--rehearse", "--only", "nothing"]);
    assertEquals(unknown.status, 2);
    assertStringIncludes(unknown.stderr, "no part nothing");
    assertEquals(runScript(work, ["--what"]).status, 2);
  });
});

script("run.sh continues after a failed part, and does not repeat successful ones", () => {
  withTemporaryFolder((folder) => {
    const work = join(folder, "work");
    writeProgram(work, "machine_peak", `echo run >> ${join(work, "runs")}; echo '${JSON.stringify(PARTS[0])}' > $3`);
    writeProgram(work, "kernel_bench", "echo broken; exit 3");
    const args = ["--rehearse", "--only", "kernels", "--only", "machine", "--only", "torch-tiny"];
    const library = join(ROOT, "build/libupbeat_simt.so");
    const first = runScript(work, args);
    assertEquals(stateOf(work, "machine").status, "ok", first.stdout);
    assertEquals(stateOf(work, "torch-tiny").status, "skipped");
    assertStringIncludes(stateOf(work, "torch-tiny").reason, "lacks torch");
    if (existsSync(library)) {
      assertEquals(stateOf(work, "kernels").status, "failed");
      assertStringIncludes(first.stdout, "    broken");
    } else {
      assertStringIncludes(stateOf(work, "kernels").reason, "not built");
    }
    assertStringIncludes(runScript(work, args).stdout, "machine: already done");
    assertEquals(readFileSync(join(work, "runs"), "utf8"), "run\n");
    assert(existsSync(join(work, "out/logs.tar.gz")));
  });
});

script("run.sh skips parts for which no time is left, and records why", () => {
  withTemporaryFolder((work) => {
    writeProgram(work, "machine_peak", "exit 0");
    runScript(work, ["--rehearse", "--only", "machine", "--seconds", "5"]);
    assertEquals(stateOf(work, "machine"), {
      ...stateOf(work, "machine"),
      status: "skipped",
      reason: "no time was left",
    });
  });
});

// ---- The programs ------------------------------------------------------------------------------------------------------

function readShapes() {
  return readdirSync(SHAPES).map((name) => {
    const config = JSON.parse(readFileSync(join(SHAPES, name, "config.json"), "utf8")) as Record<string, number>;
    return { name, config };
  });
}

test("kernel_bench.cpp has the shapes of the folders in bench/gpu/shapes", () => {
  const source = readFileSync(join(ROOT, "bench/gpu/kernel_bench.cpp"), "utf8");
  for (const { name, config } of readShapes()) {
    const numbers = [
      "hidden_size",
      "num_hidden_layers",
      "num_attention_heads",
      "num_key_value_heads",
      "head_dim",
      "intermediate_size",
      "vocab_size",
    ].map((field) => config[field]);
    assertStringIncludes(source, `{"${name}", ${numbers.join(", ")}}`);
  }
});

const compiler = ["c++", "g++", "clang++"].find((name) => spawnSync(name, ["--version"]).status === 0);
const compiled = "kernel_bench.cpp measures every op of the decoder";
if (compiler === undefined || process.platform !== "linux") test.skip(`${compiled}: no C++ compiler`, () => {});
else {
  test(compiled, { timeout: 120_000 }, () => {
    withTemporaryFolder((folder) => {
      const [program, json] = [join(folder, "bench"), join(folder, "kernels.json")];
      const source = join(ROOT, "bench/gpu/kernel_bench.cpp");
      const built = spawnSync(compiler, ["-std=c++20", "-O0", `-I${ROOT}`, source, "-o", program, "-ldl"], {
        encoding: "utf8",
      });
      assertEquals(built.status, 0, built.stderr);
      const ran = spawnSync(program, [findLibrary({ device: "cpu" }), "--tiny", "--json", json], { encoding: "utf8" });
      assertEquals(ran.status, 0, ran.stderr);
      const { results, skipped } = JSON.parse(readFileSync(json, "utf8")) as KernelsResult;
      assertEquals(skipped, 0);
      const ops = ["linear", "attention", "rms_norm", "silu_multiply", "rotary_cache", "sample"];
      assertEquals([...new Set(results.map(({ op }) => op))].sort(), ops.sort());
      for (const { microseconds, bytes, flops, name } of results) {
        for (const figure of [microseconds, bytes, flops]) assertGreater(figure, 0, name);
      }
      const qkv = results.find(({ name, rows }) => name === "qkv" && rows === 3)!;
      // [256, 64] BF16 weights, F32 rows in and out.
      assertEquals(qkv.bytes, 256 * 64 * 2 + 3 * (64 + 256) * 4);
      assertEquals(qkv.flops, 2 * 3 * 256 * 64);
      const late = spawnSync(program, [findLibrary({ device: "cpu" }), "--tiny", "--seconds", "0"], {
        encoding: "utf8",
      });
      assertEquals((JSON.parse(late.stdout) as KernelsResult).results.length, 0);
      assertEquals((JSON.parse(late.stdout) as KernelsResult).skipped, results.length);
    });
  });
}

test("model_bench.ts measures a shape in every mode of the loop", { timeout: 120_000 }, () => {
  withTemporaryFolder((folder) => {
    const json = join(folder, "model.json");
    const { code, stderr } = runBench("gpu/model_bench.ts", ["tiny", "--tiny", "--json", json]);
    assertEquals(code, 0, stderr);
    const model = JSON.parse(readFileSync(json, "utf8")) as ModelResult;
    const all: string[] = MODES.map(({ name }) => name);
    const ends = [all[0]!, all.at(-1)!];
    const modesOf = (rows: readonly { modes: object }[]) => rows.map(({ modes }) => Object.keys(modes));
    assertEquals(modesOf(model.ttft), [all, ends]);
    assertEquals(modesOf(model.decode), [all, ends]);
    assertEquals(modesOf(model.steps.map(({ idle }) => ({ modes: idle }))), [all, all]);
    for (const { modes } of [...model.ttft, ...model.decode]) {
      for (const { median, count } of Object.values(modes)) {
        assertGreater(median, 0);
        assertEquals(count, 1);
      }
    }
    // A larger batch reads the weights only once.
    const [one, three] = model.decode;
    assert(one!.bytes < three!.bytes && three!.bytes < 3 * one!.bytes);
    assertStringIncludes(reportLines({ ...RUN, parts: [{ ...RUN.parts[0]!, result: model }] }).join("\n"), "batch 3");
  });
});
