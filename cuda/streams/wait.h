// How a host thread waits for the device: it asks in a loop, then between sleeps.
//
// CUDA's own waits know neither a timeout nor a fault that another stream has met. They ask in a loop for as long as it
// takes, unless told otherwise; a thread that sleeps comes late by its sleep and by the kernel's timer slack, and finds its
// caches cold. So a step that takes a few milliseconds is waited for in a loop, which lets others have the core, and longer
// ones between sleeps, which take a few percent of a core.
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
