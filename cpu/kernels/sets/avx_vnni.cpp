// int8 products for x86-64 with AVX-VNNI: compile like avx2.cpp, with -mavxvnni.
#if defined(__x86_64__)
#define UPBEAT_KERNELS_AVX2
#include "cpu/kernels/sets/int8_products.inl"
#endif
