/**
 * `upbeat.h` in TypeScript: its constants and a table of its functions. Both adapters bind a library from this table, the
 * type of the symbols is derived from it, and a test compares it with the header.
 *
 * `upbeat.h` documents each function, and the shapes and units of its operands.
 *
 * @module
 */

import type { DeviceHandle, EventHandle, GraphHandle, Pointer, StreamHandle, WeightHandle } from "./types.ts";

/** The version of `upbeat.h` that this table describes. Libraries of other versions are refused. */
export const ABI_VERSION = 4;

/** `OK` and the negative statuses. */
export const STATUS = {
  OK: 0,
  INVALID_ARGUMENT: -1,
  OUT_OF_MEMORY: -2,
  UNAVAILABLE: -3,
  FILE: -4,
  FAULT: -5,
  INTERNAL: -6,
} as const;

/** Element types of weights and caches (`UPBEAT_DTYPE_*`). */
export const DTYPE = { F32: 0, F16: 1, BF16: 2 } as const;

/** The name of an element type. */
export type DtypeName = keyof typeof DTYPE;
/** The code of an element type. */
export type Dtype = typeof DTYPE[DtypeName];

/** What linear takes its inputs as (`UPBEAT_DTYPE_*`): as they are, rounded to BF16, or as 8-bit integers with scales. */
export const INPUT_DTYPE = { F32: 0, BF16: 2, I8: 88 } as const;

/** The code of a type of inputs. */
export type InputDtype = typeof INPUT_DTYPE[keyof typeof INPUT_DTYPE];

/**
 * Block-quantized element types of weight matrices: their code (`UPBEAT_DTYPE_*`: the type's number in GGUF, plus 64), and
 * how many elements of a row are a block of how many bytes.
 */
export const BLOCK_TYPES = {
  Q4_0: { dtype: 66, columns: 32, bytes: 18 },
  Q4_1: { dtype: 67, columns: 32, bytes: 20 },
  Q5_0: { dtype: 70, columns: 32, bytes: 22 },
  Q5_1: { dtype: 71, columns: 32, bytes: 24 },
  Q8_0: { dtype: 72, columns: 32, bytes: 34 },
  Q2_K: { dtype: 74, columns: 256, bytes: 84 },
  Q3_K: { dtype: 75, columns: 256, bytes: 110 },
  Q4_K: { dtype: 76, columns: 256, bytes: 144 },
  Q5_K: { dtype: 77, columns: 256, bytes: 176 },
  Q6_K: { dtype: 78, columns: 256, bytes: 210 },
  IQ2_XXS: { dtype: 80, columns: 256, bytes: 66 },
  IQ2_XS: { dtype: 81, columns: 256, bytes: 74 },
  IQ3_XXS: { dtype: 82, columns: 256, bytes: 98 },
  IQ1_S: { dtype: 83, columns: 256, bytes: 50 },
  IQ4_NL: { dtype: 84, columns: 32, bytes: 18 },
  IQ3_S: { dtype: 85, columns: 256, bytes: 110 },
  IQ2_S: { dtype: 86, columns: 256, bytes: 82 },
  IQ4_XS: { dtype: 87, columns: 256, bytes: 136 },
  IQ1_M: { dtype: 93, columns: 256, bytes: 56 },
  TQ1_0: { dtype: 98, columns: 256, bytes: 54 },
  TQ2_0: { dtype: 99, columns: 256, bytes: 66 },
  MXFP4: { dtype: 103, columns: 32, bytes: 17 },
} as const;

/** The name of a block-quantized type. */
export type BlockTypeName = keyof typeof BLOCK_TYPES;
/** The code of a block-quantized type. */
export type BlockDtype = typeof BLOCK_TYPES[BlockTypeName]["dtype"];

/** Bytes of one element, by {@linkcode Dtype} code. */
export const DTYPE_BYTES = { 0: 4, 1: 2, 2: 2 } as const;

/** Instruction sets of the CPU library (`UPBEAT_SIMD_*`). */
export const SIMD = { AUTO: 0, PORTABLE: 1, AVX2: 2, AVX512: 3, NEON: 4, AMX: 5 } as const;

/** The name of an instruction set. */
export type SimdName = keyof typeof SIMD;

/** Negative tokens: `PADDING` for a padding row, `NOT_FINITE` for a row that has no finite logit to choose from. */
export const TOKEN = { PADDING: -1, NOT_FINITE: -2 } as const;

/** Columns of a row of F32 sampling parameters of `upbeat_sample`, and the length of the row. */
export const SAMPLING_FLOATS = {
  TEMPERATURE: 0,
  TOP_P: 1,
  MIN_P: 2,
  REPETITION_PENALTY: 3,
  PRESENCE_PENALTY: 4,
  FREQUENCY_PENALTY: 5,
  LENGTH: 8,
} as const;

