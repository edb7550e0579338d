// How a thread waits for another: a short spin while an answer may come within microseconds, then sleep in the kernel.
//
// Signal is an event count. A waiter names a condition over atomics; whoever makes the condition true calls notify()
// afterwards, which costs one atomic operation and enters the kernel only when somebody sleeps.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "abi/types/clock.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace upbeat {

inline void pause_cpu() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

// Sleeps while `word` holds `expected`, until `deadline` at the latest. May return early for no reason.
void park(std::atomic<uint32_t>& word, uint32_t expected, int64_t deadline);

// Wakes up to `count` threads parked on `word`.
void unpark(std::atomic<uint32_t>& word, int count);

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

class alignas(64) Signal {
 public:
  // Wakes at most `count` of the threads that wait. What the caller stored before is visible to them.
  void notify(int count = INT32_MAX) {
    // Both sides modify waiters_, so one comes first: a waiter that is not seen here announced itself later, and then
    // sees the condition.
    const uint32_t waiters = waiters_.fetch_add(0, std::memory_order_acq_rel);
    if (waiters == 0) return;
    epoch_.fetch_add(1, std::memory_order_release);
    unpark(epoch_, int(std::min<int64_t>(count, waiters)));
  }

  // Waits until `ready()`, spinning first for `spin_ns`. Returns false when the deadline passed first.
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
