// Weights.
#include <cmath>

#include "abi/checks/checks.h"

using namespace upbeat;

namespace {

// Checks a range of rows against the matrix and the rows loaded before; returns the bytes of the rows.
int64_t check_rows(Stream& stream, Weight& weight, int32_t first_row, int32_t row_count) {
  const PackedWeight& packed = weight.packed();
  check_same_device(stream.device(), "weight", weight.device());
  check_not_capturing(stream, "load weights");
  check_not_negative("first_row", first_row);
  check_positive("row_count", row_count);
  if (row_count > packed.rows - first_row) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "row_count: rows %d to %lld are outside a weight of %d rows", first_row,
                static_cast<long long>(first_row) + row_count - 1, packed.rows);
  }
  if (weight.loaded().overlaps(first_row, row_count)) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "first_row: some of rows %d to %d are loaded already", first_row,
                first_row + row_count - 1);
  }
  weight.loaded().reserve();  // once the load is enqueued, add() must not fail
  return product({row_count, row_bytes(packed.source, packed.columns)});
}

// A row is a whole number of blocks.
void check_blocks(WeightType type, int32_t columns) {
  const BlockSize* size = block_size(type.blocks);
  if (size == nullptr || columns % size->columns == 0) return;
  throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "columns: must be a multiple of %d, the block of %s, is %d", size->columns,
              size->name, columns);
}

}  // namespace

extern "C" {

int32_t upbeat_weight_create(int32_t device, int32_t dtype, int32_t rows, int32_t columns, int32_t input_dtype) {
  return guarded("upbeat_weight_create", [&] {
    Device& owner = device_of(device);
    const WeightType type = check_weight_type("dtype", dtype);
    check_positive("rows", rows);
    check_positive("columns", columns);
    check_blocks(type, columns);
    const InputType input = check_input_type("input_dtype", input_dtype);
    if (!owner.multiplies(type, input)) {
      throw_error(
          UPBEAT_ERROR_UNAVAILABLE,
          "input_dtype: this library has no kernels for %s weights with %s inputs: ask for F32 inputs (the engine's "
          "activations \"float32\"); BF16 inputs need BF16 weights and AMX, or the CUDA library and weights of "
          "16 bits or blocks; I8 inputs need the CPU library and weights of blocks",
          name_of(type), name_of(input));
    }
    return owner.objects().add(owner.make_weight(type, rows, columns, input));
  });
}

int32_t upbeat_weight_load(int32_t stream, int32_t weight, int32_t first_row, int32_t row_count, const char* path,
                           int64_t offset, int32_t paired_rows) {
  return guarded("upbeat_weight_load", [&] {
    Stream& target = stream_of(stream);
    Weight& filled = weight_of(weight);
    const int64_t bytes = check_rows(target, filled, first_row, row_count);
    check_pointer("path", path);
    check_not_negative("offset", offset);
    check_not_negative("paired_rows", paired_rows);
    if (paired_rows > 0 && (paired_rows % 2 != 0 || row_count % paired_rows != 0)) {
      throw_error(UPBEAT_ERROR_INVALID_ARGUMENT,
                  "paired_rows: must be 0, or even and a divisor of row_count (%d), is %d", row_count, paired_rows);
    }
    target.enqueue_weight_load(SourceFile::open(path, offset, bytes), offset, filled.packed(),
                               {first_row, row_count, paired_rows});
    filled.loaded().add(first_row, row_count);
    return UPBEAT_OK;
  });
}

int32_t upbeat_weight_upload(int32_t stream, int32_t weight, int32_t first_row, int32_t row_count, const void* source) {
  return guarded("upbeat_weight_upload", [&] {
    Stream& target = stream_of(stream);
    Weight& filled = weight_of(weight);
    const int64_t bytes = check_rows(target, filled, first_row, row_count);
    check_range_of(target.device(), MemoryKind::host, "source", source, bytes, 1);
    target.enqueue_weight_upload(source, filled.packed(), {first_row, row_count, 0});
    filled.loaded().add(first_row, row_count);
    return UPBEAT_OK;
  });
}

int32_t upbeat_weight_randomize(int32_t stream, int32_t weight, int32_t first_row, int32_t row_count, float scale,
                                int32_t seed_low, int32_t seed_high) {
  return guarded("upbeat_weight_randomize", [&] {
    Stream& target = stream_of(stream);
    Weight& filled = weight_of(weight);
    check_rows(target, filled, first_row, row_count);
    const WeightType type = filled.packed().source;
    if (type.blocks != BlockType::none) {
      throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "weight: there are no random elements of %s", name_of(type));
    }
    if (!(std::isfinite(scale) && scale > 0)) {
      throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "scale: must be finite and above 0, got %g", double(scale));
    }
    target.enqueue_weight_randomize(filled.packed(),
                                    {first_row, row_count, scale, uint32_t(seed_low), uint32_t(seed_high)});
    filled.loaded().add(first_row, row_count);
    return UPBEAT_OK;
  });
}

int32_t upbeat_weight_destroy(int32_t weight) {
  return guarded("upbeat_weight_destroy", [&] {
    weight_of(weight).device().objects().destroy_weight(weight);
    return UPBEAT_OK;
  });
}

}  // extern "C"
