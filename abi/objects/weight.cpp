// The memory of a weight.
#include "abi/objects/weight.h"

#include "abi/backend.h"
#include "abi/checks/error.h"

namespace upbeat {

Weight::Weight(Device& device, const PackedWeight& layout, int64_t bytes) : device_(device), packed_(layout) {
  if (bytes < 0) throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "a weight of %d x %d elements", layout.rows, layout.columns);
  memory_ = device.allocate(MemoryKind::device, bytes, "weight");
  packed_.data = memory_.data();
}

int64_t dense_weight_bytes(const PackedWeight& layout, int64_t padded_rows) {
  int64_t bytes = 0;
  if (__builtin_mul_overflow(padded_rows * int64_t(dtype_bytes(layout.dtype)), layout.padded_columns, &bytes))
    return -1;
  return bytes;
}

}  // namespace upbeat
