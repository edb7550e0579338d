// The kernels for x86-64 with AMX: those for AVX-512, and linear on tile registers for BF16 weights. Compile like
// avx512.cpp; the tile instructions are assembly.
#if defined(__x86_64__)
#define UPBEAT_KERNELS_AMX
#include "cpu/kernels/sets/avx512.cpp"
#endif
