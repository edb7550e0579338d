// A region has a gate: run() opens it, workers that wake in time enter and take tasks, run() closes it once all tasks
// are handed out and waits only for the workers inside. A worker that sleeps through a region is never waited for, so a
// busy machine costs parallelism, not progress.
#include "cpu/threads/thread_pool.h"

#include <atomic>
#include <thread>
#include <vector>

#include "cpu/machine/machine.h"
#include "cpu/threads/event_count.h"
#include "cpu/threads/start_thread.h"

namespace upbeat {

namespace {

// Kernels follow each other within microseconds; a thread that falls asleep in between costs several more to wake.
constexpr int64_t kWorkerSpinNs = 50'000;
constexpr int64_t kFinishSpinNs = 50'000;

constexpr uint32_t kOpen = 1u << 31;  // gate: this bit, and below it the number of workers inside

}  // namespace

struct ThreadPool::State {
  // The region. Written while the gate is closed and no worker is inside; read by the workers inside.
  Function function = nullptr;
  void* context = nullptr;
  int tasks = 0;

  alignas(64) std::atomic<int64_t> next{0};  // the next task to hand out
  alignas(64) std::atomic<uint32_t> gate{0};
  alignas(64) std::atomic<uint32_t> region{0};  // counts regions; a change calls the workers
  std::atomic<bool> stopping{false};
  EventCount called;
  EventCount emptied;
  bool spins = false;
  std::vector<std::thread> threads;

  void take_tasks(int worker) {
    for (;;) {
      const int64_t task = next.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks) return;
      function(context, int(task), worker);
    }
  }

  void work(int worker) {
    uint32_t seen = 0;
    for (;;) {
      called.wait([&] { return region.load(std::memory_order_acquire) != seen || stopping.load(); }, kNoDeadline,
                  spins ? kWorkerSpinNs : 0);
      if (stopping.load()) return;
      seen = region.load(std::memory_order_acquire);

      uint32_t state = gate.load(std::memory_order_relaxed);
      while ((state & kOpen) &&
             !gate.compare_exchange_weak(state, state + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
      }
      if (!(state & kOpen)) continue;
      take_tasks(worker);
      if (gate.fetch_sub(1, std::memory_order_release) == 1) emptied.notify();  // the last one, and closed
    }
  }

  void stop() {
    stopping.store(true);
    called.notify();
    for (std::thread& thread : threads) thread.join();
  }
};

ThreadPool::ThreadPool(int threads) : threads_(threads < 1 ? 1 : threads), state_(std::make_unique<State>()) {
  state_->spins = threads_ <= usable_cores();
  state_->threads.reserve(size_t(threads_ - 1));
  try {
    for (int worker = 1; worker < threads_; ++worker) {
      state_->threads.push_back(
          start_thread("upbeat-compute", [state = state_.get(), worker] { state->work(worker); }));
    }
  } catch (...) {
    state_->stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { state_->stop(); }

void ThreadPool::run_erased(int tasks, Function function, void* context) {
  if (tasks <= 1 || threads_ == 1) {
    for (int task = 0; task < tasks; ++task) function(context, task, 0);
    return;
  }
  State& state = *state_;
  state.function = function;
  state.context = context;
  state.tasks = tasks;
  state.next.store(0, std::memory_order_relaxed);
  state.gate.store(kOpen, std::memory_order_release);
  state.region.fetch_add(1, std::memory_order_release);
  state.called.notify(tasks < threads_ ? tasks - 1 : threads_ - 1);

  state.take_tasks(0);

  state.gate.fetch_and(~kOpen, std::memory_order_acq_rel);
  state.emptied.wait([&] { return state.gate.load(std::memory_order_acquire) == 0; }, kNoDeadline,
                     state.spins ? kFinishSpinNs : 0);
}

}  // namespace upbeat
