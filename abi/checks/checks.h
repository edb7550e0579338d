// Checks of arguments. Each throws ApiError INVALID_ARGUMENT with the argument's name; guarded() adds the function's.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "abi/backend.h"
#include "abi/checks/error.h"
#include "abi/objects/handles.h"

namespace upbeat {

// A forked child has only the calling thread; the devices' threads are gone. From here on every call in a child is
// refused.
void refuse_after_fork();

void check_alive();

[[noreturn]] void throw_wrong_handle(const char* argument, HandleKind wanted, int32_t handle);

template <typename Object>
Object& object_of(HandleKind kind, const char* argument, int32_t handle) {
  check_alive();
  void* object = Handles::process().find(kind, handle);
  if (object == nullptr) throw_wrong_handle(argument, kind, handle);
  return *static_cast<Object*>(object);
}

inline Device& device_of(int32_t handle) { return object_of<Device>(HandleKind::device, "device", handle); }
inline Stream& stream_of(int32_t handle) { return object_of<Stream>(HandleKind::stream, "stream", handle); }
inline Event& event_of(int32_t handle, const char* argument = "event") {
  return object_of<Event>(HandleKind::event, argument, handle);
}
inline Graph& graph_of(int32_t handle) { return object_of<Graph>(HandleKind::graph, "graph", handle); }
inline Weight& weight_of(int32_t handle) { return object_of<Weight>(HandleKind::weight, "weight", handle); }

// A weight as an operand: of this device, all rows loaded or being loaded.
const PackedWeight& complete_weight(const Device& device, int32_t handle);

void check_same_device(const Device& device, const char* argument, const Device& other);
void check_pointer(const char* argument, const void* pointer);
void check_positive(const char* argument, int64_t value);
void check_not_negative(const char* argument, int64_t value);
void check_epsilon(float epsilon);
void check_finite(const char* argument, float value);
Dtype check_dtype(const char* argument, int32_t dtype);
WeightType check_weight_type(const char* argument, int32_t dtype);
InputType check_input_type(const char* argument, int32_t dtype);
Dtype check_cache_dtype(const char* argument, int32_t dtype);
void check_heads(int32_t heads, int32_t kv_heads, int32_t head_dim);
void check_both_or_none(const char* first_argument, const void* first, const char* second_argument, const void* second);
void check_not_capturing(const Stream& stream, const char* action);

// The product of non-negative sizes. Throws when it does not fit 64 bits with room for an element's bytes.
int64_t product(std::initializer_list<int64_t> sizes);

// A range of bytes that an op accesses: not null, inside one allocation of the device (device memory or pinned host
// memory), aligned for its elements. With 0 bytes any address but null will do.
void check_range(Device& device, const char* argument, const void* pointer, int64_t bytes, int64_t alignment);

// The same for memory of one kind.
void check_range_of(Device& device, MemoryKind kind, const char* argument, const void* pointer, int64_t bytes,
                    int64_t alignment);

template <typename Element>
Element* operand(Device& device, const char* argument, void* pointer, int64_t count) {
  check_range(device, argument, pointer, product({count, int64_t(sizeof(Element))}), alignof(Element));
  return static_cast<Element*>(pointer);
}

template <typename Element>
const Element* operand(Device& device, const char* argument, const void* pointer, int64_t count) {
  check_range(device, argument, pointer, product({count, int64_t(sizeof(Element))}), alignof(Element));
  return static_cast<const Element*>(pointer);
}

template <typename Element>
const Element* operand_or_null(Device& device, const char* argument, const void* pointer, int64_t count) {
  return pointer == nullptr ? nullptr : operand<Element>(device, argument, pointer, count);
}

// An operand's bytes; none when the pointer is null.
struct Range {
  const char* argument;
  const void* pointer;
  int64_t bytes;
};

void check_disjoint(const Range& first, const Range& second);

// No output may overlap an input or another output. Kernels check indices before they use them, so nothing that they
// write may change an index.
void check_outputs(std::initializer_list<Range> outputs, std::initializer_list<Range> inputs);

// Bytes of an operand whose length the call does not have: from `pointer`, which check_range() has passed, to the end
// of its allocation, or to the first of `others` after it. Throws when it lies in one of the others.
int64_t room_of(Device& device, const char* argument, const void* pointer, std::initializer_list<Range> others);

// How many items of `bytes` each there is room for.
inline int32_t items_of(int64_t room, int64_t bytes) {
  const int64_t items = room / bytes;
  return items < INT32_MAX ? int32_t(items) : INT32_MAX;
}

}  // namespace upbeat
