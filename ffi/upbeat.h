/*
 * upbeat.h: the C ABI between Upbeat's TypeScript and its device libraries (CPU, CUDA).
 *
 * The rules
 * ---------
 * - Fixed-width scalars and pointers only; nothing by value, no varargs, no callbacks. Memory that one side allocates
 *   is freed by the same side. Strings are NUL-terminated UTF-8 and are copied before the call returns.
 * - Devices, streams, events, graphs and weights are small positive integers ("handles"). Device memory is an address.
 * - Every call returns an int32_t: a handle or UPBEAT_OK on success, a negative UPBEAT_ERROR_* on failure, with a
 *   message from upbeat_last_error on the calling thread. Arguments are checked at the call; a call that fails
 *   enqueues nothing.
 * - Every function that takes a stream is ASYNCHRONOUS: it enqueues on that in-order stream and returns. Its operands
 *   must stay valid until the stream has executed it. Only upbeat_stream_synchronize, upbeat_event_wait, the calls that
 *   destroy, free or close, upbeat_device_open and upbeat_device_dependent_launches may block.
 * - Operands lie within allocations of the device. An output overlaps no input and no other output, unless it is
 *   documented that they may be the same. The lengths of caches, of rotary and token tables and of bias lists are not
 *   arguments: indices into them are valid up to the end of the allocation, or up to the next operand in it.
 * - A fault of running work (an unreadable file, an index out of range) is STICKY: the rest of the device's work is
 *   skipped, and every later wait on that device returns UPBEAT_ERROR_FAULT until the device is closed. The library
 *   never aborts the process.
 * - Calls for one device come from one thread at a time; different devices may be used from different threads.
 *
 * Numbers
 * -------
 * Activations are F32, row-major, tightly packed unless a stride is given. `rows` counts tokens of a ragged batch.
 * BATCH INVARIANCE: what an op computes for one row does not depend on the other rows, on how a prompt was cut into
 * chunks, or on the number of threads: every reduction has a fixed order per row.
 */
#ifndef UPBEAT_H
#define UPBEAT_H

#include <stdint.h>

#if defined(_WIN32)
#define UPBEAT_API __declspec(dllexport)
#else
#define UPBEAT_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Incremented whenever a declaration below changes its meaning. TypeScript refuses a library with another version. */
#define UPBEAT_ABI_VERSION 4

enum {
  UPBEAT_OK = 0,
  UPBEAT_ERROR_INVALID_ARGUMENT = -1,
  UPBEAT_ERROR_OUT_OF_MEMORY = -2,
  UPBEAT_ERROR_UNAVAILABLE = -3, /* no such device, driver or instruction set on this machine */
  UPBEAT_ERROR_FILE = -4,        /* a file cannot be opened, or is shorter than the requested range */
  UPBEAT_ERROR_FAULT = -5,       /* sticky: work on the device failed */
  UPBEAT_ERROR_INTERNAL = -6
};

/* Element types. */
enum {
  UPBEAT_DTYPE_F32 = 0,
  UPBEAT_DTYPE_F16 = 1,
  UPBEAT_DTYPE_BF16 = 2,
  UPBEAT_DTYPE_I8 = 88, /* of inputs only */