/** Columns of a row of int32 sampling controls of `upbeat_sample`, and the length of the row. */
export const SAMPLING_INTS = {
  ACTIVE: 0,
  TOP_K: 1,
  SEED_LOW: 2,
  SEED_HIGH: 3,
  POSITION: 4,
  HISTORY_START: 5,
  HISTORY_LENGTH: 6,
  PROMPT_LENGTH: 7,
  LOGPROBS: 8,
  BIAS_START: 9,
  BIAS_COUNT: 10,
  LENGTH: 12,
} as const;

/**
 * How an argument crosses the boundary.
 *
 * - `i32`, `f32`: scalars, as numbers. `i64`: an integer below 2^53, as a number; slow in Deno, so never in a step.
 * - `device`, `stream`, `event`, `graph`, `weight`: an `i32` handle.
 * - `pointer`: an address of device or pinned host memory; `pointer?`: or null.
 * - `buffer`: a small typed array that the call fills before it returns.
 * - `cstring`: the bytes of a NUL-terminated UTF-8 string.
 */
export type ArgumentType = keyof ArgumentTypes;

/** The TypeScript type of each {@linkcode ArgumentType}. */
export interface ArgumentTypes {
  i32: number;
  i64: number;
  f32: number;
  device: DeviceHandle;
  stream: StreamHandle;
  event: EventHandle;
  graph: GraphHandle;
  weight: WeightHandle;
  pointer: Pointer;
  "pointer?": Pointer | null;
  buffer: Uint8Array | BigInt64Array | Float64Array;
  cstring: Uint8Array;
}

/** A parameter: its name in the header and how it crosses, as in `"rows: i32"`. */
export type Parameter = `${string}: ${ArgumentType}`;

