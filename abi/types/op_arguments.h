// The operands of each op, as checked by abi/ and passed to a kernel. kFunction is the C function that they come from:
// it names the op in errors and faults. Shapes and units are those of ffi/upbeat.h.
#pragma once

#include <cstdint>

#include "abi/types/dtype.h"
#include "abi/types/packed_weight.h"

namespace upbeat {

struct EmbeddingArguments {
  static constexpr const char* kFunction = "upbeat_embedding";
  PackedWeight weight;
  const int32_t* tokens;
  int32_t rows;
  float* output;
};

struct RmsNormArguments {
  static constexpr const char* kFunction = "upbeat_rms_norm";
  const float* input;
  const float* weight;
  float epsilon;
  int32_t rows;
  int32_t columns;
  float* output;
};

struct LinearArguments {
  static constexpr const char* kFunction = "upbeat_linear";
  PackedWeight weight;
  const float* input;
  const float* bias;      // or null
  const float* residual;  // or null; may be output
  int32_t rows;
  float* output;
};

struct RotaryTableArguments {
  static constexpr const char* kFunction = "upbeat_rotary_table";
  const double* inverse_frequencies;
  float scale;
  int32_t positions;
  int32_t head_dim;
  float* table;
};

struct RotaryCacheArguments {
  static constexpr const char* kFunction = "upbeat_rotary_cache";
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
  int32_t table_positions;  // rows of rotary_table, and blocks of the caches, that lie within their allocations
  int32_t cache_blocks;
};

struct AttentionArguments {
  static constexpr const char* kFunction = "upbeat_attention";
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
  int32_t cache_blocks;  // that lie within the allocations of the caches
};

struct SiluMultiplyArguments {
  static constexpr const char* kFunction = "upbeat_silu_multiply";
  const float* gate_up;
  int32_t rows;
  int32_t columns;
  float* output;
};

struct GatherRowsArguments {
  static constexpr const char* kFunction = "upbeat_gather_rows";
  const float* input;
  const int32_t* indices;
  int32_t input_rows;
  int32_t rows;
  int32_t columns;
  float* output;
};

struct GatherTokensArguments {
  static constexpr const char* kFunction = "upbeat_gather_tokens";
  const int32_t* table;
  const int32_t* sources;
  int32_t rows;
  int32_t table_length;
  int32_t* output;
};

struct ScatterTokensArguments {
  static constexpr const char* kFunction = "upbeat_scatter_tokens";
  const int32_t* tokens;
  const int32_t* destinations;
  int32_t rows;
  int32_t table_length;
  int32_t* table;
};

struct SampleArguments {
  static constexpr const char* kFunction = "upbeat_sample";
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
  int32_t table_length;  // elements of token_table, and of bias_tokens and bias_values, within their allocations
  int32_t bias_length;
};

}  // namespace upbeat
