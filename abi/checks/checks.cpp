// The checks and their messages.
#include "abi/checks/checks.h"

#include <atomic>
#include <cmath>

#include "abi/platform/platform.h"

namespace upbeat {

namespace {

std::atomic<bool> forked{false};

using Long = long long;

}  // namespace

void refuse_after_fork() {
  static const bool installed = [] {
    platform::on_fork([] { forked.store(true); });
    return true;
  }();
  (void)installed;
}

void check_alive() {
  if (forked.load(std::memory_order_relaxed)) {
    throw_error(UPBEAT_ERROR_UNAVAILABLE, "this process was forked from one with an open device: start a new process");
  }
}

void throw_wrong_handle(const char* argument, HandleKind wanted, int32_t handle) {
  const HandleKind actual = Handles::process().kind_of(handle);
  if (actual == HandleKind::none) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: %d is not %s (never created, or destroyed)", argument, handle,
                kind_name(wanted));
  }
  throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: %d is %s, not %s", argument, handle, kind_name(actual),
              kind_name(wanted));
}

const PackedWeight& complete_weight(const Device& device, int32_t handle) {
  Weight& weight = weight_of(handle);
  check_same_device(device, "weight", weight.device());
  const PackedWeight& packed = weight.packed();
  if (weight.loaded().covered() != packed.rows) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "weight: %d of %d rows are loaded; row %d is missing",
                weight.loaded().covered(), packed.rows, weight.loaded().first_missing());
  }
  return packed;
}

void check_same_device(const Device& device, const char* argument, const Device& other) {
  if (&device != &other) throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: belongs to another device", argument);
}

void check_pointer(const char* argument, const void* pointer) {
  if (pointer == nullptr) throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: must not be null", argument);
}

void check_positive(const char* argument, int64_t value) {
  if (value <= 0) throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: must be above 0, is %lld", argument, Long(value));
}

void check_not_negative(const char* argument, int64_t value) {
  if (value < 0) throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: must not be negative, is %lld", argument, Long(value));
}

void check_epsilon(float epsilon) {
  if (!std::isfinite(epsilon) || epsilon < 0) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "epsilon: must be finite and not negative, is %g", double(epsilon));
  }
}

void check_finite(const char* argument, float value) {
  if (!std::isfinite(value)) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: must be finite, is %g", argument, double(value));
  }
}

Dtype check_dtype(const char* argument, int32_t dtype) {
  if (dtype != UPBEAT_DTYPE_F32 && dtype != UPBEAT_DTYPE_F16 && dtype != UPBEAT_DTYPE_BF16) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: must be F32 (0), F16 (1) or BF16 (2), is %d", argument, dtype);
  }
  return Dtype(dtype);
}

WeightType check_weight_type(const char* argument, int32_t dtype) {
  if (block_size(BlockType(dtype)) != nullptr) return {.blocks = BlockType(dtype)};
  if (dtype < UPBEAT_DTYPE_F32 || dtype > UPBEAT_DTYPE_BF16) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT,
                "%s: must be F32 (0), F16 (1), BF16 (2) or a block-quantized type (UPBEAT_DTYPE_*), is %d", argument,
                dtype);
  }
  return {.dtype = Dtype(dtype)};
}

InputType check_input_type(const char* argument, int32_t dtype) {
  if (dtype != UPBEAT_DTYPE_F32 && dtype != UPBEAT_DTYPE_BF16 && dtype != UPBEAT_DTYPE_I8) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: must be F32 (0), BF16 (2) or I8 (88), is %d", argument, dtype);
  }
  return InputType(dtype);
}

Dtype check_cache_dtype(const char* argument, int32_t dtype) {
  if (dtype != UPBEAT_DTYPE_F32 && dtype != UPBEAT_DTYPE_BF16) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: a cache must be F32 (0) or BF16 (2), is %d", argument, dtype);
  }
  return Dtype(dtype);
}

