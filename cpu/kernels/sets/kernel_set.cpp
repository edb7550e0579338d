// Chooses a kernel set. Compiled for the baseline machine: nothing here may need a wider instruction set.
#include "cpu/kernels/kernels.h"
#include "ffi/upbeat.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace upbeat {

// One table per instruction set, each from its own file.
namespace portable {
extern const KernelSet kernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const KernelSet kernels;
}
namespace avx_vnni {
extern const Kernel<LinearArguments> int8_products;
}
namespace avx512_vnni {
extern const Kernel<LinearArguments> int8_products;
}
namespace avx512 {
extern const KernelSet kernels;
}
namespace amx {
extern const KernelSet kernels;
}
#elif defined(__aarch64__)
namespace neon {
extern const KernelSet kernels;
}
#endif

namespace {

#if defined(__x86_64__)

// The builtins also check that the operating system saves the wide registers.
bool has_avx2() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  const bool has_f16c = __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
  return has_f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

// Whether the CPU has tile registers and the system grants them to this process (Linux: "Using XSTATE features in user
// space applications"). They must be requested because they make a thread's state 8 KiB larger; repeating it is
// harmless.
bool has_amx() {
#if defined(__linux__)
  constexpr unsigned kTileUnits = 1u << 22 | 1u << 24;  // AMX-BF16, AMX-TILE
  constexpr unsigned long kRequestPermission = 0x1023, kTileData = 18;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!has_avx512() || __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  return (edx & kTileUnits) == kTileUnits && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

bool has_avx_vnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & 1u << 4) != 0;
}

bool has_avx512_vnni() { return __builtin_cpu_supports("avx512vnni"); }

// A set with another kernel for int8 products.
KernelSet with(const KernelSet& base, Kernel<LinearArguments> int8_products) {
  KernelSet kernels = base;
  kernels.linear_blocks = int8_products;
  return kernels;
}

// The sets with the fastest int8 products of this machine.
const KernelSet& avx2_kernels() {
  static const KernelSet kernels = has_avx_vnni() ? with(avx2::kernels, avx_vnni::int8_products) : avx2::kernels;
  return kernels;
}

const KernelSet& avx512_kernels() {
  static const KernelSet kernels =
      has_avx512_vnni() ? with(avx512::kernels, avx512_vnni::int8_products) : avx512::kernels;
  return kernels;
}

const KernelSet& amx_kernels() {
  static const KernelSet kernels = has_avx512_vnni() ? with(amx::kernels, avx512_vnni::int8_products) : amx::kernels;
  return kernels;
}

#endif

}  // namespace

const KernelSet* kernel_set(int32_t simd) {
  switch (simd) {
    case UPBEAT_SIMD_AUTO:
      for (const int32_t candidate : {UPBEAT_SIMD_AMX, UPBEAT_SIMD_AVX512, UPBEAT_SIMD_AVX2, UPBEAT_SIMD_NEON}) {
        if (const KernelSet* kernels = kernel_set(candidate)) return kernels;
      }
      return &portable::kernels;
    case UPBEAT_SIMD_PORTABLE:
      return &portable::kernels;
#if defined(__x86_64__)
    case UPBEAT_SIMD_AVX2:
      return has_avx2() ? &avx2_kernels() : nullptr;
    case UPBEAT_SIMD_AVX512:
      return has_avx512() ? &avx512_kernels() : nullptr;
    case UPBEAT_SIMD_AMX:
      return has_amx() ? &amx_kernels() : nullptr;
#elif defined(__aarch64__)
    case UPBEAT_SIMD_NEON:
      return &neon::kernels;
#endif
    default:
      return nullptr;
  }
}

}  // namespace upbeat