  /* Block-quantized types of weight matrices: the types of the GGUF format, their numbers plus 64. A row is a sequence
   * of blocks: of 32 elements, or of 256 (Q*_K, IQ* but IQ4_NL, TQ*). */
  /* clang-format off */
  UPBEAT_DTYPE_Q4_0 = 66, UPBEAT_DTYPE_Q4_1 = 67, UPBEAT_DTYPE_Q5_0 = 70, UPBEAT_DTYPE_Q5_1 = 71,
  UPBEAT_DTYPE_Q8_0 = 72, UPBEAT_DTYPE_Q2_K = 74, UPBEAT_DTYPE_Q3_K = 75, UPBEAT_DTYPE_Q4_K = 76,
  UPBEAT_DTYPE_Q5_K = 77, UPBEAT_DTYPE_Q6_K = 78, UPBEAT_DTYPE_IQ2_XXS = 80, UPBEAT_DTYPE_IQ2_XS = 81,
  UPBEAT_DTYPE_IQ3_XXS = 82, UPBEAT_DTYPE_IQ1_S = 83, UPBEAT_DTYPE_IQ4_NL = 84, UPBEAT_DTYPE_IQ3_S = 85,
  UPBEAT_DTYPE_IQ2_S = 86, UPBEAT_DTYPE_IQ4_XS = 87, UPBEAT_DTYPE_IQ1_M = 93, UPBEAT_DTYPE_TQ1_0 = 98,
  UPBEAT_DTYPE_TQ2_0 = 99, UPBEAT_DTYPE_MXFP4 = 103
  /* clang-format on */
};

/* Instruction sets of the CPU library (upbeat_device_open). Other libraries accept AUTO only. */
enum {
  UPBEAT_SIMD_AUTO = 0,
  UPBEAT_SIMD_PORTABLE = 1,
  UPBEAT_SIMD_AVX2 = 2,   /* AVX2 + FMA + F16C */
  UPBEAT_SIMD_AVX512 = 3, /* F, BW, DQ, VL */
  UPBEAT_SIMD_NEON = 4,
  UPBEAT_SIMD_AMX = 5 /* AVX512 + AMX-TILE, AMX-BF16 */
};

/* ---- Library ------------------------------------------------------------------------------------------------- */

/* UPBEAT_ABI_VERSION of the library. */
UPBEAT_API int32_t upbeat_abi_version(void);

/* Copies the calling thread's last error message (UTF-8, NUL-terminated, cut to capacity) and returns its full length
 * in bytes without the NUL; 0 when there is none. */
UPBEAT_API int32_t upbeat_last_error(uint8_t* message, int32_t capacity);

/* The number of devices this library can open on this machine; 0 when there is none (upbeat_last_error has the
 * reason). */
UPBEAT_API int32_t upbeat_device_count(void);

/* ---- Device -------------------------------------------------------------------------------------------------- */

/* Opens device `index` with `threads` compute threads (0: one per usable core; a GPU library ignores it) and the given
 * UPBEAT_SIMD_*. Returns a device handle. When the calling thread ends without having closed the device, the library
 * closes it then, unless the whole process ends. */
UPBEAT_API int32_t upbeat_device_open(int32_t index, int32_t threads, int32_t simd);

/* Waits for the device's work, then frees everything it owns: streams, events, graphs, weights, memory. */
UPBEAT_API int32_t upbeat_device_close(int32_t device);

/* Writes a JSON object about the device and returns its full length in bytes (cut to capacity when longer):
 * {"library","name","memoryTotal","memoryFree" (bytes),"cores","threads","instructionSet"|"computeCapability"}. */
UPBEAT_API int32_t upbeat_device_info(int32_t device, uint8_t* json, int32_t capacity);

/* Bytes allocated on the device: usage[0] device memory, usage[1] pinned host memory, usage[2] weights, padding of the
 * library's layout included. */
UPBEAT_API int32_t upbeat_device_usage(int32_t device, int64_t* usage);

/* Sets whether kernels of graphs captured from here on may begin before the kernel before them has ended (1) or not
 * (0, the default): CUDA's programmatic dependent launch. It affects timing, never results. UNAVAILABLE where the
 * library, the GPU or its driver does not support it. */
UPBEAT_API int32_t upbeat_device_dependent_launches(int32_t device, int32_t wanted);

/* ---- Memory -------------------------------------------------------------------------------------------------- */

/* Allocates device memory, 64-byte aligned or better and zeroed; its address goes to *address. */
UPBEAT_API int32_t upbeat_memory_allocate(int32_t device, int64_t bytes, int64_t* address);

