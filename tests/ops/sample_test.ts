import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { TOKEN } from "../../ffi/abi.ts";
import {
  distribution,
  draw,
  logProbabilities,
  PLAIN_ROW,
  type SamplingRow,
  uniformAt,
} from "../support/models/reference_sampling.ts";
import { isUntouched, OpBench, testOp } from "./op_bench.ts";
import { forCases, Random } from "./random.ts";
import { type BatchRow, sampleBatch } from "./sampling_batch.ts";

function randomSampling(random: Random, vocabulary: number): SamplingRow {
  const token = () => random.integer(0, vocabulary - 1);
  const tokens = (most: number) => Array.from({ length: random.integer(0, most) }, token);
  const off = () => random.pick([true, false]);
  return {
    temperature: Math.fround(random.pick([0, 1, 0.3 + random.unit() * 1.5, 0.3 + random.unit()])),
    topK: off() ? 0 : random.integer(1, vocabulary + 5),
    topP: Math.fround(off() ? 1 : 0.2 + random.unit() * 0.79),
    minP: Math.fround(off() ? 0 : random.unit() * 0.3),
    repetitionPenalty: Math.fround(off() ? 1 : 0.7 + random.unit()),
    presencePenalty: Math.fround(off() ? 0 : random.unit() * 2 - 0.5),
    frequencyPenalty: Math.fround(off() ? 0 : random.unit() - 0.3),
    seed: (BigInt(random.integer(0, 2 ** 32 - 1)) << 32n) | BigInt(random.integer(0, 2 ** 32 - 1)),
    position: random.integer(0, 100000),
    prompt: tokens(12),
    output: tokens(9),
    bias: off() ? [] : tokens(5).map((id) => [id, Math.fround(random.unit() * 8 - 4)] as const),
  };
}

function randomBatch(random: Random, vocabulary: number, maxLogprobs: number): BatchRow[] {
  return Array.from({ length: random.integer(1, 9) }, () => {
    if (random.integer(0, 6) === 0) return null;
    const logits = random.floats(vocabulary, random.pick([1, 5, 12]));
    if (random.pick([true, false])) logits[random.integer(0, vocabulary - 1)] = random.pick([NaN, -Infinity]);
    const sampling = randomSampling(random, vocabulary);
    return { logits, sampling, logprobs: random.pick([-1, random.integer(0, Math.min(maxLogprobs, vocabulary - 1))]) };
  });
}

testOp("upbeat_sample() selects the reference's token in batches of mixed parameters", (bench) => {
  let compared = 0;
  forCases(25, (random) => {
    const vocabulary = random.pick([random.integer(2, 40), random.integer(40, 1500), random.integer(1500, 5000)]);
    const rows = randomBatch(random, vocabulary, 0);
    const { tokens } = sampleBatch(bench, rows, vocabulary);
    for (const [index, row] of rows.entries()) {
      if (row === null) {
        assertEquals(tokens[index], -1, `row ${index} is padding`);
        continue;
      }
      const { sampling } = row;
      const kept = distribution(row.logits, sampling);
      const { token, margin } = draw(kept, uniformAt(sampling.seed, sampling.position));
      // If the uniform number is at a boundary, float32 may be on its other side.
      if (margin < 1e-5) continue;
      compared++;
      const what = JSON.stringify({ ...sampling, seed: String(sampling.seed) });
      assertEquals(tokens[index], token, `row ${index}, vocabulary ${vocabulary}, ${what}`);
    }
  });
  assertGreater(compared, 80);
});

testOp("upbeat_sample() selects the reference's token from a vocabulary of 50,000", (bench) => {
  const random = new Random(11);
  const vocabulary = 50_000;
  const logits = random.floats(vocabulary, 10);
  const parameters = [{ topP: 0.9375 }, { topK: 50, minP: 0.03125 }, { temperature: 0 }];
  const rows = parameters.map((changes, position) => ({
    logits,
    sampling: { ...PLAIN_ROW, ...changes, seed: 99n, position },
    logprobs: -1,
  }));
  const { tokens } = sampleBatch(bench, rows, vocabulary);
  for (const [index, { sampling }] of rows.entries()) {
    const { token, margin } = draw(distribution(logits, sampling), uniformAt(sampling.seed, sampling.position));
    if (margin >= 1e-5) assertEquals(tokens[index], token, `row ${index}`);
  }
});

