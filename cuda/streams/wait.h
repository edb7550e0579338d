// How a host thread waits for the device: it polls in a loop, then between sleeps.
//
// CUDA's own waits support neither a timeout nor the fault of another stream, and they spin by default. A thread that
// sleeps wakes late, by its sleep and the kernel's timer slack, with cold caches. So for the first milliseconds the
// thread polls and yields its core to others; longer waits poll between sleeps, at a few percent of a core.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

#include "abi/types/clock.h"

namespace upbeat {

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
      std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(sleep, deadline - now)));
      sleep = std::min(sleep * 2, kLongestSleepNs);
    }
    if (ready()) return true;
  }
}

}  // namespace upbeat