/* Frees device memory that no enqueued work uses. */
UPBEAT_API int32_t upbeat_memory_free(int32_t device, void* address);

/* Allocates pinned host memory, 64-byte aligned or better and zeroed, readable and writable by the host and by
 * copies. */
UPBEAT_API int32_t upbeat_host_allocate(int32_t device, int64_t bytes, int64_t* address);

/* Frees pinned host memory that no enqueued work uses. */
UPBEAT_API int32_t upbeat_host_free(int32_t device, void* address);

/* Copies pinned host memory to device memory. */
UPBEAT_API int32_t upbeat_copy_to_device(int32_t stream, void* destination, const void* source, int64_t bytes);

/* Copies device memory to pinned host memory. */
UPBEAT_API int32_t upbeat_copy_to_host(int32_t stream, void* destination, const void* source, int64_t bytes);

/* Copies within device memory; the ranges must not overlap. */
UPBEAT_API int32_t upbeat_copy_on_device(int32_t stream, void* destination, const void* source, int64_t bytes);

/* Sets every byte of a range of device memory to the low 8 bits of `value`. */
UPBEAT_API int32_t upbeat_memory_fill(int32_t stream, void* destination, int32_t value, int64_t bytes);

/* Reads `count` elements of `dtype` at byte `offset` of a file and stores them as F32 at `destination` (norm weights,
 * biases). The file is opened and its length checked at the call. */
UPBEAT_API int32_t upbeat_memory_load(int32_t stream, void* destination, const char* path, int64_t offset,
                                      int32_t dtype, int64_t count);

/* ---- Streams, events, graphs --------------------------------------------------------------------------------- */

/* Creates an in-order stream. */
UPBEAT_API int32_t upbeat_stream_create(int32_t device);

/* Waits for a stream's work and destroys it. */
UPBEAT_API int32_t upbeat_stream_destroy(int32_t stream);

/* Waits until the stream is empty, at most `timeout_us` microseconds (negative: without limit).
 * Returns 1 when it is, 0 on timeout. */
UPBEAT_API int32_t upbeat_stream_synchronize(int32_t stream, int64_t timeout_us);

/* Makes later work of `stream` wait for the latest record of `event`; an event never recorded does not block it. */
UPBEAT_API int32_t upbeat_stream_wait_event(int32_t stream, int32_t event);

/* Makes the device fault at this point of the stream, as a broken kernel would. For tests of recovery. */
UPBEAT_API int32_t upbeat_stream_inject_fault(int32_t stream);

/* Creates an event. */
UPBEAT_API int32_t upbeat_event_create(int32_t device);

/* Destroys an event that nothing waits for. */
UPBEAT_API int32_t upbeat_event_destroy(int32_t event);

/* Makes the event stand for all work enqueued on `stream` so far. */
UPBEAT_API int32_t upbeat_event_record(int32_t event, int32_t stream);

/* 1 when the event's latest record has been passed, or there is none; 0 when not yet. Never blocks. */
UPBEAT_API int32_t upbeat_event_query(int32_t event);

/* Waits for the event's latest record, at most `timeout_us` microseconds (negative: without limit).
 * Returns 1 when it was passed, 0 on timeout. */
UPBEAT_API int32_t upbeat_event_wait(int32_t event, int64_t timeout_us);

/* Time between two passed events, in microseconds, to *microseconds. */
UPBEAT_API int32_t upbeat_event_elapsed(int32_t start, int32_t end, double* microseconds);

/* Begins capture: until upbeat_graph_end, work enqueued on `stream` is captured and not run. Waiting on the stream,
 * recording events on it and loading weights through it are errors meanwhile. */
UPBEAT_API int32_t upbeat_graph_begin(int32_t stream);

/* Ends capture and returns a graph handle. */
UPBEAT_API int32_t upbeat_graph_end(int32_t stream);

