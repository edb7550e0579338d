// CUDA's built-in names, and the primitives that cuda/kernels/common/machine.h defines for nvcc, for a host compiler.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include "block.h"
#include "memory.h"
#include "shared_memory.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static thread_local
#define threadIdx (simt::Block::current().thread().index)
#define blockIdx (simt::Block::current().block_index)
#define blockDim (simt::Block::current().block_size)
#define gridDim (simt::Block::current().grid_size)

// ---- Barriers

inline void __syncthreads(simt::Place place = simt::Place::current()) { simt::Block::current().barrier(false, place); }

inline int __syncthreads_or(int value, simt::Place place = simt::Place::current()) {
  return simt::Block::current().barrier(value != 0, place);
}

inline void __syncwarp(uint32_t mask = 0xffffffffu, simt::Place place = simt::Place::current()) {
  simt::Block::current().collective<char>(mask, "__syncwarp", place, char(0), [mask](simt::Collective&) {
    simt::Warp& warp = simt::Block::current().warp();
    if (mask == warp.lanes) ++warp.epoch;
  });
}

inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline void __threadfence_system() { std::atomic_thread_fence(std::memory_order_seq_cst); }

// ---- Shuffles and votes

namespace simt {

// Every lane of the mask receives the value of source_of(lane); a source outside the mask is a finding.
template <typename T, typename SourceOf>
T exchange(uint32_t mask, const char* what, const Place& place, T value, SourceOf&& source_of) {
  return Block::current().collective<T>(mask, what, place, value, [&](Collective& group) {
    for (int lane = 0; lane < kWarp; lane++) {
      if ((group.mask >> lane & 1) == 0) continue;
      const int source = source_of(lane);
      if ((group.mask >> source & 1) == 0) {
        Block::current().fail(format("%s at %s:%u: lane %d reads from lane %d, which does not take part", what,
                                     Block::file_of(place), place.line(), lane, source));
      }
      std::memcpy(group.out[lane], group.in[source], sizeof(T));
    }
  });
}

}  // namespace simt

template <typename T>
T __shfl_sync(uint32_t mask, T value, int lane, simt::Place place = simt::Place::current()) {
  struct Brought {
    T value;
    int lane;
  };
  return simt::Block::current().collective<T>(
      mask, "__shfl_sync", place, Brought{value, lane}, [&](simt::Collective& group) {
        for (int i = 0; i < simt::kWarp; i++) {
          if ((group.mask >> i & 1) == 0) continue;
          Brought mine, theirs;
          std::memcpy(&mine, group.in[i], sizeof mine);
          if ((group.mask >> (mine.lane & 31) & 1) == 0) {
            simt::Block::current().fail(simt::format("__shfl_sync reads from a lane that does not take part"));
          }
          std::memcpy(&theirs, group.in[mine.lane & 31], sizeof theirs);
          std::memcpy(group.out[i], &theirs.value, sizeof(T));
        }
      });
}

template <typename T>
T __shfl_xor_sync(uint32_t mask, T value, int distance, simt::Place place = simt::Place::current()) {
  return simt::exchange(mask, "__shfl_xor_sync", place, value, [=](int lane) { return lane ^ distance; });
}

template <typename T>
T __shfl_down_sync(uint32_t mask, T value, unsigned distance, simt::Place place = simt::Place::current()) {
  return simt::exchange(mask, "__shfl_down_sync", place, value,
                        [=](int lane) { return lane + int(distance) < simt::kWarp ? lane + int(distance) : lane; });
}

template <typename T>
T __shfl_up_sync(uint32_t mask, T value, unsigned distance, simt::Place place = simt::Place::current()) {
  return simt::exchange(mask, "__shfl_up_sync", place, value,
                        [=](int lane) { return lane >= int(distance) ? lane - int(distance) : lane; });
}

