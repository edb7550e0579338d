// How a host thread waits for the device: it polls in a loop, then between sleeps.
//
// CUDA's own waits support neither a timeout nor the fault of another stream, and they spin by default. A thread that
// sleeps wakes late, by its sleep and the timer slack of Linux, 50 microseconds unless it asks for less, with cold caches. So for the first milliseconds the
// thread polls and yields its core to others; longer waits poll between sleeps, at a few percent of a core.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "abi/types/clock.h"

namespace upbeat {

// Lets the calling thread's sleeps end when they should.
inline void sleep_exactly() {
#if defined(__linux__)
  static thread_local const bool asked = prctl(PR_SET_TIMERSLACK, 1) == 0;
  static_cast<void>(asked);
#endif
}

// Waits until ready() or the deadline; returns ready().
template <typename Ready>
bool wait_until(Ready&& ready, int64_t deadline) {
  constexpr int64_t kSpinNs = 2'000'000;
  constexpr int64_t kLongestSleepNs = 30'000;
  if (ready()) return true;
  const int64_t start = now_ns();
  int64_t sleep = 5'000;
  for (;;) {
    const int64_t now = now_ns();
    if (now >= deadline) return ready();
    if (now - start < kSpinNs) {
      std::this_thread::yield();
    } else {
      sleep_exactly();
      std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(sleep, deadline - now)));
      sleep = std::min(sleep * 2, kLongestSleepNs);
    }
    if (ready()) return true;
  }
}

}  // namespace upbeat
