// Streams, events and graphs of the stand-in: a thread per stream that runs what was enqueued, in order.
//
// Nothing is done at the call, so that code without a wait reads old data. After a finding enqueued work is skipped and
// every call reports it, until the device is reset, as after a fault of a kernel.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "report.h"

namespace simt {

using Work = std::function<void()>;
using Clock = std::chrono::steady_clock;

enum class WorkKind { kernel, other };

struct Graph {
  std::vector<Work> nodes;
  WorkKind last = WorkKind::other;
};

// Counts dependent launches.
class DependentLaunches {
 public:
  // Never destroyed, as everything that a stream's thread may still touch at exit.
  static DependentLaunches& process() {
    static DependentLaunches* launches = new DependentLaunches;
    return *launches;
  }

  void note() { count_.fetch_add(1, std::memory_order_relaxed); }
  int64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> count_{0};
};

// A point in the work of a stream.
class Passing {
 public:
  bool passed() const {
    const std::lock_guard lock(mutex_);
    return passed_;
  }
  void pass() {
    {
      const std::lock_guard lock(mutex_);
      passed_ = true;
      time_ = Clock::now();
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return passed_; });
  }
  Clock::time_point time() const {
    const std::lock_guard lock(mutex_);
    return time_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool passed_ = false;
  Clock::time_point time_;
};

class Stream {
 public:
  Stream() : thread_([this] { run(); }) {}
  ~Stream() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    filled_.notify_all();
    thread_.join();
  }

  void enqueue(Work work, WorkKind kind = WorkKind::other) {
    if (capture_) {
      capture_->nodes.push_back(std::move(work));
      capture_->last = kind;
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
    }
    filled_.notify_all();
  }

  bool idle() {
    const std::lock_guard lock(mutex_);
    return queue_.empty();
  }

  void synchronize() {
    std::unique_lock lock(mutex_);
    drained_.wait(lock, [this] { return queue_.empty(); });
  }

  bool capturing() const { return bool(capture_); }
  // Whether the work captured last is a kernel.
  bool follows_kernel() const { return capture_ && capture_->last == WorkKind::kernel; }
  void begin_capture() { capture_ = std::make_shared<Graph>(); }
  std::shared_ptr<Graph> end_capture() { return std::move(capture_); }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      filled_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      Work& work = queue_.front();  // stays in the queue until it is done; others only append
      lock.unlock();
      work();
      lock.lock();
      queue_.pop_front();
      if (queue_.empty()) drained_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable filled_, drained_;
  std::deque<Work> queue_;
  bool stopping_ = false;
  std::shared_ptr<Graph> capture_;
  std::thread thread_;
};

// An event stands for its latest record.
struct Event {
  std::shared_ptr<Passing> latest;  // null: never recorded
};

}  // namespace simt
