// The kernels for tile registers with the registers in ordinary memory: for sanitizers, which then see every access,
// and for machines without tile registers. Compile like cpu/kernels/sets/avx512.cpp.
#if defined(__x86_64__)
#define UPBEAT_KERNELS_AVX512
#define UPBEAT_KERNELS_AMX
#define UPBEAT_EMULATE_TILES
#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/kernels.h"

#include "cpu/kernels/elementwise/embedding.inl"
#include "cpu/kernels/linear/amx.inl"
#include "cpu/kernels/linear/pack.inl"

namespace upbeat::amx_emulated {

// BF16 weights only.
extern const KernelSet kernels = {
    .name = "AMX, emulated",
    .bf16_column_step = kBf16ColumnStep,
    .rounds_inputs = true,
    .pack = pack,
    .embedding = embedding,
    .linear = linear_amx,
};

}  // namespace upbeat::amx_emulated
#endif
