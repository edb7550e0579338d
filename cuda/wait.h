// How a host thread waits for the device: it asks, briefly in a loop, then between ever longer sleeps.
//
// CUDA's own waits know neither a timeout nor a fault that another stream has met. An engine that launches the next step
// shortly before the end of the one in flight waits for that end briefly: the loop lasts about as long, so that nothing
// is read later than it is there. A sleeping thread comes late by its sleep and by the kernel's timer slack; it uses a few
// percent of a core.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

#include "../abi/clock.h"

namespace upbeat {

// Waits until ready() or the deadline; returns ready().
template <typename Ready>
bool wait_until(Ready&& ready, int64_t deadline) {
  constexpr int64_t kSpinNs = 200'000;
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
