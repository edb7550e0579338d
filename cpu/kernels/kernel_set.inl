// All kernels, and the table of them, for the instruction set that the including kernel_set_*.cpp names.
//
// Compile every kernel_set_*.cpp with -ffp-contract=off: fusing is asked for where it is meant (fma), and a compiler
// that fuses elsewhere at will would break the equality of kernels that add in the same order.
//
// The .inl files include C headers and intrinsics only. An inline function of the standard library would be compiled
// here for a wide instruction set, and the linker might keep that copy for the generic code too.
#include "kernels.h"
#include "simd.h"

#include "attention.inl"
#include "convert.inl"
#include "embedding.inl"
#include "gather.inl"
#include "linear.inl"
#include "pack.inl"
#include "rms_norm.inl"
#include "rotary.inl"
#include "sample.inl"
#include "silu_multiply.inl"

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
