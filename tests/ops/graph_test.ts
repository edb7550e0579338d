import { assertEquals } from "@std/assert";
import type { Random } from "./random.ts";
import { assertSameBits, type OpBench, testOp } from "./op_bench.ts";
import { forCases } from "./random.ts";
import { type BatchRow, SamplingBatch } from "./sampling_batch.ts";

/** A chain of ops over random operands: norm, linear, silu, linear with residual. */
function randomChain(bench: OpBench, random: Random) {
  const [rows, width, inner] = [random.integer(1, 40), random.integer(8, 120), random.integer(8, 150)];
  const { symbols, stream } = bench;
  const input = bench.upload(random.floats(rows * width));
  const norm = bench.upload(random.floats(width));
  const up = bench.weight(random.floats(2 * inner * width), width, "BF16").handle;
  const down = bench.weight(random.floats(width * inner), inner, "F16").handle;
  const [normed, gateUp, gated] = [rows * width, rows * 2 * inner, rows * inner].map((size) => bench.output(size)) as [
    ReturnType<OpBench["output"]>,
    ReturnType<OpBench["output"]>,
    ReturnType<OpBench["output"]>,
  ];
  const output = bench.output(rows * width);
  const enqueue = () => {
    bench.check(symbols.upbeat_rms_norm(stream, input, norm, 1e-6, rows, width, normed.pointer));
    bench.check(symbols.upbeat_linear(stream, up, normed.pointer, null, null, rows, gateUp.pointer));
    bench.check(symbols.upbeat_silu_multiply(stream, gateUp.pointer, rows, inner, gated.pointer));
    bench.check(symbols.upbeat_linear(stream, down, gated.pointer, null, input, rows, output.pointer));
  };
  return { input, size: rows * width, output, enqueue };
}

testOp("a graph replays ops with the same bits as direct launches", (bench) => {
  forCases(4, (random) => {
    const chain = randomChain(bench, random);
    const clear = () => bench.symbols.upbeat_memory_fill(bench.stream, chain.output.pointer, 0, chain.size * 4);
    chain.enqueue();
    const direct = bench.floats(chain.output);
    bench.check(clear());
    bench.replay(chain.enqueue);
    assertSameBits(bench.floats(chain.output), direct, "replayed once");
    bench.check(clear());
    bench.replay(chain.enqueue, 3);
    assertSameBits(bench.floats(chain.output), direct, "replayed three times");
  });
});

testOp("a graph reads its operands when it is replayed, not when it is captured", (bench) => {
  forCases(2, (random) => {
    const chain = randomChain(bench, random);
    const graph = bench.device.capture(bench.stream, chain.enqueue);
    const changed = bench.upload(random.floats(chain.size));
    bench.check(bench.symbols.upbeat_copy_on_device(bench.stream, chain.input, changed, chain.size * 4));
    bench.check(bench.symbols.upbeat_graph_launch(graph, bench.stream));
    const replayed = bench.floats(chain.output);
    chain.enqueue();
    assertSameBits(replayed, bench.floats(chain.output), "after the change");
  });
});

testOp("a graph replays sampling with the same tokens", (bench) => {
  forCases(3, (random) => {
    const vocabulary = random.integer(20, 2000);
    const rows: BatchRow[] = Array.from({ length: 4 }, (_, row) => ({
      logits: random.floats(vocabulary, 4),
      sampling: {
        temperature: row === 0 ? 0 : 0.75,
        topK: 0,
        topP: 0.9375,
        minP: 0,
        repetitionPenalty: 1.25,
        presencePenalty: 0,
        frequencyPenalty: 0,
        seed: BigInt(random.integer(0, 1000)),
        position: row,
        prompt: [1, 2],
        output: [3],
        bias: [],
      },
      logprobs: 2,
    }));
    const direct = new SamplingBatch(bench, rows, vocabulary, 2);
    direct.enqueue();
    const replayed = new SamplingBatch(bench, rows, vocabulary, 2);
    bench.replay(() => replayed.enqueue());
    assertEquals(replayed.read(), direct.read());
  });
});
