// The compute threads of one device. One parallel region runs at a time: the stream's thread hands out tasks, works
// itself, and returns when all tasks are done.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace upbeat {

class ThreadPool {
 public:
  // `threads` counts the calling thread: 1 means no other thread is started.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return threads_; }

  // Runs body(task, worker) for every task in [0, tasks), each once, on any worker in [0, size()), in any order, and
  // returns when all have returned. Tasks are handed out in ascending order as workers become free, so unequal tasks
  // balance. Everything written before the call is visible to the tasks, everything they write to the caller after.
  // The body must not throw and must not call run().
  template <typename Body>
  void run(int tasks, Body&& body) {
    using Callable = std::remove_reference_t<Body>;
    run_erased(
        tasks, [](void* context, int task, int worker) { (*static_cast<Callable*>(context))(task, worker); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Function = void (*)(void* context, int task, int worker);
  void run_erased(int tasks, Function function, void* context);

  struct State;
  int threads_;
  std::unique_ptr<State> state_;
};

}  // namespace upbeat