void check_heads(int32_t heads, int32_t kv_heads, int32_t head_dim) {
  check_positive("heads", heads);
  check_positive("kv_heads", kv_heads);
  check_positive("head_dim", head_dim);
  if (heads % kv_heads != 0) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "heads: must be a multiple of kv_heads (%d), is %d", kv_heads, heads);
  }
  if (head_dim % 2 != 0) throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "head_dim: must be even, is %d", head_dim);
}

void check_both_or_none(const char* first_argument, const void* first, const char* second_argument,
                        const void* second) {
  if ((first == nullptr) != (second == nullptr)) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s and %s: both must be given or both null", first_argument,
                second_argument);
  }
}

void check_not_capturing(const Stream& stream, const char* action) {
  if (stream.capturing()) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "stream: is capturing a graph and cannot %s before upbeat_graph_end",
                action);
  }
}

int64_t product(std::initializer_list<int64_t> sizes) {
  int64_t result = 1;
  for (const int64_t size : sizes) {
    if (__builtin_mul_overflow(result, size, &result) || result > (int64_t(1) << 59)) {
      throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "the shape is too large: its size overflows");
    }
  }
  return result;
}

namespace {

void check_range_in(Device& device, const MemoryKind* wanted, const char* argument, const void* pointer, int64_t bytes,
                    int64_t alignment) {
  check_pointer(argument, pointer);
  if (reinterpret_cast<uintptr_t>(pointer) % uintptr_t(alignment) != 0) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: %p is not aligned to %lld bytes", argument, pointer,
                Long(alignment));
  }
  if (bytes == 0) return;
  MemoryKind kind = MemoryKind::device;
  const int64_t room = device.memory().room_at(pointer, &kind);
  if (room < 0) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: %p is not memory of this device", argument, pointer);
  }
  if (bytes > room) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: %lld bytes are needed and its allocation ends after %lld", argument,
                Long(bytes), Long(room));
  }
  if (wanted != nullptr && kind != *wanted) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: must be %s", argument,
                *wanted == MemoryKind::host ? "pinned host memory (upbeat_host_allocate)"
                                            : "device memory (upbeat_memory_allocate)");
  }
}

}  // namespace

void check_range(Device& device, const char* argument, const void* pointer, int64_t bytes, int64_t alignment) {
  check_range_in(device, nullptr, argument, pointer, bytes, alignment);
}

void check_range_of(Device& device, MemoryKind kind, const char* argument, const void* pointer, int64_t bytes,
                    int64_t alignment) {
  check_range_in(device, &kind, argument, pointer, bytes, alignment);
}

void check_disjoint(const Range& first, const Range& second) {
  const auto a = reinterpret_cast<uintptr_t>(first.pointer);
  const auto b = reinterpret_cast<uintptr_t>(second.pointer);
  if (a == 0 || b == 0 || first.bytes == 0 || second.bytes == 0) return;
  if (a < b + uintptr_t(second.bytes) && b < a + uintptr_t(first.bytes)) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s and %s: must not overlap", first.argument, second.argument);
  }
}

void check_outputs(std::initializer_list<Range> outputs, std::initializer_list<Range> inputs) {
  for (const Range& output : outputs) {
    for (const Range& input : inputs) check_disjoint(output, input);
    for (const Range& other : outputs) {
      if (&other != &output) check_disjoint(output, other);
    }
  }
}

int64_t room_of(Device& device, const char* argument, const void* pointer, std::initializer_list<Range> others) {
  const auto start = reinterpret_cast<uintptr_t>(pointer);
  int64_t room = device.memory().room_at(pointer, nullptr);
  for (const Range& other : others) {
    check_disjoint({argument, pointer, 1}, other);
    const auto begin = reinterpret_cast<uintptr_t>(other.pointer);
    if (other.bytes > 0 && begin > start && begin - start < uintptr_t(room)) room = int64_t(begin - start);
  }
  return room;
}

}  // namespace upbeat
