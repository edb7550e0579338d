// The layouts of blocks in files: one function per type of the GGUF format, from bytes to codes.
#pragma once

#include <cstdint>
#include <cstring>

#include "abi/quantized/block_codes.h"

namespace upbeat {

inline uint16_t read_u16(const uint8_t* bytes) { return uint16_t(bytes[0] | bytes[1] << 8); }
inline uint32_t read_u32(const uint8_t* bytes) { return read_u16(bytes) | uint32_t(read_u16(bytes + 2)) << 16; }

// Nibbles in halves: the low ones of `count` bytes are the first elements, the high ones as many more.
inline void read_halves(const uint8_t* bytes, int count, uint8_t* codes) {
  for (int i = 0; i < count; i++) {
    codes[i] = bytes[i] & 15;
    codes[i + count] = bytes[i] >> 4;
  }
}

// Blocks of 32 elements (simple_blocks.cpp).
void read_q4_0(const uint8_t* block, BlockCodes& codes);
void read_q4_1(const uint8_t* block, BlockCodes& codes);
void read_q5_0(const uint8_t* block, BlockCodes& codes);
void read_q5_1(const uint8_t* block, BlockCodes& codes);
void read_q8_0(const uint8_t* block, BlockCodes& codes);
void read_mxfp4(const uint8_t* block, BlockCodes& codes);

// Blocks of 256 elements with quantized scales (k_blocks.cpp).
void read_q2_k(const uint8_t* block, BlockCodes& codes);
void read_q3_k(const uint8_t* block, BlockCodes& codes);
void read_q4_k(const uint8_t* block, BlockCodes& codes);
void read_q5_k(const uint8_t* block, BlockCodes& codes);
void read_q6_k(const uint8_t* block, BlockCodes& codes);
void read_iq4_xs(const uint8_t* block, BlockCodes& codes);
void read_tq1_0(const uint8_t* block, BlockCodes& codes);
void read_tq2_0(const uint8_t* block, BlockCodes& codes);

// Blocks of 256 elements from code books (codebook_blocks.cpp).
void read_iq2_xxs(const uint8_t* block, BlockCodes& codes);
void read_iq2_xs(const uint8_t* block, BlockCodes& codes);
void read_iq2_s(const uint8_t* block, BlockCodes& codes);
void read_iq3_xxs(const uint8_t* block, BlockCodes& codes);
void read_iq3_s(const uint8_t* block, BlockCodes& codes);
void read_iq1_s(const uint8_t* block, BlockCodes& codes);
void read_iq1_m(const uint8_t* block, BlockCodes& codes);

}  // namespace upbeat
