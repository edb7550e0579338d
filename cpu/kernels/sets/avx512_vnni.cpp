// int8 products for x86-64 with AVX512_VNNI: compile like avx512.cpp, with -mavx512vnni.
#if defined(__x86_64__)
#define UPBEAT_KERNELS_AVX512
// As in avx512.cpp.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include "cpu/kernels/sets/int8_products.inl"
#endif
