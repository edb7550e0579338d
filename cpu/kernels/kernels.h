// What a kernel set offers: one function per op, the same signatures for every instruction set. The library's runtime
// validates arguments and knows nothing of SIMD; the kernels compute and know nothing of streams or handles.
//
// Kernels run on the stream's thread, may use the pool, return false on a data fault (an index out of range, a row of
// logits without a finite value) after writing what went wrong to `fault`, and never throw.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../thread_pool.h"

namespace upbeat {

enum class Dtype : int32_t { f32 = 0, f16 = 1, bf16 = 2 };

inline size_t dtype_bytes(Dtype dtype) { return dtype == Dtype::f32 ? 4 : 2; }

// The first fault of a kernel, as a sentence.
struct Fault {
  char message[192] = {0};
};

// Output columns that one panel of a packed weight holds; also the alignment of every panel in columns.
inline constexpr int kPanelColumns = 32;

// A weight matrix W [rows = outputs, columns = inputs] as the kernels read it: panels of 32 consecutive outputs; within
// a panel, for each input k in order, the 32 weights of those outputs side by side, in the matrix's own dtype. Outputs
// beyond `rows` in the last panel are zeros. So SIMD lanes are outputs, and every product sum runs over k in order, in
// GEMM and GEMV alike. (Kernels with tile registers order BF16 weights within a panel in their own way: packed_layout.inl.)
struct PackedWeight {
  void* data = nullptr;  // 64-byte aligned, huge pages where the system gives them; zeros until filled
  Dtype dtype = Dtype::f32;
  int32_t rows = 0;
  int32_t columns = 0;
  int64_t padded_columns = 0;  // as many as a panel has room for; zeros beyond `columns`

  int panels() const { return (rows + kPanelColumns - 1) / kPanelColumns; }
  size_t panel_bytes() const { return size_t(padded_columns) * kPanelColumns * dtype_bytes(dtype); }
  size_t bytes() const { return size_t(panels()) * panel_bytes(); }
};

struct PackArguments {
  PackedWeight weight;
  const void* source;  // row-major [row_count, columns], any alignment
  int32_t first_row;
  int32_t row_count;
};

struct EmbeddingArguments {
  PackedWeight weight;
  const int32_t* tokens;
  int32_t rows;
  float* output;
};

struct RmsNormArguments {
  const float* input;
  const float* weight;
  float epsilon;
  int32_t rows;
  int32_t columns;
  float* output;
};

struct LinearArguments {
  PackedWeight weight;
  const float* input;
  const float* bias;      // or null
  const float* residual;  // or null; may be output
  int32_t rows;
  float* output;
};

struct RotaryTableArguments {
  const double* inverse_frequencies;
  float scale;
  int32_t positions;
  int32_t head_dim;
  float* table;
};

struct RotaryCacheArguments {
  float* qkv;
  const int32_t* positions;
  const int32_t* slot_mapping;
  const float* rotary_table;
  const float* query_norm;  // or null
  const float* key_norm;    // or null
  float epsilon;
  int32_t rows;
  int32_t heads;
  int32_t kv_heads;
  int32_t head_dim;
  void* key_cache;
  void* value_cache;
  Dtype cache_dtype;
  int32_t block_size;
};

struct AttentionArguments {
  const float* query;
  int32_t query_stride;
  const void* key_cache;
  const void* value_cache;
  Dtype cache_dtype;
  const int32_t* block_tables;
  int32_t max_blocks;
  const int32_t* query_starts;
  const int32_t* sequence_lengths;
  int32_t requests;
  int32_t rows;
  int32_t heads;
  int32_t kv_heads;
  int32_t head_dim;
  int32_t block_size;
  float scale;
  int32_t sliding_window;
  float* output;
};

struct SiluMultiplyArguments {
  const float* gate_up;
  int32_t rows;
  int32_t columns;
  float* output;
};

struct GatherRowsArguments {
  const float* input;
  const int32_t* indices;
  int32_t input_rows;
  int32_t rows;
  int32_t columns;
  float* output;
};

struct GatherTokensArguments {
  const int32_t* table;
  const int32_t* sources;
  int32_t rows;
  int32_t table_length;
  int32_t* output;
};

struct ScatterTokensArguments {
  const int32_t* tokens;
  const int32_t* destinations;
  int32_t rows;
  int32_t table_length;
  int32_t* table;
};

struct SampleArguments {
  const float* logits;
  int32_t rows;
  int32_t vocabulary;
  const float* floats;
  const int32_t* ints;
  const int32_t* token_table;
  const int32_t* bias_tokens;
  const float* bias_values;
  int32_t max_logprobs;
  int32_t* tokens;
  float* logprobs;
  int32_t* logprob_tokens;
};

// Converts `count` elements of `dtype` (any alignment) to F32.
struct ConvertArguments {
  const void* source;
  Dtype dtype;
  int64_t count;
  float* destination;
};

template <typename Arguments>
using Kernel = bool (*)(const Arguments&, ThreadPool&, Fault&);

// One instruction set's kernels.
struct KernelSet {
  const char* name;          // "AMX", "AVX-512", "AVX2", "NEON", "portable"
  int32_t bf16_column_step;  // a packed BF16 weight has room for a multiple of so many columns
  Kernel<PackArguments> pack;
  Kernel<ConvertArguments> convert;
  Kernel<EmbeddingArguments> embedding;
  Kernel<RmsNormArguments> rms_norm;
  Kernel<LinearArguments> linear;
  Kernel<RotaryTableArguments> rotary_table;
  Kernel<RotaryCacheArguments> rotary_cache;
  Kernel<AttentionArguments> attention;
  Kernel<SiluMultiplyArguments> silu_multiply;
  Kernel<GatherRowsArguments> gather_rows;
  Kernel<GatherTokensArguments> gather_tokens;
  Kernel<ScatterTokensArguments> scatter_tokens;
  Kernel<SampleArguments> sample;

  // A weight of this set's layout, without memory.
  PackedWeight packed_weight(Dtype dtype, int32_t rows, int32_t columns) const {
    const int64_t step = dtype == Dtype::bf16 ? bf16_column_step : 1;
    return {nullptr, dtype, rows, columns, (columns + step - 1) / step * step};
  }
};

// Bytes of one key or value cache (kernels/kv_layout.h describes the layout).
int64_t kv_cache_bytes(Dtype dtype, int32_t blocks, int32_t block_size, int32_t kv_heads, int32_t head_dim);

// The kernel set of an UPBEAT_SIMD_* value, or null when this build or this machine does not have it. AUTO gives the
// widest one.
const KernelSet* kernel_set(int32_t simd);

}  // namespace upbeat
