// The steady clock, which timeouts use.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace upbeat {

inline int64_t now_ns() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

inline constexpr int64_t kNoDeadline = INT64_MAX;

// The steady-clock deadline of a timeout; negative means none.
inline int64_t deadline_after_us(int64_t timeout_us) {
  constexpr int64_t kLongest = int64_t(1) << 50;  // 35 years: keeps the sum inside 64 bits
  return timeout_us < 0 ? kNoDeadline : now_ns() + std::min(timeout_us, kLongest / 1000) * 1000;
}

}  // namespace upbeat
