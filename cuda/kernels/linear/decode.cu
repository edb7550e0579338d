// Launcher of decode.cuh. From 9 input rows on a block takes more outputs, so that the inputs are read less often from
// the caches.
#include "cuda/kernels/linear/decode.cuh"

#include "cuda/kernels/common/grid.h"
#include "cuda/kernels/linear/linear.h"

namespace upbeat {

namespace {

template <typename Element, int InputTerms, int OutputTiles, int RowTiles>
cudaError_t launch_tiles(const LinearArguments& arguments, const Launch& where) {
  const auto blocks = unsigned(ceil_divide(arguments.weight.rows, OutputTiles * kOutputTile));
  return launch<linear_decode_kernel<Element, InputTerms, OutputTiles, RowTiles>>(blocks, kDecodeThreads, 0,
                                                                                  where.place, arguments, where.faults);
}

}  // namespace

cudaError_t launch_linear_decode(const LinearArguments& arguments, const Launch& where) {
  return with_linear_types(arguments.weight, [&]<typename Element, int InputTerms>() {
    if (arguments.rows <= 8) return launch_tiles<Element, InputTerms, 1, 1>(arguments, where);
    if (arguments.rows <= 16) return launch_tiles<Element, InputTerms, 2, 2>(arguments, where);
    return launch_tiles<Element, InputTerms, 2, 4>(arguments, where);
  });
}

}  // namespace upbeat