testOp("upbeat_sample() has the same token and log-probabilities for a row alone and in a batch", (bench) => {
  forCases(8, (random) => {
    const vocabulary = random.integer(10, 3000);
    const maxLogprobs = 6;
    const rows = randomBatch(random, vocabulary, maxLogprobs);
    const batch = sampleBatch(bench, rows, vocabulary, maxLogprobs);
    for (const [index, row] of rows.entries()) {
      const alone = sampleBatch(bench, [row], vocabulary, maxLogprobs);
      assertEquals(alone.tokens[0], batch.tokens[index], `row ${index}`);
      if (row === null || row.logprobs < 0) continue;
      const part = batch.logprobs.subarray(index * 7, index * 7 + 1 + row.logprobs);
      assertEquals(alone.logprobs.subarray(0, 1 + row.logprobs), part, `log-probabilities of row ${index}`);
    }
  });
});

testOp("upbeat_sample() returns log-probabilities of the raw logits, the most likely first", (bench) => {
  forCases(12, (random) => {
    const vocabulary = random.pick([random.integer(8, 40), random.integer(40, 4000)]);
    const maxLogprobs = 8;
    const rows = randomBatch(random, vocabulary, maxLogprobs);
    const { tokens, logprobs, logprobTokens } = sampleBatch(bench, rows, vocabulary, maxLogprobs);
    for (const [index, row] of rows.entries()) {
      if (logprobs.length === 0) continue;
      const values = logprobs.subarray(index * (1 + maxLogprobs), (index + 1) * (1 + maxLogprobs));
      const ids = logprobTokens.subarray(index * maxLogprobs, (index + 1) * maxLogprobs);
      const count = row?.logprobs ?? -1;
      assert(isUntouched(values.subarray(1 + count)), `row ${index}: unused places are left alone`);
      assert(isUntouched(ids.subarray(Math.max(0, count))), `row ${index}: unused places are left alone`);
      if (row === null || count < 0) continue;
      const expected = logProbabilities(row.logits);
      const likeliest = Array.from(expected, (_, id) => id)
        .sort((a, b) => expected[b]! - expected[a]! || a - b).slice(0, count);
      assertEquals([...ids.subarray(0, count)], likeliest, `row ${index}: the likeliest`);
      for (const [rank, id] of [tokens[index]!, ...likeliest].entries()) {
        if (expected[id] === -Infinity) assertEquals(values[rank], -Infinity);
        else assertAlmostEquals(values[rank]!, expected[id]!, 2e-5, `row ${index}: log-probability of ${id}`);
      }
    }
  });
});

testOp("upbeat_sample() selects the lowest id among equal logits", (bench) => {
  const logits = new Float32Array(3000).fill(-1);
  for (const id of [40, 41, 1999, 2048]) logits[id] = 7;
  const sampling = { ...PLAIN_ROW, temperature: 0 };
  const zeros = Float32Array.from(logits, (_, id) => id === 5 ? -0 : id === 9 ? 0 : -3);
  const rows = [{ logits, sampling, logprobs: 3 }, { logits: zeros, sampling, logprobs: 2 }];
  const { tokens, logprobTokens } = sampleBatch(bench, rows, 3000, 3);
  assertEquals([...tokens], [40, 5]);
  assertEquals([...logprobTokens.subarray(0, 5)], [40, 41, 1999, 5, 9]);
  // With temperature, top-k keeps the lowest ids among equals.
  const many = Array.from({ length: 64 }, (_, position) => ({
    logits,
    sampling: { ...PLAIN_ROW, topK: 2, position, seed: 3n },
    logprobs: -1,
  }));
  assertEquals(new Set(sampleBatch(bench, many, 3000).tokens), new Set([40, 41]));
});

testOp("upbeat_sample() draws tokens with the frequency of their probabilities", (bench) => {
  const logits = Float32Array.from([Math.log(0.1), Math.log(0.2), Math.log(0.3), Math.log(0.4)]);
  const count = 2000;
  const rows = Array.from({ length: count }, (_, position) => ({
    logits,
    sampling: { ...PLAIN_ROW, seed: 0x1234567890abcdefn, position },
    logprobs: -1,
  }));
  const counts = [0, 0, 0, 0];
  for (const token of sampleBatch(bench, rows, 4).tokens) counts[token]!++;
  for (const [token, drawn] of counts.entries()) assertAlmostEquals(drawn / count, (token + 1) / 10, 0.04);
});

testOp("upbeat_sample() selects the same tokens as the CPU library, with any parameters", (bench) => {
  using cpu = new OpBench({ simd: "AUTO", threads: 1 });
  forCases(10, (random) => {
    const vocabulary = random.pick([random.integer(2, 40), random.integer(40, 3000)]);
    const rows = randomBatch(random, vocabulary, 0);
    assertEquals(sampleBatch(bench, rows, vocabulary).tokens, sampleBatch(cpu, rows, vocabulary).tokens);
  });
});

