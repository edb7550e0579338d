// The one kernel that is faster with instructions for int8 products, for the instruction set that the including file
// selects. The other kernels are those of its set without them.
#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/kernels.h"

#include "cpu/kernels/quantized/linear_blocks.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

extern const Kernel<LinearArguments> int8_products = linear_blocks;

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
