// All kernels and their table, for the instruction set that the including file selects.
//
// Compile with -ffp-contract=off: kernels fuse where they say so (fma), and a compiler that fuses anywhere else would
// break the equality of kernels that add in the same order.
//
// The .inl files include C headers and intrinsics only. An inline function of the standard library would be compiled
// here for a wide instruction set, and the linker might keep that copy for the generic code too.
#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/kernels.h"

#include "cpu/kernels/attention/attention.inl"
#include "cpu/kernels/attention/rotary.inl"
#include "cpu/kernels/elementwise/convert.inl"
#include "cpu/kernels/elementwise/embedding.inl"
#include "cpu/kernels/elementwise/gather.inl"
#include "cpu/kernels/elementwise/rms_norm.inl"
#include "cpu/kernels/elementwise/silu_multiply.inl"
#include "cpu/kernels/linear/linear.inl"
#include "cpu/kernels/linear/pack.inl"
#include "cpu/kernels/quantized/linear_blocks.inl"
#include "cpu/kernels/sampling/sample.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

#if defined(UPBEAT_KERNELS_AMX)
#define UPBEAT_KERNELS_NAME "AMX"
#elif defined(UPBEAT_KERNELS_AVX512)
#define UPBEAT_KERNELS_NAME "AVX-512"
#elif defined(UPBEAT_KERNELS_AVX2)
#define UPBEAT_KERNELS_NAME "AVX2"
#elif defined(UPBEAT_KERNELS_NEON)
#define UPBEAT_KERNELS_NAME "NEON"
#else
#define UPBEAT_KERNELS_NAME "portable"
#endif

extern const KernelSet kernels = {
    .name = UPBEAT_KERNELS_NAME,
    .bf16_column_step = kBf16ColumnStep,
#if defined(UPBEAT_KERNELS_AMX)
    .rounds_inputs = true,
#else
    .rounds_inputs = false,
#endif
    .pack = pack,
    .convert = convert,
    .embedding = embedding,
    .rms_norm = rms_norm,
    .linear = linear,
    .linear_blocks = linear_blocks,
    .rotary_table = rotary_table,
    .rotary_cache = rotary_cache,
    .attention = attention,
    .silu_multiply = silu_multiply,
    .gather_rows = gather_rows,
    .gather_tokens = gather_tokens,
    .scatter_tokens = scatter_tokens,
    .sample = sample,
};

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
