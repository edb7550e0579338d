// The tile registers of AMX (Intel SDM volume 1, chapter 18): eight registers of 16 rows x 64 bytes each, and the
// instruction that multiplies two of them into a third.
//
// With UPBEAT_EMULATE_TILES the same operations work on ordinary memory: for sanitizers, which do not see the accesses
// of tile loads and stores.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline constexpr int kTileRegisterRows = 16;
inline constexpr int kTileRegisterBytes = 64;  // of a row

#if defined(UPBEAT_EMULATE_TILES)

struct TileRegister {
  uint8_t rows[kTileRegisterRows][kTileRegisterBytes];
};
inline thread_local TileRegister tile_registers[8];

struct TileRegisters {
  explicit TileRegisters(int) {}
};

template <int kTile>
void tile_zero() {
  memset(&tile_registers[kTile], 0, sizeof(TileRegister));
}

template <int kTile>
void tile_load(const void* from, size_t stride) {
  for (int row = 0; row < kTileRegisterRows; row++) {
    memcpy(tile_registers[kTile].rows[row], static_cast<const uint8_t*>(from) + size_t(row) * stride, 64);
  }
}

template <int kTile>
void tile_store(void* to, size_t stride) {
  for (int row = 0; row < kTileRegisterRows; row++) {
    memcpy(static_cast<uint8_t*>(to) + size_t(row) * stride, tile_registers[kTile].rows[row], 64);
  }
}

inline float bf16_at(const uint8_t* bytes) {
  uint16_t half;
  memcpy(&half, bytes, 2);
  const uint32_t bits = (half & 0x7f80u) == 0 ? (uint32_t(half) & 0x8000u) << 16 : uint32_t(half) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// The manual's pseudo-code: one chain of fused multiply-adds from zero for even inputs and one for odd inputs; their
// sum is added to the accumulator. (Hardware flushes denormal sums; this code does not.)
template <int kSums, int kInputs, int kWeights>
void tile_multiply() {
  for (int row = 0; row < kTileRegisterRows; row++) {
    for (int column = 0; column < 16; column++) {
      float chains[2] = {0, 0};
      for (int k = 0; k < 32; k++) {
        const float input = bf16_at(tile_registers[kInputs].rows[row] + 2 * k);
        const float weight = bf16_at(tile_registers[kWeights].rows[k / 2] + 4 * column + 2 * (k % 2));
        chains[k % 2] = __builtin_fmaf(input, weight, chains[k % 2]);
      }
      float sum;
      memcpy(&sum, tile_registers[kSums].rows[row] + 4 * column, 4);
      sum = sum + (chains[0] + chains[1]);
      memcpy(tile_registers[kSums].rows[row] + 4 * column, &sum, 4);
    }
  }
}

#else

// Configures the thread's tile registers for as long as it lives; without them, a context switch saves 8 KiB less. With
// fewer than 16 rows of inputs, registers 0 to 3 (sums), 6 and 7 (inputs) get only that many rows, which load faster; 4
// and 5 (weights) have 16.
class TileRegisters {
 public:
  explicit TileRegisters(int rows) {
    struct alignas(64) Configuration {
      uint8_t palette = 1;
      uint8_t start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    Configuration configuration;
    for (const int tile : {0, 1, 2, 3, 6, 7}) configuration.rows[tile] = uint8_t(rows < 16 ? rows : 16);
    asm volatile("ldtilecfg %0" ::"m"(configuration));
  }
  ~TileRegisters() { asm volatile("tilerelease" ::: "memory"); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;
};

// Assembly instead of intrinsics, which take the register as a literal and do not accept a template parameter.

template <int kTile>
void tile_zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
}

template <int kTile>
void tile_load(const void* from, size_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTile) : "memory");
}

template <int kTile>
void tile_store(void* to, size_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(kTile) : "memory");
}

// sums [16 rows][16 columns] F32 += inputs [16 rows][32 inputs] BF16 x weights [16 pairs of inputs][16 columns][2]
// BF16.
template <int kSums, int kInputs, int kWeights>
void tile_multiply() {
  asm volatile("tdpbf16ps %%tmm%c0, %%tmm%c1, %%tmm%c2" ::"i"(kWeights), "i"(kInputs), "i"(kSums));
}

#endif

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