/** Every function of `upbeat.h` with its parameters, in order. All of them return an `int32_t`. */
export const SYMBOLS = {
  // Library
  upbeat_abi_version: [],
  upbeat_last_error: ["message: buffer", "capacity: i32"],
  upbeat_device_count: [],

  // Device
  upbeat_device_open: ["index: i32", "threads: i32", "simd: i32"],
  upbeat_device_close: ["device: device"],
  upbeat_device_info: ["device: device", "json: buffer", "capacity: i32"],
  upbeat_device_usage: ["device: device", "usage: buffer"],
  upbeat_device_dependent_launches: ["device: device", "wanted: i32"],

  // Memory
  upbeat_memory_allocate: ["device: device", "bytes: i64", "address: buffer"],
  upbeat_memory_free: ["device: device", "address: pointer"],
  upbeat_host_allocate: ["device: device", "bytes: i64", "address: buffer"],
  upbeat_host_free: ["device: device", "address: pointer"],
  upbeat_copy_to_device: ["stream: stream", "destination: pointer", "source: pointer", "bytes: i64"],
  upbeat_copy_to_host: ["stream: stream", "destination: pointer", "source: pointer", "bytes: i64"],
  upbeat_copy_on_device: ["stream: stream", "destination: pointer", "source: pointer", "bytes: i64"],
  upbeat_memory_fill: ["stream: stream", "destination: pointer", "value: i32", "bytes: i64"],
  upbeat_memory_load: [
    "stream: stream",
    "destination: pointer",
    "path: cstring",
    "offset: i64",
    "dtype: i32",
    "count: i64",
  ],

  // Streams, events, graphs
  upbeat_stream_create: ["device: device"],
  upbeat_stream_destroy: ["stream: stream"],
  upbeat_stream_synchronize: ["stream: stream", "timeout_us: i64"],
  upbeat_stream_wait_event: ["stream: stream", "event: event"],
  upbeat_stream_inject_fault: ["stream: stream"],
  upbeat_event_create: ["device: device"],
  upbeat_event_destroy: ["event: event"],
  upbeat_event_record: ["event: event", "stream: stream"],
  upbeat_event_query: ["event: event"],
  upbeat_event_wait: ["event: event", "timeout_us: i64"],
  upbeat_event_elapsed: ["start: event", "end: event", "microseconds: buffer"],
  upbeat_graph_begin: ["stream: stream"],
  upbeat_graph_end: ["stream: stream"],
  upbeat_graph_launch: ["graph: graph", "stream: stream"],
  upbeat_graph_destroy: ["graph: graph"],

  // Ranges for a profiler
  upbeat_range_push: ["name: cstring"],
  upbeat_range_pop: [],

  // Weights
  upbeat_weight_create: ["device: device", "dtype: i32", "rows: i32", "columns: i32", "input_dtype: i32"],
  upbeat_weight_load: [
    "stream: stream",
    "weight: weight",
    "first_row: i32",
    "row_count: i32",
    "path: cstring",
    "offset: i64",
    "paired_rows: i32",
  ],
  upbeat_weight_upload: ["stream: stream", "weight: weight", "first_row: i32", "row_count: i32", "source: pointer"],
  upbeat_weight_randomize: [
    "stream: stream",
    "weight: weight",
    "first_row: i32",
    "row_count: i32",
    "scale: f32",
    "seed_low: i32",
    "seed_high: i32",
  ],
  upbeat_weight_destroy: ["weight: weight"],

  // Ops of a decoder
  upbeat_embedding: ["stream: stream", "weight: weight", "tokens: pointer", "rows: i32", "output: pointer"],
  upbeat_rms_norm: [
    "stream: stream",
    "input: pointer",
    "weight: pointer",
    "epsilon: f32",
    "rows: i32",
    "columns: i32",
    "output: pointer",
  ],
  upbeat_linear: [
    "stream: stream",
    "weight: weight",
    "input: pointer",
    "bias: pointer?",
    "residual: pointer?",
    "rows: i32",
    "output: pointer",
  ],
  upbeat_rotary_table: [
    "stream: stream",
    "inverse_frequencies: pointer",
    "scale: f32",
    "positions: i32",
    "head_dim: i32",
    "table: pointer",
  ],
  upbeat_kv_cache_bytes: [
    "device: device",
    "dtype: i32",
    "blocks: i32",
    "block_size: i32",
    "kv_heads: i32",
    "head_dim: i32",
    "bytes: buffer",
  ],
  upbeat_rotary_cache: [
    "stream: stream",
    "qkv: pointer",
    "positions: pointer",
    "slot_mapping: pointer",
    "rotary_table: pointer",
    "query_norm: pointer?",
    "key_norm: pointer?",
    "epsilon: f32",
    "rows: i32",
    "heads: i32",
    "kv_heads: i32",
    "head_dim: i32",
    "key_cache: pointer",
    "value_cache: pointer",
    "cache_dtype: i32",
    "block_size: i32",
  ],
  upbeat_attention: [
    "stream: stream",
    "query: pointer",
    "query_stride: i32",
    "key_cache: pointer",
    "value_cache: pointer",
    "cache_dtype: i32",
    "block_tables: pointer",
    "max_blocks: i32",
    "query_starts: pointer",
    "sequence_lengths: pointer",
    "requests: i32",
    "rows: i32",
    "heads: i32",
    "kv_heads: i32",
    "head_dim: i32",
    "block_size: i32",
    "scale: f32",
    "sliding_window: i32",
    "output: pointer",
  ],
  upbeat_silu_multiply: ["stream: stream", "gate_up: pointer", "rows: i32", "columns: i32", "output: pointer"],
  upbeat_gather_rows: [
    "stream: stream",
    "input: pointer",
    "indices: pointer",
    "input_rows: i32",
    "rows: i32",
    "columns: i32",
    "output: pointer",
  ],

  // Tokens and sampling
  upbeat_gather_tokens: [
    "stream: stream",
    "table: pointer",
    "sources: pointer",
    "rows: i32",
    "table_length: i32",
    "output: pointer",
  ],
  upbeat_scatter_tokens: [
    "stream: stream",
    "tokens: pointer",
    "destinations: pointer",
    "rows: i32",
    "table_length: i32",
    "table: pointer",
  ],
  upbeat_sample: [
    "stream: stream",
    "logits: pointer",
    "rows: i32",
    "vocabulary: i32",
    "floats: pointer",
    "ints: pointer",
    "token_table: pointer",
    "bias_tokens: pointer?",
    "bias_values: pointer?",
    "max_logprobs: i32",
    "tokens: pointer",
    "logprobs: pointer?",
    "logprob_tokens: pointer?",
  ],
} as const satisfies Record<string, readonly Parameter[]>;

/** The name of a function of the ABI. */
export type SymbolName = keyof typeof SYMBOLS;

/** The TypeScript types of a list of parameters. */
type Arguments<Parameters extends readonly Parameter[]> = {
  -readonly [Index in keyof Parameters]: Parameters[Index] extends `${string}: ${infer Type extends ArgumentType}`
    ? ArgumentTypes[Type]
    : never;
};

/**
 * The functions of an open library, under their names in `upbeat.h` and with their parameters in that order. Each
 * returns a handle or count >= 0, or a negative {@linkcode STATUS}.
 *
 * Call them as `symbols.upbeat_linear(...)`, each call written out: runtimes compile a foreign call well only where the
 * call site always calls the same function.
 */
export type Symbols = {
  readonly [Name in SymbolName]: (...args: Arguments<typeof SYMBOLS[Name]>) => number;
};

/**
 * Split a parameter of {@linkcode SYMBOLS}.
 *
 * @param parameter The parameter, as in `"rows: i32"`.
 * @returns Its name and how it crosses.
 */
export function parseParameter(parameter: Parameter): { name: string; type: ArgumentType } {
  const [name, type] = parameter.split(": ") as [string, ArgumentType];
  return { name, type };
}
