// The primitives of kernels beyond CUDA's own: pointers with a memory space, loads of several elements, atomics,
// asynchronous copies, tensor-core products, launches and their order.
//
// Each is a thin name for a compiler feature or an instruction. They exist so that the same source also compiles with a
// host compiler, where tests/simt/ implements each one with checks.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

// Where a kernel is launched: after all work on the stream or, as a dependent launch, after a kernel that it may
// overlap with once there is room. Code before wait_for_earlier_kernels() then runs at any time after that kernel has
// begun.
struct LaunchPlace {
  LaunchPlace(cudaStream_t stream_, bool dependent_ = false) : stream(stream_), dependent(dependent_) {}
  cudaStream_t stream;
  bool dependent;
};

#if defined(UPBEAT_SIMT)

// tests/simt/include/cuda_runtime.h has the rest.
template <auto Kernel, typename... Arguments>
cudaError_t launch(dim3 grid, dim3 block, size_t shared_bytes, const LaunchPlace& place,
                   const Arguments&... arguments) {
  return simt::launch_kernel<Kernel>(grid, block, shared_bytes, place.stream, place.dependent, arguments...);
}

// The compute capability that a kernel's code was compiled for, as 90 for 9.0.
template <auto Kernel>
cudaError_t compiled_for(int& capability) {
  return simt::compiled_for(capability);
}

#else

// A pointer to global memory. Offsets are 64-bit.
template <typename T>
class Global {
 public:
  Global() = default;
  __host__ __device__ Global(T* address) : address_(address) {}
  template <typename U, typename = std::enable_if_t<std::is_same_v<T, const U>>>
  __host__ __device__ Global(Global<U> other) : address_(other.unchecked()) {}
  __device__ T& operator[](int64_t index) const { return address_[index]; }
  __device__ T& operator*() const { return *address_; }
  __host__ __device__ Global operator+(int64_t offset) const { return Global(address_ + offset); }
  __host__ __device__ explicit operator bool() const { return address_ != nullptr; }
  __host__ __device__ T* unchecked() const { return address_; }

 private:
  T* address_;
};

// A pointer into shared memory.
template <typename T>
class Shared {
 public:
  Shared() = default;
  __device__ Shared(T* address) : address_(address) {}
  __device__ T& operator[](int64_t index) const { return address_[index]; }
  __device__ Shared operator+(int64_t offset) const { return Shared(address_ + offset); }
  __device__ T* unchecked() const { return address_; }

 private:
  T* address_;
};

// An array in shared memory, declared as `__shared__ SharedArray<float, 64> sums;`.
template <typename T, int Count>
struct alignas(16) SharedArray {
  T data[Count];
  __device__ T& operator[](int64_t index) { return data[index]; }
  __device__ operator Shared<T>() { return Shared<T>(data); }
  __device__ Shared<T> operator+(int64_t offset) { return Shared<T>(data + offset); }
};

// Dynamic shared memory from a byte offset, which must be aligned for T.
template <typename T>
__device__ Shared<T> dynamic_shared(int64_t byte_offset = 0) {
  extern __shared__ uint4 dynamic_shared_memory[];
  return Shared<T>(reinterpret_cast<T*>(reinterpret_cast<std::byte*>(dynamic_shared_memory) + byte_offset));
}

// A group of elements that is loaded and stored whole, by one instruction.
template <typename T, int Count>
struct alignas(sizeof(T) * Count) Pack {
  T v[Count];
};

namespace machine {

template <size_t Bytes>
struct Word;
template <>
struct Word<4> {
  using Type = uint32_t;
};
template <>
struct Word<8> {
  using Type = uint2;
};
template <>
struct Word<16> {
  using Type = uint4;
};

}  // namespace machine

template <int Count, template <typename> class Pointer, typename T>
__device__ Pack<std::remove_const_t<T>, Count> load_pack(Pointer<T> from) {
  using Element = std::remove_const_t<T>;
  using Word = typename machine::Word<sizeof(T) * Count>::Type;
  const Word word = *reinterpret_cast<const Word*>(from.unchecked());
  return __builtin_bit_cast(Pack<Element, Count>, word);
}

template <int Count, template <typename> class Pointer, typename T>
__device__ void store_pack(Pointer<T> to, const Pack<T, Count>& pack) {
  using Word = typename machine::Word<sizeof(T) * Count>::Type;
  *reinterpret_cast<Word*>(to.unchecked()) = __builtin_bit_cast(Word, pack);
}

// Loads sixteen bytes that no kernel writes meanwhile and this kernel reads once: not cached in the first level. The
// compiler keeps its order among other such loads.
template <int Count, typename T>
__device__ Pack<std::remove_const_t<T>, Count> load_pack_once(Global<T> from) {
  static_assert(sizeof(T) * Count == 16);
  uint4 word;
  asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(word.x), "=r"(word.y), "=r"(word.z), "=r"(word.w)
               : "l"(from.unchecked()));
  return __builtin_bit_cast(Pack<std::remove_const_t<T>, Count>, word);
}

