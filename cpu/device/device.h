// The CPU as a device: a kernel set, compute threads, and the device's fault.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "abi/backend.h"
#include "cpu/kernels/kernels.h"
#include "cpu/streams/timeline.h"
#include "cpu/threads/thread_pool.h"

namespace upbeat {

class CpuDevice final : public Device {
 public:
  CpuDevice(int threads, const KernelSet& kernels);
  ~CpuDevice() override;

  const KernelSet& kernels() const { return kernels_; }
  ThreadPool& pool() { return pool_; }
  std::mutex& pool_mutex() { return pool_mutex_; }
  // Whether there are enough cores for a thread to spin without taking one from a computing thread.
  bool may_spin() const { return may_spin_; }

  Memory allocate(MemoryKind kind, int64_t bytes, const char* what) override;
  std::unique_ptr<Stream> make_stream() override;
  Ref<Event> make_event() override;
  std::unique_ptr<Weight> make_weight(WeightType type, int32_t rows, int32_t columns, InputType input) override;
  bool multiplies(WeightType weight, InputType input) const override;
  // Commands of a graph run one after the other here: throws when `wanted`.
  void use_dependent_launches(bool wanted) override;
  std::string info() override;
  void check_fault() override;

  // Any thread: notes the first fault. Work that has not begun is skipped from here on, and every waiter wakes.
  void fail(const char* operation, const Fault& fault) noexcept;
  bool faulted() const { return faulted_.load(std::memory_order_acquire); }

  // The timelines of all streams, for fail() to wake their waiters.
  void add_timeline(const Ref<Timeline>& timeline);
  void remove_timeline(const Ref<Timeline>& timeline);

 private:
  const KernelSet& kernels_;
  const int cores_;
  ThreadPool pool_;
  std::mutex pool_mutex_;
  const bool may_spin_;

  std::atomic<bool> faulted_{false};
  std::mutex fault_mutex_;  // guards the message until faulted_ is set, and the list below
  char fault_message_[320] = {0};
  std::vector<Ref<Timeline>> timelines_;
};

}  // namespace upbeat
