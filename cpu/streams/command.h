// A command: one piece of a stream's work, in a place of fixed size, so that enqueueing allocates nothing.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>

#include "abi/types/fault.h"

namespace upbeat {

class CpuStream;

// The kind of a command. One constant per kind; commands point to it.
struct Operation {
  const char* name;
  // Does the work, on the stream's thread. False: a fault, described in `fault`. Never throws.
  bool (*run)(CpuStream& stream, const void* payload, Fault& fault);
  // Releases what the payload owns, after run() or instead of it. Null when it owns nothing; only such commands can be
  // captured, because a graph runs them many times.
  void (*release)(void* payload) = nullptr;
  // Whether the stream wakes its waiters after this command.
  bool wakes = false;
};

struct Command {
  static constexpr size_t kPayloadBytes = 168;

  const Operation* operation = nullptr;
  alignas(8) std::byte payload[kPayloadBytes];

  template <typename Payload>
  void set(const Operation& kind, const Payload& value) {
    static_assert(sizeof(Payload) <= kPayloadBytes && alignof(Payload) <= 8 && std::is_trivially_copyable_v<Payload>);
    operation = &kind;
    new (payload) Payload(value);
  }
};

template <typename Payload>
const Payload& payload_as(const void* payload) {
  return *static_cast<const Payload*>(payload);
}

}  // namespace upbeat
