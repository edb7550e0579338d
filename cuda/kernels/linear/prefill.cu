// Launcher of prefill.cuh: parts of at most 1024 rows, each split into BF16 numbers, then multiplied.
#include "cuda/kernels/linear/prefill.cuh"

#include "cuda/kernels/common/alignment.h"
#include "cuda/kernels/common/grid.h"
#include "cuda/kernels/linear/linear.h"

namespace upbeat {

namespace {

// Bounds the scratch memory and keeps the split inputs in the second-level cache. Reading the weights again for each
// part costs little: a part has 6 * 1024 operations per weight.
constexpr int kMostRows = 1024;

// For any tile size, so that fewer rows never need more.
int64_t plane_bytes(const LinearArguments& arguments, int terms) {
  const int64_t rows = ceil_divide(arguments.rows, 128) * 128;
  return rows * linear_windows(arguments.weight.columns) * kLinearWindow * terms * 2;
}

template <int InputTerms>
cudaError_t launch_split(const LinearArguments& arguments, int groups, uint32_t* planes, const Launch& where) {
  const int64_t warps = int64_t(groups) * linear_windows(arguments.weight.columns) * kWindowPieces;
  const auto blocks = unsigned(ceil_divide(warps * 32, kSplitThreads));
  const bool aligned = arguments.weight.columns % 4 == 0 && all_aligned(arguments.input);
  return aligned ? launch<linear_split_kernel<InputTerms, true>>(blocks, kSplitThreads, 0, where.place, arguments,
                                                                 groups, planes, where.faults)
                 : launch<linear_split_kernel<InputTerms, false>>(blocks, kSplitThreads, 0, where.place, arguments,
                                                                  groups, planes, where.faults);
}

template <typename Element, int InputTerms, int Tile>
cudaError_t launch_tile(const LinearArguments& arguments, const Launch& where) {
  using Shape = PrefillShape<Element, InputTerms, Tile>;
  const int row_tiles = int(ceil_divide(arguments.rows, Tile));
  const int groups = row_tiles * Shape::kGroups;
  auto* planes = reinterpret_cast<uint32_t*>(where.reserve(plane_bytes(arguments, InputTerms)));
  const cudaError_t status = launch_split<InputTerms>(arguments, groups, planes, where);
  if (status != cudaSuccess) return status;
  const auto blocks = unsigned(ceil_divide(arguments.weight.rows, Tile) * row_tiles);
  return launch<linear_prefill_kernel<Element, InputTerms, Tile>>(blocks, Shape::kThreads, Shape::kSharedBytes,
                                                                  where.place, arguments, row_tiles,
                                                                  static_cast<const uint32_t*>(planes), where.faults);
}

template <typename Element, int InputTerms>
cudaError_t launch_part(const LinearArguments& arguments, const Launch& where) {
  if constexpr (kTermsOf<Element> == 1) {
    // The small tile reads twice as much per product: it pays off where the large one would leave half the device idle.
    const int64_t large = ceil_divide(arguments.weight.rows, 128) * ceil_divide(arguments.rows, 128);
    if (2 * large > where.multiprocessors) return launch_tile<Element, InputTerms, 128>(arguments, where);
  }
  return launch_tile<Element, InputTerms, 64>(arguments, where);
}

}  // namespace

cudaError_t launch_linear_prefill(const LinearArguments& arguments, const Launch& where) {
  return with_linear_types(arguments.weight, [&]<typename Element, int InputTerms>() {
    for (int first = 0; first < arguments.rows; first += kMostRows) {
      LinearArguments part = arguments;
      part.rows = std::min(arguments.rows - first, kMostRows);
      part.input += int64_t(first) * arguments.weight.columns;
      part.output += int64_t(first) * arguments.weight.rows;
      if (part.residual != nullptr) part.residual += int64_t(first) * arguments.weight.rows;
      const cudaError_t status = launch_part<Element, InputTerms>(part, where);
      if (status != cudaSuccess) return status;
    }
    return cudaSuccess;
  });
}

}  // namespace upbeat
