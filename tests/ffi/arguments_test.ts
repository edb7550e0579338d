import { test } from "node:test";
import { assert, assertEquals, assertGreater, assertStringIncludes, assertThrows } from "@std/assert";
import { UpbeatError } from "../../errors.ts";
import { DTYPE, type Pointer } from "../../ffi/device.ts";
import { OpBench } from "../ops/op_bench.ts";

const nothing = null as unknown as Pointer;

/** A bench with memory that many calls can share. */
function withBench(body: (bench: OpBench) => void): void {
  using bench = new OpBench({ simd: "AUTO", threads: 1 });
  body(bench);
}

test("ops refuse invalid arguments, naming them, and enqueue nothing", () => {
  withBench((bench) => {
    const { symbols, stream, device } = bench;
    const a = device.allocate(4096).pointer;
    const b = device.allocate(4096).pointer;
    const host = device.allocateHost(4096).pointer;
    const freed = device.allocate(64);
    const gone = freed.pointer;
    freed.free();
    const weight = bench.weight(new Float32Array(32), 8).handle;
    const calls: [argument: string, call: () => number][] = [
      ["input", () => symbols.upbeat_rms_norm(stream, nothing, a, 1e-6, 1, 8, b)],
      ["input", () => symbols.upbeat_rms_norm(stream, gone, a, 1e-6, 1, 8, b)],
      ["input", () => symbols.upbeat_rms_norm(stream, a, a, 1e-6, 200, 8, b)],
      ["rows", () => symbols.upbeat_rms_norm(stream, a, a, 1e-6, -1, 8, b)],
      ["columns", () => symbols.upbeat_rms_norm(stream, a, a, 1e-6, 1, 0, b)],
      ["epsilon", () => symbols.upbeat_rms_norm(stream, a, a, NaN, 1, 8, b)],
      ["output", () => symbols.upbeat_linear(stream, weight, a, null, null, 1, nothing)],
      ["input", () => symbols.upbeat_linear(stream, weight, nothing, null, null, 1, b)],
      ["rows", () => symbols.upbeat_linear(stream, weight, a, null, null, -3, b)],
      ["weight", () => symbols.upbeat_linear(stream, 0 as typeof weight, a, null, null, 1, b)],
      ["tokens", () => symbols.upbeat_embedding(stream, weight, nothing, 1, b)],
      ["head_dim", () => symbols.upbeat_rotary_table(stream, host, 1, 4, 7, b)],
      ["key_norm", () => symbols.upbeat_rotary_cache(stream, a, a, a, a, a, null, 0, 1, 1, 1, 8, a, b, 0, 4)],
      ["cache_dtype", () => symbols.upbeat_rotary_cache(stream, a, a, a, a, null, null, 0, 1, 1, 1, 8, a, b, 1, 4)],
      ["block_size", () => symbols.upbeat_rotary_cache(stream, a, a, a, a, null, null, 0, 1, 1, 1, 8, a, b, 0, 0)],
      ["heads", () => symbols.upbeat_rotary_cache(stream, a, a, a, a, null, null, 0, 1, 3, 2, 8, a, b, 0, 4)],
      ["query_stride", () => symbols.upbeat_attention(stream, a, 7, a, a, 0, a, 1, a, a, 1, 1, 1, 1, 8, 4, 1, 0, b)],
      ["scale", () => symbols.upbeat_attention(stream, a, 8, a, a, 0, a, 1, a, a, 1, 1, 1, 1, 8, 4, NaN, 0, b)],
      ["columns", () => symbols.upbeat_silu_multiply(stream, a, 1, -8, b)],
      ["indices", () => symbols.upbeat_gather_rows(stream, a, nothing, 4, 1, 8, b)],
      ["table_length", () => symbols.upbeat_gather_tokens(stream, a, a, 1, -1, b)],
      ["vocabulary", () => symbols.upbeat_sample(stream, a, 1, 0, a, a, a, null, null, 0, b, null, null)],
      ["destination", () => symbols.upbeat_copy_to_device(stream, host, host, 4)],
      ["source", () => symbols.upbeat_copy_to_device(stream, a, b, 4)],
      ["destination", () => symbols.upbeat_copy_to_device(stream, a, host, 5000)],
      ["bytes", () => symbols.upbeat_memory_fill(stream, a, 0, -1)],
      ["address", () => symbols.upbeat_memory_free(device.handle, gone)],
      ["address", () => symbols.upbeat_host_free(device.handle, a)],
    ];
    for (const [argument, call] of calls) {
      const error = assertThrows(() => bench.check(call()), UpbeatError);
      assertEquals(error.code, "DEVICE_INVALID_ARGUMENT", `${call}: ${error.message}`);
      assertStringIncludes(error.message, argument, String(call));
    }
    assertEquals(device.synchronize(stream), true);
  });
});

