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
      return has_avx2() ? &avx2::kernels : nullptr;
    case UPBEAT_SIMD_AVX512:
      return has_avx512() ? &avx512::kernels : nullptr;
    case UPBEAT_SIMD_AMX:
      return has_amx() ? &amx::kernels : nullptr;
#elif defined(__aarch64__)
    case UPBEAT_SIMD_NEON:
      return &neon::kernels;
#endif
    default:
      return nullptr;
  }
}

}  // namespace upbeat