testOp(
  "upbeat_sample() selects the same tokens as the CPU library from crowds of equal and almost equal logits",
  (bench) => {
    using cpu = new OpBench({ simd: "AUTO", threads: 1 });
    forCases(4, (random) => {
      const vocabulary = random.integer(3000, 12_000);
      const rows = [0, 1, 3, 2 ** 12].map((values): BatchRow => ({
        logits: random.floats(vocabulary, 4).map((logit, id) =>
          values === 0 ? 1 + (id % 7) * 2 ** -23 : values === 1 ? 0 : Math.round(logit * values) / values
        ),
        sampling: {
          ...randomSampling(random, vocabulary),
          temperature: random.pick([0.5, 1, 1e-30, 1e30]),
          topP: random.pick([0.25, 0.9, 1e-6]),
        },
        logprobs: -1,
      }));
      assertEquals(sampleBatch(bench, rows, vocabulary).tokens, sampleBatch(cpu, rows, vocabulary).tokens);
    });
  },
);

/** A row without a finite logit: by its logits, or by a bias that forbids every token. */
function withoutFinite(random: Random, row: NonNullable<BatchRow>): BatchRow {
  const { logits, sampling } = row;
  if (random.pick([true, false])) {
    return { ...row, sampling: { ...sampling, bias: Array.from(logits, (_, id) => [id, -Infinity] as const) } };
  }
  const values = random.pick([[NaN], [-Infinity], [Infinity], [NaN, -Infinity, Infinity]]);
  return { ...row, logits: logits.map(() => random.pick(values)) };
}

testOp(
  "upbeat_sample() returns TOKEN.NOT_FINITE for rows without a finite logit, and others as without them",
  (bench) => {
    let failed = 0;
    forCases(12, (random) => {
      const vocabulary = random.pick([random.integer(2, 40), random.integer(40, 1500)]);
      const maxLogprobs = 4;
      const clean = randomBatch(random, vocabulary, maxLogprobs);
      const mixed = clean.map((row) =>
        row === null || random.pick([true, false])
          ? row
          : withoutFinite(random, { ...row, logprobs: random.pick([-1, 0, Math.min(maxLogprobs, vocabulary)]) })
      );
      const expected = sampleBatch(bench, clean, vocabulary, maxLogprobs);
      const actual = sampleBatch(bench, mixed, vocabulary, maxLogprobs);
      for (const [index, row] of mixed.entries()) {
        const logprobs = ({ logprobs }: typeof actual) =>
          logprobs.subarray(index * (1 + maxLogprobs), (index + 1) * (1 + maxLogprobs));
        if (row === clean[index]) {
          assertEquals(actual.tokens[index], expected.tokens[index], `row ${index}`);
          if (row !== null && row.logprobs >= 0) assertEquals(logprobs(actual), logprobs(expected), `row ${index}`);
          continue;
        }
        failed++;
        assertEquals(actual.tokens[index], TOKEN.NOT_FINITE, `row ${index}`);
        assert(isUntouched(logprobs(actual)), `row ${index}: its log-probabilities are left alone`);
        assertEquals(draw(distribution(row!.logits, row!.sampling), 0.5).token, TOKEN.NOT_FINITE);
      }
    });
    assertGreater(failed, 10);
  },
);

testOp("upbeat_sample() has finite log-probabilities for infinite logits, equal for all of them", (bench) => {
  const logits = Float32Array.from(
    { length: 700 },
    (_, id) => id % 300 === 7 ? Infinity : id % 5 === 0 ? NaN : id / 100,
  );
  const rows = [0, 1].map((temperature) => ({ logits, sampling: { ...PLAIN_ROW, temperature }, logprobs: 4 }));
  const { tokens, logprobs, logprobTokens } = sampleBatch(bench, rows, 700, 4);
  assertEquals(tokens[0], 7);
  assert([7, 307, 607].includes(tokens[1]!));
  for (const row of [0, 1]) {
    const values = logprobs.subarray(row * 5, row * 5 + 5);
    for (const value of values.subarray(0, 4)) assertAlmostEquals(value, -Math.log(3), 1e-6);
    assertEquals(values[4], -Infinity);
    assertEquals([...logprobTokens.subarray(row * 4, row * 4 + 4)], [7, 307, 607, 0]);
  }
});
