// Putting a thread to sleep on a word in memory, and waking it.
#pragma once

#include <atomic>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace upbeat {

// Tells the core that this thread spins.
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

}  // namespace upbeat
