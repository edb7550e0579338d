// The kernels: one launcher per op. The library around them knows nothing of grids; a launcher enqueues on the stream
// that it is given and knows nothing of handles.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "abi/loading/random_weight.h"
#include "abi/types/op_arguments.h"
#include "cuda/device/fault_record.h"

namespace upbeat {

// Where and how to launch.
struct Launch {
  LaunchPlace place;
  FaultSlot faults;
  int multiprocessors;
  // At least `bytes` of device memory for this launch, shared with no launch that may run at the same time. Contents
  // are undefined. Throws ApiError OUT_OF_MEMORY.
  std::byte* (*scratch)(void* owner, int64_t bytes);
  // Likewise counters, which are zero before the launch and must be zero after it.
  int32_t* (*scratch_counters)(void* owner, int64_t count);
  void* scratch_owner;

  std::byte* reserve(int64_t bytes) const { return scratch(scratch_owner, bytes); }
  int32_t* counters(int64_t count) const { return scratch_counters(scratch_owner, count); }
};

struct FillArguments {
  void* destination;
  int32_t value;
  int64_t bytes;
};

struct RandomizeArguments {
  PackedWeight weight;
  RandomWeightArguments random;
};

template <typename Arguments>
using Kernel = cudaError_t (*)(const Arguments&, const Launch&);

struct KernelSet {
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
  Kernel<FillArguments> fill;
  Kernel<RandomizeArguments> randomize;
};

cudaError_t launch_embedding(const EmbeddingArguments& arguments, const Launch& launch);
cudaError_t launch_rms_norm(const RmsNormArguments& arguments, const Launch& launch);
cudaError_t launch_linear(const LinearArguments& arguments, const Launch& launch);
cudaError_t launch_rotary_table(const RotaryTableArguments& arguments, const Launch& launch);
cudaError_t launch_rotary_cache(const RotaryCacheArguments& arguments, const Launch& launch);
cudaError_t launch_attention(const AttentionArguments& arguments, const Launch& launch);
cudaError_t launch_silu_multiply(const SiluMultiplyArguments& arguments, const Launch& launch);
cudaError_t launch_gather_rows(const GatherRowsArguments& arguments, const Launch& launch);
cudaError_t launch_gather_tokens(const GatherTokensArguments& arguments, const Launch& launch);
cudaError_t launch_scatter_tokens(const ScatterTokensArguments& arguments, const Launch& launch);
cudaError_t launch_sample(const SampleArguments& arguments, const Launch& launch);
cudaError_t launch_fill(const FillArguments& arguments, const Launch& launch);
cudaError_t launch_randomize(const RandomizeArguments& arguments, const Launch& launch);

// Raises a fault, for tests.
cudaError_t launch_injected_fault(const Launch& launch);

// Raises the device's flag when the host has recorded a fault.
cudaError_t launch_fault_check(const Launch& launch);

// The compute capability that this GPU's kernels were compiled for, as 90 for 9.0.
cudaError_t code_capability(int& capability);

inline constexpr KernelSet kKernels = {
    .embedding = launch_embedding,
    .rms_norm = launch_rms_norm,
    .linear = launch_linear,
    .rotary_table = launch_rotary_table,
    .rotary_cache = launch_rotary_cache,
    .attention = launch_attention,
    .silu_multiply = launch_silu_multiply,
    .gather_rows = launch_gather_rows,
    .gather_tokens = launch_gather_tokens,
    .scatter_tokens = launch_scatter_tokens,
    .sample = launch_sample,
    .fill = launch_fill,
    .randomize = launch_randomize,
};

}  // namespace upbeat
