// Rows of a weight of quantized blocks.
#pragma once

#include <cstdint>

#include "abi/types/packed_weight.h"

namespace upbeat {

// Fills one row from blocks as in a file.
void pack_block_row(const PackedWeight& weight, int32_t row, const uint8_t* source);

// One row as F32.
void unpack_block_row(const PackedWeight& weight, int32_t row, float* values);

}  // namespace upbeat