inline uint32_t __ballot_sync(uint32_t mask, int predicate, simt::Place place = simt::Place::current()) {
  return simt::Block::current().collective<uint32_t>(mask, "__ballot_sync", place, int(predicate != 0),
                                                     [](simt::Collective& group) {
                                                       uint32_t bits = 0;
                                                       for (int lane = 0; lane < simt::kWarp; lane++) {
                                                         int set;
                                                         std::memcpy(&set, group.in[lane], sizeof set);
                                                         if ((group.mask >> lane & 1) && set) bits |= 1u << lane;
                                                       }
                                                       for (auto& out : group.out) std::memcpy(out, &bits, sizeof bits);
                                                     });
}

inline int __any_sync(uint32_t mask, int predicate, simt::Place place = simt::Place::current()) {
  return __ballot_sync(mask, predicate, place) != 0;
}

inline int __all_sync(uint32_t mask, int predicate, simt::Place place = simt::Place::current()) {
  return __ballot_sync(mask, predicate, place) == mask;
}

// ---- Small arithmetic

inline int __popc(uint32_t bits) { return std::popcount(bits); }
inline int __ffs(int bits) { return bits == 0 ? 0 : std::countr_zero(uint32_t(bits)) + 1; }
inline float __uint_as_float(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t __float_as_uint(float value) { return std::bit_cast<uint32_t>(value); }

// ---- The primitives of machine.h

// A group of elements that is loaded and stored whole.
template <typename T, int Count>
struct alignas(sizeof(T) * Count) Pack {
  T v[Count];
};

template <int Count, typename T>
Pack<std::remove_const_t<T>, Count> load_pack(Global<T> from) {
  Pack<std::remove_const_t<T>, Count> pack;
  simt::check_global(from.unchecked(), sizeof pack, sizeof pack, "read");
  std::memcpy(&pack, from.unchecked(), sizeof pack);
  return pack;
}

template <int Count, typename T>
Pack<std::remove_const_t<T>, Count> load_pack_once(Global<T> from) {
  static_assert(sizeof(T) * Count == 16);
  return load_pack<Count>(from);
}

template <int Count, typename T>
void store_pack(Global<T> to, const Pack<T, Count>& pack) {
  simt::check_global(to.unchecked(), sizeof pack, sizeof pack, "write");
  std::memcpy(to.unchecked(), &pack, sizeof pack);
}

template <int Count, typename T>
Pack<std::remove_const_t<T>, Count> load_pack(Shared<T> from) {
  Pack<std::remove_const_t<T>, Count> pack;
  std::memcpy(&pack, from.checked(sizeof pack, sizeof pack, simt::Access::read), sizeof pack);
  return pack;
}

template <int Count, typename T>
void store_pack(Shared<T> to, const Pack<T, Count>& pack) {
  std::memcpy(to.checked(sizeof pack, sizeof pack, simt::Access::write), &pack, sizeof pack);
}

// Atomics, on global memory also between concurrent kernels. Each returns the old value.
template <typename T>
T* atomic_target(Global<T> at) {
  simt::check_global(at.unchecked(), sizeof(T), alignof(T), "atomic operation");
  return at.unchecked();
}
template <typename T>
T* atomic_target(Shared<T> at) {
  return at.checked(sizeof(T), alignof(T), simt::Access::atomic);
}

template <template <typename> class Pointer, typename T>
T atomic_add(Pointer<T> at, T value) {
  return __atomic_fetch_add(atomic_target(at), value, __ATOMIC_RELAXED);
}
template <template <typename> class Pointer, typename T>
T atomic_min(Pointer<T> at, T value) {
  T* target = atomic_target(at);
  T before = __atomic_load_n(target, __ATOMIC_RELAXED);
  while (value < before &&
         !__atomic_compare_exchange_n(target, &before, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return before;
}
template <template <typename> class Pointer, typename T>
T atomic_exchange(Pointer<T> at, T value) {
  return __atomic_exchange_n(atomic_target(at), value, __ATOMIC_RELAXED);
}
template <template <typename> class Pointer, typename T>
T atomic_compare_exchange(Pointer<T> at, T expected, T value) {
  __atomic_compare_exchange_n(atomic_target(at), &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}

// A read that must see what other blocks have written.
template <typename T>
T load_volatile(Global<T> from) {
  simt::check_global(from.unchecked(), sizeof(T), alignof(T), "read");
  return __atomic_load_n(from.unchecked(), __ATOMIC_RELAXED);
}

// cp.async: 16 bytes from global to shared memory, or the first of them and zeros. They are written only when their
// group is waited for, so that a missing wait is detected, and a missing barrier after it too.
template <typename T>
void copy_async_part(Shared<T> to, Global<const T> from, int bytes) {
  if (bytes < 0 || bytes > 16) simt::Block::current().fail(simt::format("cp.async of %d bytes", bytes));
  simt::PendingCopy copy = {.range = &to.range(), .offset = to.offset(), .bytes = {}, .group = 0};
  std::memset(to.checked(16, 16, simt::Access::copy_begun), 0xcb, 16);
  if (bytes > 0) {
    simt::check_global(from.unchecked(), 1, 16, "asynchronous read");
    simt::check_global(from.unchecked(), size_t(bytes), 1, "asynchronous read");
    std::memcpy(copy.bytes.data(), from.unchecked(), size_t(bytes));
  }
  simt::Thread& thread = simt::Block::current().thread();
  copy.group = thread.copy_groups;
  thread.copies.push_back(copy);
}

template <typename T>
void copy_async(Shared<T> to, Global<const T> from, bool present = true) {
  copy_async_part(to, from, present ? 16 : 0);
}

inline void copy_async_commit() { ++simt::Block::current().thread().copy_groups; }

// Waits until at most `Left` of this thread's latest groups are in flight.
template <int Left>
void copy_async_wait() {
  simt::Thread& thread = simt::Block::current().thread();
  std::erase_if(thread.copies, [&](const simt::PendingCopy& copy) {
    if (copy.group >= thread.copy_groups - Left) return false;
    simt::check_shared(*copy.range, copy.offset, 16, 16, simt::Access::write);
    std::memcpy(copy.range->data + copy.offset, copy.bytes.data(), 16);
    return true;
  });
}

// griddepcontrol.wait and .launch_dependents. Kernels run one after the other here; instead, accesses before the wait
// are checked (memory.h).
inline void wait_for_earlier_kernels() { simt::Block::current().thread().has_waited = true; }
inline void let_next_kernel_begin() {}

inline void note_weight_memory(const void* address, size_t bytes) { simt::WeightMemory::process().add(address, bytes); }

// Sixteen-bit elements, by their bits.
inline float f32_from_f16(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24
    const float magnitude = float(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}
inline uint16_t bf16_from_f32(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
inline uint32_t bf16_pair(float first, float second) {
  return uint32_t(bf16_from_f32(first)) | uint32_t(bf16_from_f32(second)) << 16;
}

// mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32: sums += a * b, for a warp.
//
// With g = lane / 4 and t = lane % 4, a[0] holds row g, columns 2t and 2t + 1 (the lower in the lower half), a[1] the
// same of row g + 8, a[2] row g, columns 2t + 8 and 2t + 9, a[3] those of row g + 8; b[0] rows 2t and 2t + 1 of column
// g, b[1] rows 2t + 8 and 2t + 9; sums row g, columns 2t and 2t + 1, then the same of row g + 8. The order of
// additions in hardware is unspecified; here it is ascending, starting from the sum.
inline void mma_bf16(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                     simt::Place place = simt::Place::current()) {
  struct Brought {
    uint32_t a[4], b[2];
    float sums[4];
  };
  struct Sums {
    float v[4];
  };
  Brought brought;
  std::memcpy(brought.a, a, sizeof brought.a);
  std::memcpy(brought.b, b, sizeof brought.b);
  std::memcpy(brought.sums, sums, sizeof brought.sums);
  const auto complete = [](simt::Collective& group) {
    using Columns [[gnu::vector_size(32)]] = float;
    const auto low = [](uint32_t pair) { return std::bit_cast<float>(pair << 16); };
    const auto high = [](uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000u); };
    alignas(32) float left[16][16], right[16][8], total[16][8];
    for (int lane = 0; lane < simt::kWarp; lane++) {
      const int g = lane / 4, t = lane % 4;
      Brought in;
      std::memcpy(&in, group.in[lane], sizeof in);
      for (int part = 0; part < 4; part++) {
        const int row = g + part % 2 * 8, column = 2 * t + part / 2 * 8;
        left[row][column] = low(in.a[part]);
        left[row][column + 1] = high(in.a[part]);
        total[g + part / 2 * 8][2 * t + part % 2] = in.sums[part];
      }
      for (int part = 0; part < 2; part++) {
        right[2 * t + 8 * part][g] = low(in.b[part]);
        right[2 * t + 8 * part + 1][g] = high(in.b[part]);
      }
    }
    Columns factors[16];
    std::memcpy(factors, right, sizeof right);
    for (int row = 0; row < 16; row += 4) {  // four at a time: each is a chain of additions
      Columns sums[4];
      std::memcpy(sums, total[row], sizeof sums);
      for (int k = 0; k < 16; k++) {
        for (int i = 0; i < 4; i++) sums[i] += left[row + i][k] * factors[k];
      }
      std::memcpy(total[row], sums, sizeof sums);
    }
    for (int lane = 0; lane < simt::kWarp; lane++) {
      const int g = lane / 4, t = lane % 4;
      const float out[4] = {total[g][2 * t], total[g][2 * t + 1], total[g + 8][2 * t], total[g + 8][2 * t + 1]};
      std::memcpy(group.out[lane], out, sizeof out);
    }
  };
  const Sums result = simt::Block::current().collective<Sums>(0xffffffffu, "mma.sync", place, brought, complete);
  std::memcpy(sums, result.v, sizeof result.v);
}

namespace simt {

// ldmatrix: lane i passes row i % 8 of matrix i / 8, 16 bytes. choose(lane, half) returns the row and column of each
// matrix for that half of the lane's word.
template <typename Choose>
void load_matrices(uint32_t (&words)[4], Shared<uint32_t> row, const char* what, const Place& place, Choose&& choose) {
  struct Row {
    uint16_t elements[8];
  };
  struct Words {
    uint32_t v[4];
  };
  Row brought;
  std::memcpy(&brought, row.checked(16, 16, Access::read), sizeof brought);
  const auto complete = [&](Collective& group) {
    for (int lane = 0; lane < kWarp; lane++) {
      Words out = {};
      for (int matrix = 0; matrix < 4; matrix++) {
        for (int half = 0; half < 2; half++) {
          const auto [from, column] = choose(lane, half);
          Row source;
          std::memcpy(&source, group.in[matrix * 8 + from], sizeof source);
          out.v[matrix] |= uint32_t(source.elements[column]) << 16 * half;
        }
      }
      std::memcpy(group.out[lane], &out, sizeof out);
    }
  };
  const Words received = Block::current().collective<Words>(0xffffffffu, what, place, brought, complete);
  std::memcpy(words, received.v, sizeof received.v);
}

}  // namespace simt

inline void load_matrix_x4(uint32_t (&words)[4], Shared<uint32_t> row, simt::Place place = simt::Place::current()) {
  simt::load_matrices(words, row, "ldmatrix", place,
                      [](int lane, int half) { return std::pair(lane / 4, lane % 4 * 2 + half); });
}
inline void load_matrix_x4_transposed(uint32_t (&words)[4], Shared<uint32_t> row,
                                      simt::Place place = simt::Place::current()) {
  simt::load_matrices(words, row, "ldmatrix.trans", place,
                      [](int lane, int half) { return std::pair(lane % 4 * 2 + half, lane / 4); });
}
