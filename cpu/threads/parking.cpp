// park and unpark: the futex on Linux, its like on Windows; on macOS, whose own is private, a small table of condition
// variables, indexed by address.
#include "cpu/threads/parking.h"

#include "abi/types/clock.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#elif defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <algorithm>
#else
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#endif

namespace upbeat {

#if defined(__linux__)

void park(std::atomic<uint32_t>& word, uint32_t expected, int64_t deadline) {
  timespec limit{};
  if (deadline != kNoDeadline) {
    const int64_t left = deadline - now_ns();
    if (left <= 0) return;
    limit.tv_sec = time_t(left / 1'000'000'000);
    limit.tv_nsec = long(left % 1'000'000'000);
  }
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, expected,
          deadline == kNoDeadline ? nullptr : &limit, nullptr, 0);
}

void unpark(std::atomic<uint32_t>& word, int count) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

#elif defined(_WIN32)

void park(std::atomic<uint32_t>& word, uint32_t expected, int64_t deadline) {
  DWORD limit = INFINITE;
  if (deadline != kNoDeadline) {
    const int64_t left = deadline - now_ns();
    if (left <= 0) return;
    limit = DWORD(std::min<int64_t>((left + 999'999) / 1'000'000, INFINITE - 1));
  }
  WaitOnAddress(&word, &expected, sizeof expected, limit);
}

void unpark(std::atomic<uint32_t>& word, int count) {
  if (count == 1) WakeByAddressSingle(&word);
  if (count > 1) WakeByAddressAll(&word);
}

#else

namespace {

struct Lot {
  std::mutex mutex;
  std::condition_variable changed;
};

// Never destroyed: threads may still sleep here while the process exits.
Lot& lot_of(const void* address) {
  static Lot* lots = new Lot[64];
  return lots[(reinterpret_cast<uintptr_t>(address) >> 6) % 64];
}

}  // namespace

void park(std::atomic<uint32_t>& word, uint32_t expected, int64_t deadline) {
  Lot& lot = lot_of(&word);
  std::unique_lock lock(lot.mutex);
  if (word.load() != expected) return;
  if (deadline == kNoDeadline) {
    lot.changed.wait(lock);
  } else {
    lot.changed.wait_for(lock, std::chrono::nanoseconds(std::max<int64_t>(0, deadline - now_ns())));
  }
}

void unpark(std::atomic<uint32_t>& word, int) {
  Lot& lot = lot_of(&word);
  const std::lock_guard lock(lot.mutex);
  lot.changed.notify_all();  // other words share the lot: waking one thread could wake the wrong one
}

#endif

}  // namespace upbeat
