// output = input * transpose(weight) + bias + residual, for F32, F16 and BF16 weights and any number of rows.
#pragma once

#if defined(UPBEAT_KERNELS_AMX)
#include "cpu/kernels/linear/amx.inl"
#endif
#include "cpu/kernels/linear/gemm.inl"
#include "cpu/kernels/linear/gemv.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

template <typename Element>
bool linear_elements(const LinearArguments& arguments, ThreadPool& pool, Fault& fault) {
  if (arguments.rows > kGemvRows) return gemm<Element>(arguments, pool, fault);
  gemv<Element>(arguments, pool);
  return true;
}

inline bool linear(const LinearArguments& arguments, ThreadPool& pool, Fault& fault) {
  if (arguments.rows == 0) return true;
  if (arguments.weight.source.blocks != BlockType::none) return gemm<Blocks>(arguments, pool, fault);
  switch (arguments.weight.dtype) {
    case Dtype::f32:
      return linear_elements<float>(arguments, pool, fault);
    case Dtype::f16:
      return linear_elements<F16>(arguments, pool, fault);
    case Dtype::bf16:
#if defined(UPBEAT_KERNELS_AMX)
      return linear_amx(arguments, pool, fault);
#else
      return linear_elements<Bf16>(arguments, pool, fault);
#endif
  }
  return false;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