/* Enqueues all work of a graph in one call. The same graph may be launched again before it has finished. */
UPBEAT_API int32_t upbeat_graph_launch(int32_t graph, int32_t stream);

/* Destroys a graph that is no longer enqueued. */
UPBEAT_API int32_t upbeat_graph_destroy(int32_t graph);

/* ---- Ranges for a profiler ------------------------------------------------------------------------------------- */

/* Opens a named range of the calling thread for a profiler, until the matching pop (NVTX in the CUDA library, no
 * effect in others). Ranges nest. */
UPBEAT_API int32_t upbeat_range_push(const char* name);

/* Closes the range that the calling thread opened last. */
UPBEAT_API int32_t upbeat_range_pop(void);

/* ---- Weights ------------------------------------------------------------------------------------------------- */

/* Creates an empty weight matrix of `rows` (outputs) x `columns` (inputs) elements of `dtype`, in the layout of this
 * library's kernels. Rows are filled by the calls below, in any order, each row once: matrices that share an input
 * (q, k, v; gate, up) are stacked into one. Of a block-quantized dtype, columns are a multiple of the block.
 * input_dtype: how upbeat_linear takes its inputs with this weight. UPBEAT_DTYPE_F32: as they are. UPBEAT_DTYPE_BF16:
 * each rounded to BF16 (to nearest, ties to even), which needs a third of the products of a tensor core.
 * UPBEAT_DTYPE_I8: 32 inputs at a time as integers, with s the largest magnitude / 127 (all in F32), each input x is
 * round(x * (127 / largest)) * s; of a row with an infinity or a NaN all outputs are NaN. UNAVAILABLE where the library
 * has no kernels for the pair: every library has them for F32 inputs; for BF16 inputs the CUDA library with F16, BF16
 * and block-quantized weights, and UPBEAT_SIMD_AMX with BF16 weights; for I8 inputs the CPU library with
 * block-quantized weights. The CUDA library keeps these as BF16. */
UPBEAT_API int32_t upbeat_weight_create(int32_t device, int32_t dtype, int32_t rows, int32_t columns,
                                        int32_t input_dtype);

/* Fills `row_count` rows from `first_row` with row-major elements of the matrix's dtype at byte `offset` of a file. The
 * file is opened and its length checked at the call.
 * paired_rows: 0, and the rows of the file are in order; or an even divisor of row_count, and they come in groups of
 * that many, of which row 2j + t (t is 0 or 1) is row j + t * paired_rows / 2 of the group in the matrix: q and k in
 * GGUF files of Llama models, which are stored for rotation of adjacent pairs (paired_rows = head_dim). */
UPBEAT_API int32_t upbeat_weight_load(int32_t stream, int32_t weight, int32_t first_row, int32_t row_count,
                                      const char* path, int64_t offset, int32_t paired_rows);

/* Rows in order from pinned host memory, at any alignment. */
UPBEAT_API int32_t upbeat_weight_upload(int32_t stream, int32_t weight, int32_t first_row, int32_t row_count,
                                        const void* source);

/* Fills rows with random elements, so that a model's shape can run without its files: uniform between -scale and scale,
 * a pure function of seed, row and column, the same in every library. With x the word number c % 4 of Philox4x32-10
 * (Salmon et al. 2011), key = seed, counter = (c / 4, r, 0, 1), the element at row r, column c of the matrix is
 * (2 * (x >> 8) + 1 - 2^24) / 2^24 * scale, as F32, then rounded to the matrix's dtype (to nearest, ties to even).
 * scale: finite, above 0. Not of a block-quantized dtype. */
UPBEAT_API int32_t upbeat_weight_randomize(int32_t stream, int32_t weight, int32_t first_row, int32_t row_count,
                                           float scale, int32_t seed_low, int32_t seed_high);

/* Frees a weight that no enqueued work uses. */
UPBEAT_API int32_t upbeat_weight_destroy(int32_t weight);

