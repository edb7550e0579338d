// A stream's progress: how many of its commands are done. Events and waiters keep it alive after the stream.
#pragma once

#include <atomic>
#include <cstdint>

#include "abi/objects/ref_counted.h"
#include "abi/types/clock.h"
#include "cpu/threads/event_count.h"

namespace upbeat {

class Timeline final : public RefCounted {
 public:
  // True once the first `count` commands are done.
  bool passed(uint64_t count) const { return done_.load(std::memory_order_acquire) >= count; }

  uint64_t done() const { return done_.load(std::memory_order_acquire); }

  void advance(uint64_t count) { done_.store(count, std::memory_order_release); }

  // Notified when waiters should check their condition again.
  EventCount& changed() { return changed_; }

  // Blocks a host thread until ready(). It spins only while recent waits were short: kernels need the cores.
  template <typename Ready>
  bool wait(Ready&& ready, int64_t deadline, bool may_spin) {
    if (ready()) return true;
    const int64_t start = now_ns();
    const bool spin = may_spin && last_wait_ns_.load(std::memory_order_relaxed) < 2 * kSpinNs;
    const bool is_ready = changed_.wait(ready, deadline, spin ? kSpinNs : 0);
    last_wait_ns_.store(now_ns() - start, std::memory_order_relaxed);
    return is_ready;
  }

 private:
  static constexpr int64_t kSpinNs = 20'000;

  std::atomic<uint64_t> done_{0};
  EventCount changed_;
  std::atomic<int64_t> last_wait_ns_{0};
};

}  // namespace upbeat
