// A grid's blocks, divided among a few system threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "block.h"

namespace simt {

// Threads that help a stream's thread. They serve one grid at a time; a stream that finds them busy works alone.
class Helpers {
 public:
  // Never destroyed: they may still run while the process exits.
  static Helpers& process() {
    static Helpers* helpers = new Helpers(int(std::min(std::thread::hardware_concurrency(), kMost)) - 1);
    return *helpers;
  }

  // Calls work() here and on every helper that wakes in time; returns when all have returned from it.
  void run(const std::function<void()>& work) {
    std::unique_lock turn(turn_, std::try_to_lock);
    if (!turn || count_ == 0) return work();
    {
      const std::lock_guard lock(mutex_);
      work_ = &work;
      ++round_;
    }
    begun_.notify_all();
    work();
    std::unique_lock lock(mutex_);
    work_ = nullptr;
    left_.wait(lock, [this] { return inside_ == 0; });
  }

 private:
  static constexpr unsigned kMost = 4;

  explicit Helpers(int count) : count_(count) {
    for (int i = 0; i < count; i++) std::thread([this] { serve(); }).detach();
  }

  void serve() {
    uint64_t served = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      begun_.wait(lock, [&] { return work_ != nullptr && round_ != served; });
      served = round_;
      const std::function<void()>& work = *work_;
      ++inside_;
      lock.unlock();
      work();
      lock.lock();
      if (--inside_ == 0) left_.notify_all();
    }
  }

  const int count_;
  std::mutex turn_, mutex_;
  std::condition_variable begun_, left_;
  const std::function<void()>* work_ = nullptr;
  uint64_t round_ = 0;
  int inside_ = 0;
};

// Runs a kernel over its grid. Blocks run in no particular order, and several at a time, as on a GPU.
inline void run_grid(const KernelRun& kernel) {
  const Size3 grid = kernel.grid;
  const int64_t count = grid.count();
  int64_t step = count / 2 + 1;  // visits every block once when it shares no factor with the count
  const auto common = [](int64_t a, int64_t b) {
    while (b != 0) a = std::exchange(b, a % b);
    return a;
  };
  while (common(step, count) != 1) ++step;
  std::atomic<int64_t> next{0};
  const std::function<void()> work = [&] {
    Block& executor = Block::of_this_thread();
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) {
      const int64_t at = int64_t((__int128(i) * step) % count);
      const Index3 index = {unsigned(at % grid.x), unsigned(at / grid.x % grid.y),
                            unsigned(at / (int64_t(grid.x) * grid.y))};
      if (!executor.run(kernel, index)) next = count;
    }
  };
  // Waking a thread takes as long as a block or two.
  if (count < 4) return work();
  Helpers::process().run(work);
}

}  // namespace simt