/* ---- Ops of a decoder ---------------------------------------------------------------------------------------- */

/* output[r, :] = weight[tokens[r], :] as F32.   tokens: int32 [rows]; output: F32 [rows, columns of the weight].
 * A negative token (padding) gives a row of zeros; any other token outside the matrix is a fault. */
UPBEAT_API int32_t upbeat_embedding(int32_t stream, int32_t weight, const void* tokens, int32_t rows, void* output);

/* output[r, :] = input[r, :] / sqrt(mean(input[r, :]^2) + epsilon) * weight.   (Zhang and Sennrich 2019)
 * input, output: F32 [rows, columns], may be the same; weight: F32 [columns]. */
UPBEAT_API int32_t upbeat_rms_norm(int32_t stream, const void* input, const void* weight, float epsilon, int32_t rows,
                                   int32_t columns, void* output);

/* output[r, :] = input[r, :] * transpose(weight) + bias + residual[r, :].
 * input: F32 [rows, columns of the weight]; output, residual: F32 [rows, rows of the weight]; bias: F32 [rows of the
 * weight]. bias and residual may be null; residual may be output. For each output element the products are added in
 * ascending order of the input column, by fused multiply-add, from zero; then the bias, then the residual. (The CPU
 * library's portable kernels multiply and add in two roundings. With UPBEAT_SIMD_AMX and BF16 weights, an input is the
 * exact sum of three BF16 numbers, and products are added 32 inputs at a time; numbers below 2^-126 count as zero. The
 * CUDA library splits inputs and weights in the same way and adds 16 inputs at a time, in eight slices of the inputs
 * whose sums it then adds. Each order is the same for any number of rows.) A weight created with BF16 inputs rounds
 * each input to one BF16 number. With I8 inputs, products are added exactly, those of 32 inputs (16 where a scale of
 * the weights belongs to 16); then sum = products * (weight scale * s) + sum in one rounding, and where the weights
 * have offsets sum = offset * (s * sum of the integers) + sum. */
UPBEAT_API int32_t upbeat_linear(int32_t stream, int32_t weight, const void* input, const void* bias,
                                 const void* residual, int32_t rows, void* output);

/* Fills table: F32 [positions, head_dim]: for each position p and pair i, cos(p * inverse_frequencies[i]) * scale at
 * [p, i] and sin(...) * scale at [p, head_dim / 2 + i], computed in double precision.
 * inverse_frequencies: F64 [head_dim / 2], in pinned host memory. */
UPBEAT_API int32_t upbeat_rotary_table(int32_t stream, const void* inverse_frequencies, float scale, int32_t positions,
                                       int32_t head_dim, void* table);

/* Bytes of ONE of the two caches (key or value) of one layer, to *bytes. The layout is internal to the library; a cache
 * is aligned to 16 bytes. */
UPBEAT_API int32_t upbeat_kv_cache_bytes(int32_t device, int32_t dtype, int32_t blocks, int32_t block_size,
                                         int32_t kv_heads, int32_t head_dim, int64_t* bytes);

/* Optional per-head RMSNorm of q and k (query_norm, key_norm: F32 [head_dim] or null, both or none), rotary embedding
 * of q and k (pairs (i, i + head_dim / 2); Su et al. 2021, in the half-split form of Hugging Face), q written in place,
 * k and v written to the paged cache.
 * qkv: F32 [rows, (heads + 2 * kv_heads) * head_dim], q then k then v; positions: int32 [rows], below the table's;
 * slot_mapping: int32 [rows], block * block_size + offset within the block, negative: the row is padding and nothing is
 * written; rotary_table: from upbeat_rotary_table; caches of `dtype` F32 or BF16. */
UPBEAT_API int32_t upbeat_rotary_cache(int32_t stream, void* qkv, const void* positions, const void* slot_mapping,
                                       const void* rotary_table, const void* query_norm, const void* key_norm,
                                       float epsilon, int32_t rows, int32_t heads, int32_t kv_heads, int32_t head_dim,
                                       void* key_cache, void* value_cache, int32_t cache_dtype, int32_t block_size);

