// A command: one piece of a stream's work, in a slot of fixed size, so that enqueueing allocates nothing.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>

#include "cpu/kernels/kernels.h"

namespace upbeat {

class Stream;

// What kind of work a command is. One constant per kind; commands point to it.
struct Operation {
  const char* name;
  // Does the work on the stream's thread. False: a fault, described in `fault`. Never throws.
  bool (*run)(Stream& stream, const void* payload, Fault& fault);
  // Gives up what the payload owns, after run() or in place of it. Null when it owns nothing; only such work can be
  // captured, since a graph runs it many times.
  void (*release)(void* payload) = nullptr;
  // Whether waiters of the stream look again once this command is done.
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
