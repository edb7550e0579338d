// Runtime calls that a step must not make: they allocate or block, or the driver may block in them. They are counted,
// and while a test forbids them each one is a finding.
#pragma once

#include <atomic>
#include <cstdint>

#include "report.h"

namespace simt {

class SlowCalls {
 public:
  // Never destroyed, as everything that a stream's thread may still touch at exit.
  static SlowCalls& process() {
    static SlowCalls* calls = new SlowCalls;
    return *calls;
  }

  void note(const char* name) {
    count_.fetch_add(1, std::memory_order_relaxed);
    if (forbidden_.load(std::memory_order_acquire)) {
      Findings::process().add(format("slow call: %s where a test allows none", name));
    }
  }

  // Whether this allocation is the one that a test makes fail.
  bool refuses_allocation() { return refused_.load(std::memory_order_relaxed) > 0 && refused_.fetch_sub(1) == 1; }

  int64_t count() const { return count_.load(std::memory_order_relaxed); }
  void forbid(bool forbidden) { forbidden_.store(forbidden, std::memory_order_release); }
  // The allocation of this number from now on fails; 0: none.
  void refuse_allocation(int64_t number) { refused_.store(number); }

 private:
  std::atomic<int64_t> count_{0};
  std::atomic<bool> forbidden_{false};
  std::atomic<int64_t> refused_{0};
};

}  // namespace simt
