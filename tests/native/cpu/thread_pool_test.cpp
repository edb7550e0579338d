// The pool's contract: every task runs once and all its writes are visible on return, for any ratio of threads to cores
// and of work to dispatch.
#include "cpu/threads/thread_pool.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "tests/native/support/check.h"

using upbeat::ThreadPool;

TEST("run() does every task exactly once when sizes vary") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    std::vector<int> done(300);
    for (int tasks = 0; tasks < 300; ++tasks) {
      pool.run(tasks, [&](int task, int worker) {
        done[size_t(task)] += 1;  // plain memory: a task run twice, or a missing barrier, is a race
        CHECK(worker >= 0 && worker < threads);
      });
    }
    for (int task = 0; task < 300; ++task) CHECK_EQUAL(done[size_t(task)], 299 - task);
  }
}

TEST("run() makes the tasks' writes visible to the next region when regions alternate") {
  ThreadPool pool(4);
  std::vector<int64_t> values(64, 1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<int64_t> next(64);
    pool.run(64, [&](int task, int) { next[size_t(task)] = values[size_t((task + 1) % 64)] + 1; });
    values.swap(next);
  }
  for (const int64_t value : values) CHECK_EQUAL(value, int64_t(2001));
}

TEST("run() returns when a region is far larger than the pool and tasks are unequal") {
  ThreadPool pool(3);
  std::atomic<int64_t> sum{0};
  pool.run(5000, [&](int task, int) {
    volatile int work = 0;
    for (int i = 0; i < (task % 100 == 0 ? 10000 : 10); ++i) work = work + 1;
    sum.fetch_add(task, std::memory_order_relaxed);
  });
  CHECK_EQUAL(sum.load(), int64_t(5000) * 4999 / 2);
}

TEST("run() works after the workers have gone to sleep") {
  ThreadPool pool(2);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    int done[8] = {0};
    pool.run(8, [&](int task, int) { ++done[task]; });
    for (const int count : done) CHECK_EQUAL(count, 1);
  }
}

TEST("run() may be called from one thread after another") {
  ThreadPool pool(2);
  int64_t total = 0;
  for (int round = 0; round < 20; ++round) {
    std::thread([&] {
      int64_t parts[16];
      pool.run(16, [&](int task, int) { parts[task] = task; });
      for (const int64_t part : parts) total += part;
    }).join();
  }
  CHECK_EQUAL(total, int64_t(20 * 120));
}

TEST("ThreadPool stops its threads when it is destroyed unused") {
  for (int round = 0; round < 50; ++round) ThreadPool pool(4);
}

int main() { return check::run_all(); }