/* Causal attention over the paged cache with grouped queries, prefill chunks and decode rows in one ragged call.
 * Request i has the query rows query_starts[i] .. query_starts[i + 1] - 1, the LAST ones of its sequence_lengths[i]
 * tokens (all already in the cache), so its row j is at position sequence_lengths[i] - (its query count) + j and sees
 * the keys of all positions up to its own, or only the last `sliding_window` of them (its own included) when that is >
 * 0. Token t of request i is at block block_tables[i, t / block_size], offset t % block_size. query: F32, row r at
 * query + r * query_stride elements, [heads, head_dim] within; query_starts: int32 [requests + 1]; sequence_lengths:
 * int32 [requests]; block_tables: int32 [requests, max_blocks]; output: F32 [rows, heads * head_dim]. scale multiplies
 * q.k before the softmax. A request with no query rows is skipped; one with sequence length 0 (padding) gives rows of
 * zeros. max_blocks * block_size: at most 2^30. Rows from query_starts[requests] on are not written. */
UPBEAT_API int32_t upbeat_attention(int32_t stream, const void* query, int32_t query_stride, const void* key_cache,
                                    const void* value_cache, int32_t cache_dtype, const void* block_tables,
                                    int32_t max_blocks, const void* query_starts, const void* sequence_lengths,
                                    int32_t requests, int32_t rows, int32_t heads, int32_t kv_heads, int32_t head_dim,
                                    int32_t block_size, float scale, int32_t sliding_window, void* output);

/* output[r, c] = silu(gate_up[r, c]) * gate_up[r, columns + c], silu(x) = x / (1 + exp(-x)).
 * gate_up: F32 [rows, 2 * columns]; output: F32 [rows, columns], not overlapping gate_up. */
UPBEAT_API int32_t upbeat_silu_multiply(int32_t stream, const void* gate_up, int32_t rows, int32_t columns,
                                        void* output);

/* output[r, :] = input[indices[r], :].   indices: int32 [rows], negative: zeros; input: F32 [input_rows, columns]. */
UPBEAT_API int32_t upbeat_gather_rows(int32_t stream, const void* input, const void* indices, int32_t input_rows,
                                      int32_t rows, int32_t columns, void* output);

/* ---- Tokens and sampling --------------------------------------------------------------------------------------
 * The token table has every running request's tokens on the device, prompt and generated, int32 [table_length]: the
 * next step's input ids are gathered from where this step's samples were scattered, without the host. */

/* Negative tokens. */
enum {
  UPBEAT_TOKEN_PADDING = -1,   /* the row is padding */
  UPBEAT_TOKEN_NOT_FINITE = -2 /* upbeat_sample: the row has no finite logit to choose from */
};

/* output[r] = table[sources[r]]; a negative source (padding) gives UPBEAT_TOKEN_PADDING.   All int32. */
UPBEAT_API int32_t upbeat_gather_tokens(int32_t stream, const void* table, const void* sources, int32_t rows,
                                        int32_t table_length, void* output);

/* table[destinations[r]] = tokens[r]; a negative destination is skipped.   All int32. A negative token is stored as 0:
 * a step enqueued before the host has seen that a row failed reads a valid token there, as input and as history. */
UPBEAT_API int32_t upbeat_scatter_tokens(int32_t stream, const void* tokens, const void* destinations, int32_t rows,
                                         int32_t table_length, void* table);

