// Weight memory.
#include "cpu/memory/weight.h"

#include "abi/checks/error.h"
#include "cpu/device/device.h"

namespace upbeat {

Weight::Weight(Device& device, Dtype dtype, int32_t rows, int32_t columns, Dtype input)
    : device_(device), packed_(device.kernels().packed_weight(dtype, rows, columns, input)) {
  const auto padded = (int64_t(rows) + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
  int64_t bytes = 0;
  if (__builtin_mul_overflow(padded * int64_t(dtype_bytes(dtype)), packed_.padded_columns, &bytes)) {
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "a weight of %d x %d elements", rows, columns);
  }
  memory_ = Memory(bytes, "weight");
  packed_.data = memory_.data();
}

}  // namespace upbeat
