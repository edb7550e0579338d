// A kernel set: one function per op, with the same signatures for every instruction set. The library around it knows
// nothing of SIMD; kernels know nothing of streams or handles.
//
// Kernels run on the stream's thread and may use the pool. They return false on a data fault (an index out of range)
// after describing it in `fault`, and never throw.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/loading/row_order.h"
#include "abi/types/fault.h"
#include "abi/types/op_arguments.h"
#include "cpu/threads/thread_pool.h"

namespace upbeat {

struct PackArguments {
  PackedWeight weight;
  const void* source;  // rows of the weight's source type, in the order of a file, at any alignment
  RowOrder rows;
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
  int32_t bf16_column_step;  // columns of a packed BF16 weight are padded to a multiple of this
  bool rounds_inputs;        // whether linear can round its inputs to BF16, with BF16 weights
  Kernel<PackArguments> pack;
  Kernel<ConvertArguments> convert;
  Kernel<EmbeddingArguments> embedding;
  Kernel<RmsNormArguments> rms_norm;
  Kernel<LinearArguments> linear;
  Kernel<LinearArguments> linear_blocks;  // of weights with int8 inputs
  Kernel<RotaryTableArguments> rotary_table;
  Kernel<RotaryCacheArguments> rotary_cache;
  Kernel<AttentionArguments> attention;
  Kernel<SiluMultiplyArguments> silu_multiply;
  Kernel<GatherRowsArguments> gather_rows;
  Kernel<GatherTokensArguments> gather_tokens;
  Kernel<ScatterTokensArguments> scatter_tokens;
  Kernel<SampleArguments> sample;

  // A weight of this set's layout, without memory.
  PackedWeight packed_weight(WeightType type, int32_t rows, int32_t columns, InputType input = InputType::f32) const {
    const bool has_blocks = type.blocks != BlockType::none;
    const int64_t step = !has_blocks && type.dtype == Dtype::bf16 ? bf16_column_step : 1;
    return {nullptr, type.dtype, input, rows, columns, (columns + step - 1) / step * step, type};
  }
};

// The kernel set of an UPBEAT_SIMD_* value, or null when this build or this machine does not have it. AUTO gives the
// widest one.
const KernelSet* kernel_set(int32_t simd);

}  // namespace upbeat