/* Columns of the F32 sampling parameters of a row. */
enum {
  UPBEAT_SAMPLING_TEMPERATURE = 0,        /* 0: greedy (lowest id among equals) */
  UPBEAT_SAMPLING_TOP_P = 1,              /* 1: off */
  UPBEAT_SAMPLING_MIN_P = 2,              /* 0: off */
  UPBEAT_SAMPLING_REPETITION_PENALTY = 3, /* 1: off; over prompt and output (Keskar et al. 2019) */
  UPBEAT_SAMPLING_PRESENCE_PENALTY = 4,   /* 0: off; over output */
  UPBEAT_SAMPLING_FREQUENCY_PENALTY = 5,  /* 0: off; over output */
  UPBEAT_SAMPLING_FLOATS = 8              /* row length */
};

/* Columns of the int32 sampling controls of a row. */
enum {
  UPBEAT_SAMPLING_ACTIVE = 0,   /* 0: UPBEAT_TOKEN_PADDING, nothing else is read */
  UPBEAT_SAMPLING_TOP_K = 1,    /* 0: off */
  UPBEAT_SAMPLING_SEED_LOW = 2, /* 64-bit seed */
  UPBEAT_SAMPLING_SEED_HIGH = 3,
  UPBEAT_SAMPLING_POSITION = 4,       /* the token's position in the sequence: the generator's counter */
  UPBEAT_SAMPLING_HISTORY_START = 5,  /* index into the token table of the request's first token */
  UPBEAT_SAMPLING_HISTORY_LENGTH = 6, /* the request's tokens so far, prompt and output */
  UPBEAT_SAMPLING_PROMPT_LENGTH = 7,  /* of the prompt alone */
  UPBEAT_SAMPLING_LOGPROBS = 8,       /* -1: none; n: of the token and of the n most likely tokens */
  UPBEAT_SAMPLING_BIAS_START = 9,     /* this row's range of bias_tokens / bias_values */
  UPBEAT_SAMPLING_BIAS_COUNT = 10,
  UPBEAT_SAMPLING_INTS = 12 /* row length */
};

/* Chooses one token per row: a pure function of the row's logits, parameters, seed, position and history.
 *
 * In this order: logit bias added; repetition, then frequency and presence penalties; temperature 0: the largest logit;
 * else logits / temperature, keep the top_k largest (ties by lower id), softmax, keep the smallest set of largest
 * probabilities that sums to top_p or more, drop those below min_p times the largest, and draw one by inverse CDF in
 * ascending token id with the first uniform of Philox4x32-10 (Salmon et al. 2011), key = seed, counter = (position, 0,
 * 0, 0): the upper 24 bits of its first word, over 2^24. Probabilities are integers, round(exp(x - largest) * 2^30),
 * so that sums do not depend on their order and every library draws the same: top_p keeps ceil(top_p * sum), the draw
 * is floor(uniform * sum), min_p drops those below round(min_p * 2^30). A NaN logit counts as -infinity; if any
 * is +infinity, those count as equal and the rest as -infinity. A row without a finite logit, after bias and penalties,
 * gets UPBEAT_TOKEN_NOT_FINITE and no log-probabilities; other rows are not affected.
 * Log-probabilities are of the raw logits (log-softmax before bias, penalties and temperature).
 *
 * logits: F32 [rows, vocabulary], not modified; floats: F32 [rows, UPBEAT_SAMPLING_FLOATS]; ints: int32 [rows,
 * UPBEAT_SAMPLING_INTS]; token_table: int32; bias_tokens: int32, bias_values: F32 (null when no row has a bias);
 * tokens: int32 [rows]; logprobs: F32 [rows, 1 + max_logprobs], the token's own, then the most likely ones, descending;
 * logprob_tokens: int32 [rows, max_logprobs]; unused elements are not written. logprobs and logprob_tokens may be null
 * when no row requests them. */
UPBEAT_API int32_t upbeat_sample(int32_t stream, const void* logits, int32_t rows, int32_t vocabulary,
                                 const void* floats, const void* ints, const void* token_table, const void* bias_tokens,
                                 const void* bias_values, int32_t max_logprobs, void* tokens, void* logprobs,
                                 void* logprob_tokens);

#ifdef __cplusplus
}
#endif

#endif
