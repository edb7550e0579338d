// Weight memory.
#include "cuda/memory/weight.h"

#include "abi/checks/error.h"
#include "cuda/device/device.h"

namespace upbeat {

Weight::Weight(Device& device, Dtype dtype, int32_t rows, int32_t columns, Dtype input)
    : device_(device), packed_{.dtype = dtype, .input = input, .rows = rows, .columns = columns} {
  packed_.stride = (int64_t(columns) + kWeightColumnStep - 1) / kWeightColumnStep * kWeightColumnStep;
  int64_t bytes = 0;
  if (__builtin_mul_overflow(packed_.padded_rows() * int64_t(dtype_bytes(dtype)), packed_.stride, &bytes)) {
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "a weight of %d x %d elements", rows, columns);
  }
  memory_ = device.make_memory(MemoryKind::device, bytes, "weight");
  packed_.data = memory_.data();
  note_weight_memory(memory_.data(), size_t(bytes));
}

}  // namespace upbeat
