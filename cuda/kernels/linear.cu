// Launcher of linear.cuh: how many input rows a block takes, by how many there are. The bits do not depend on it.
#include "alignment.h"
#include "grid.h"
#include "linear.cuh"

namespace upbeat {

namespace {

template <typename Element, int Tiles>
cudaError_t launch_tiles(const LinearArguments& arguments, const Launch& where) {
  constexpr int kRows = Tiles * kLinearTile;
  constexpr int kMostBlocks = 65535;  // in the grid's second dimension
  for (int first = 0; first < arguments.rows; first += kMostBlocks * kRows) {
    LinearArguments part = arguments;
    part.rows = std::min(arguments.rows - first, kMostBlocks * kRows);
    part.input += int64_t(first) * arguments.weight.columns;
    part.output += int64_t(first) * arguments.weight.rows;
    if (part.residual != nullptr) part.residual += int64_t(first) * arguments.weight.rows;
    const dim3 grid(unsigned(ceil_divide(arguments.weight.rows, kLinearOutputs)),
                    unsigned(ceil_divide(part.rows, kRows)));
    const bool aligned = arguments.weight.columns % 4 == 0 && all_aligned(part.input);
    const cudaError_t status =
        aligned
            ? launch<linear_kernel<Element, Tiles, true>>(grid, kLinearThreads, 0, where.stream, part, where.faults)
            : launch<linear_kernel<Element, Tiles, false>>(grid, kLinearThreads, 0, where.stream, part, where.faults);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

template <typename Element>
cudaError_t launch_elements(const LinearArguments& arguments, const Launch& where) {
  if (arguments.rows <= 8) return launch_tiles<Element, 1>(arguments, where);
  if (arguments.rows <= 16) return launch_tiles<Element, 2>(arguments, where);
  if (arguments.rows <= 32) return launch_tiles<Element, 4>(arguments, where);
  return launch_tiles<Element, 8>(arguments, where);
}

}  // namespace

cudaError_t launch_linear(const LinearArguments& arguments, const Launch& where) {
  switch (arguments.weight.dtype) {
    case Dtype::f32:
      return launch_elements<float>(arguments, where);
    case Dtype::f16:
      return launch_elements<F16>(arguments, where);
    case Dtype::bf16:
      return launch_elements<Bf16>(arguments, where);
  }
  return cudaErrorInvalidValue;
}

}  // namespace upbeat
