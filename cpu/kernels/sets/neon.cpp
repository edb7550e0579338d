// The kernels for 64-bit Arm, where NEON is part of the baseline.
#if defined(__aarch64__)
#define UPBEAT_KERNELS_NEON
#include "cpu/kernels/sets/kernel_set.inl"
#endif