// Atomics. Each returns the old value.
template <template <typename> class Pointer, typename T>
__device__ T atomic_add(Pointer<T> at, T value) {
  return atomicAdd(at.unchecked(), value);
}
template <template <typename> class Pointer, typename T>
__device__ T atomic_min(Pointer<T> at, T value) {
  return atomicMin(at.unchecked(), value);
}
template <template <typename> class Pointer, typename T>
__device__ T atomic_exchange(Pointer<T> at, T value) {
  return atomicExch(at.unchecked(), value);
}
template <template <typename> class Pointer, typename T>
__device__ T atomic_compare_exchange(Pointer<T> at, T expected, T value) {
  return atomicCAS(at.unchecked(), expected, value);
}

// A read that must see what other blocks have written.
template <typename T>
__device__ T load_volatile(Global<T> from) {
  return *const_cast<volatile T*>(from.unchecked());
}

// cp.async: 16 bytes from global to shared memory, or the first `bytes` of them and zeros. Both addresses are multiples
// of 16. The second-level cache prefetches the surrounding 128 bytes.
template <typename T>
__device__ void copy_async_part(Shared<T> to, Global<const T> from, int bytes) {
  const auto target = static_cast<uint32_t>(__cvta_generic_to_shared(to.unchecked()));
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(target), "l"(from.unchecked()),
               "r"(bytes));
}

// The same, whole or, when they are not `present`, zeros.
template <typename T>
__device__ void copy_async(Shared<T> to, Global<const T> from, bool present = true) {
  copy_async_part(to, from, present ? 16 : 0);
}

__device__ inline void copy_async_commit() { asm volatile("cp.async.commit_group;"); }

// Waits until at most `Left` of this thread's latest groups are in flight.
template <int Left>
__device__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Left) : "memory");
}

// Conversions of 16-bit elements, given by their bits. To BF16: to nearest, ties to even; a pair has its first element
// in the lower half.
__device__ inline float f32_from_f16(uint16_t bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}
__device__ inline uint16_t bf16_from_f32(float value) {
  uint16_t bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ inline uint32_t bf16_pair(float first, float second) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
}

// sums += a * b for a warp: a is 16 x 16, b 16 x 8, BF16. With g = lane / 4 and t = lane % 4, a[0] holds row g, columns
// 2t and 2t + 1 (the lower in the lower half), a[1] the same of row g + 8, a[2] row g, columns 2t + 8 and 2t + 9, a[3]
// those of row g + 8; b[0] rows 2t and 2t + 1 of column g, b[1] rows 2t + 8 and 2t + 9; sums row g, columns 2t and 2t +
// 1, then the same of row g + 8.
__device__ inline void mma_bf16(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The rule of dependent launches: every thread of every kernel that may be captured calls wait_for_earlier_kernels()
// before it exits, and before it accesses any global memory but weights, which no captured kernel writes. So when a
// kernel is done, all earlier ones are. The wait is free when there is nothing to wait for.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
__device__ inline void wait_for_earlier_kernels() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
// The next kernel may begin once all blocks have called this: by then all of them are resident.
__device__ inline void let_next_kernel_begin() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }
#else
__device__ inline void wait_for_earlier_kernels() {}
__device__ inline void let_next_kernel_begin() {}
#endif

// For the emulator only: marks memory as weights.
inline void note_weight_memory(const void*, size_t) {}

// The compute capability that a kernel's code was compiled for, as 90 for 9.0; less than the GPU's where the driver
// compiled it from PTX.
template <auto Kernel>
cudaError_t compiled_for(int& capability) {
  cudaFuncAttributes attributes = {};
  const cudaError_t status = cudaFuncGetAttributes(&attributes, Kernel);
  capability = attributes.ptxVersion;
  return status;
}

// Enqueues `launch<kernel>(grid, block, bytes of dynamic shared memory, place, arguments...)`.
template <auto Kernel, typename... Arguments>
cudaError_t launch(dim3 grid, dim3 block, size_t shared_bytes, const LaunchPlace& place,
                   const Arguments&... arguments) {
  constexpr size_t kDefaultBytes = 48 << 10;  // more shared memory needs an attribute
  if (shared_bytes > kDefaultBytes) {
    const cudaError_t status =
        cudaFuncSetAttribute(Kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes));
    if (status != cudaSuccess) return status;
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = place.stream;
  cudaLaunchAttribute dependent = {};
  dependent.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  dependent.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &dependent;
  config.numAttrs = place.dependent ? 1 : 0;
  return cudaLaunchKernelEx(&config, Kernel, arguments...);
}

// ldmatrix: four matrices of 8 rows of 16 bytes. Lane i passes the address of row i % 8 of matrix i / 8, and receives
// from each matrix the 4-byte word lane % 4 of row lane / 4; transposed, the 16-bit elements of row 2 * (lane % 4) and
// the next one, in column lane / 4.
template <typename Word>
__device__ void load_matrix_x4(uint32_t (&words)[4], Shared<Word> row) {
  const auto source = static_cast<uint32_t>(__cvta_generic_to_shared(row.unchecked()));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(source)
               : "memory");
}
template <typename Word>
__device__ void load_matrix_x4_transposed(uint32_t (&words)[4], Shared<Word> row) {
  const auto source = static_cast<uint32_t>(__cvta_generic_to_shared(row.unchecked()));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(source)
               : "memory");
}

#endif

// The start of a kernel that does nothing before it waits.
__device__ inline void begin_kernel() {
  let_next_kernel_begin();
  wait_for_earlier_kernels();
}
