// The kernels for x86-64 with AVX2, FMA and F16C: compile with -mavx2 -mfma -mf16c.
#if defined(__x86_64__)
#define UPBEAT_KERNELS_AVX2
#include "cpu/kernels/sets/kernel_set.inl"
#endif
