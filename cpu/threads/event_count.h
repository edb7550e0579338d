// An event count: threads wait for a condition over atomics without a lock.
//
// A thread that makes the condition true calls notify() afterwards, which costs one atomic operation and enters the
// kernel only when a thread sleeps. A waiter spins for a short time first, because the condition often comes true
// within microseconds.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "abi/types/clock.h"
#include "cpu/threads/parking.h"

namespace upbeat {

// Spins until `ready()` or until `spin_ns` have passed; returns ready().
template <typename Ready>
bool spin_until(Ready&& ready, int64_t spin_ns) {
  if (ready()) return true;
  if (spin_ns <= 0) return false;
  const int64_t end = now_ns() + spin_ns;
  do {
    for (int i = 0; i < 8; ++i) {
      pause_cpu();
      if (ready()) return true;
    }
  } while (now_ns() < end);
  return false;
}

class alignas(64) EventCount {
 public:
  // Wakes at most `count` waiting threads. What the caller stored before is visible to them.
  void notify(int count = INT32_MAX) {
    // Both sides modify waiters_, so one comes first: a waiter that is not seen here announced itself later, and then
    // sees the condition.
    const uint32_t waiters = waiters_.fetch_add(0, std::memory_order_acq_rel);
    if (waiters == 0) return;
    epoch_.fetch_add(1, std::memory_order_release);
    unpark(epoch_, int(std::min<int64_t>(count, waiters)));
  }

  // Waits until `ready()`, spinning for `spin_ns` before it sleeps. Returns false when the deadline passed first.
  template <typename Ready>
  bool wait(Ready&& ready, int64_t deadline = kNoDeadline, int64_t spin_ns = 0) {
    if (deadline != kNoDeadline) spin_ns = std::min(spin_ns, deadline - now_ns());
    if (spin_until(ready, spin_ns)) return true;
    // The epoch is read before the condition: a notify in between changes it, and park() returns at once.
    waiters_.fetch_add(1, std::memory_order_acq_rel);
    bool is_ready = false;
    for (;;) {
      const uint32_t epoch = epoch_.load(std::memory_order_acquire);
      is_ready = ready();
      if (is_ready || (deadline != kNoDeadline && now_ns() >= deadline)) break;
      park(epoch_, epoch, deadline);
    }
    waiters_.fetch_sub(1, std::memory_order_relaxed);
    return is_ready;
  }

 private:
  std::atomic<uint32_t> epoch_{0};
  std::atomic<uint32_t> waiters_{0};
};

}  // namespace upbeat
