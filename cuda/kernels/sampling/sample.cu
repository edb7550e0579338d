// Launcher of sample.cuh: a bounded number of blocks, because each needs scratch memory for a row.
#include "cuda/kernels/sampling/sample.cuh"

#include <algorithm>

namespace upbeat {

cudaError_t launch_sample(const SampleArguments& arguments, const Launch& where) {
  constexpr int kMostBlocks = 64;
  const int blocks = std::min(arguments.rows, kMostBlocks);
  std::byte* scratch = where.reserve(blocks * sample_scratch_bytes(arguments.vocabulary));
  return launch<sample_kernel>(unsigned(blocks), kSampleThreads, 0, where.place, arguments, scratch, where.faults);
}

}  // namespace upbeat