test("ops with no rows do nothing", () => {
  withBench((bench) => {
    const { symbols, stream } = bench;
    const a = bench.device.allocate(256).pointer;
    const weight = bench.weight(new Float32Array(32), 8).handle;
    bench.check(symbols.upbeat_linear(stream, weight, a, null, null, 0, a));
    bench.check(symbols.upbeat_rms_norm(stream, a, a, 1e-6, 0, 8, a));
    bench.check(symbols.upbeat_silu_multiply(stream, a, 0, 8, a));
    bench.check(symbols.upbeat_embedding(stream, weight, a, 0, a));
    assertEquals(bench.device.synchronize(stream), true);
  });
});

test("an index out of range on the device is a fault that names it", () => {
  const faults: ((bench: OpBench) => void)[] = [
    (bench) => {
      const weight = bench.weight(new Float32Array(32), 8).handle;
      const tokens = bench.upload(Int32Array.of(0, 4));
      bench.check(bench.symbols.upbeat_embedding(bench.stream, weight, tokens, 2, bench.output(16).pointer));
    },
    (bench) => {
      const [input, indices] = [bench.upload(new Float32Array(8)), bench.upload(Int32Array.of(1))];
      bench.check(
        bench.symbols.upbeat_gather_rows(bench.stream, input, indices, 1, 1, 8, bench.output(8).pointer),
      );
    },
    (bench) => {
      const [table, sources] = [bench.upload(new Int32Array(8)), bench.upload(Int32Array.of(8))];
      bench.check(
        bench.symbols.upbeat_gather_tokens(bench.stream, table, sources, 1, 8, bench.output(1).pointer),
      );
    },
    (bench) => {
      const [tokens, places] = [bench.upload(Int32Array.of(1)), bench.upload(Int32Array.of(9))];
      bench.check(
        bench.symbols.upbeat_scatter_tokens(bench.stream, tokens, places, 1, 8, bench.output(8).pointer),
      );
    },
  ];
  for (const enqueue of faults) {
    withBench((bench) => {
      enqueue(bench);
      const error = assertThrows(() => bench.device.synchronize(bench.stream), UpbeatError);
      assertEquals(error.code, "DEVICE_FAULT", String(enqueue));
      assertGreater(error.message.length, 20);
    });
  }
});

test("Device.kvCacheBytes() grows with each dimension, and refuses empty ones", () => {
  withBench(({ device }) => {
    const bytes = device.kvCacheBytes(DTYPE.F32, 10, 16, 2, 64);
    assert(bytes >= 10 * 16 * 2 * 64 * 4);
    assertEquals(device.kvCacheBytes(DTYPE.BF16, 10, 16, 2, 64), bytes / 2);
    assertEquals(device.kvCacheBytes(DTYPE.F32, 20, 16, 2, 64), bytes * 2);
    // More than 2^31 and 2^32 bytes.
    assertEquals(device.kvCacheBytes(DTYPE.F32, 1_000_000, 16, 2, 64), bytes * 100_000);
    for (const [blocks, size, heads, dim] of [[0, 16, 2, 64], [1, 0, 2, 64], [1, 16, 0, 64], [1, 16, 2, 0]] as const) {
      const error = assertThrows(() => device.kvCacheBytes(DTYPE.F32, blocks, size, heads, dim), UpbeatError);
      assertEquals(error.code, "DEVICE_INVALID_ARGUMENT");
    }
    assertThrows(() => device.kvCacheBytes(DTYPE.F16, 1, 16, 2, 64), UpbeatError);
  });
});
