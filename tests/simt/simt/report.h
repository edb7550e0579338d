// Findings of the emulator: the message of the first one is kept until it is taken.
#pragma once

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

namespace simt {

// A message without memory on the heap: a kernel abandoned in the middle leaks nothing.
struct Text {
  char characters[1024] = {0};

  [[gnu::format(printf, 2, 3)]] Text& add(const char* pattern, ...) {
    const size_t length = std::strlen(characters);
    va_list arguments;
    va_start(arguments, pattern);
    std::vsnprintf(characters + length, sizeof characters - length, pattern, arguments);
    va_end(arguments);
    return *this;
  }
};

[[gnu::format(printf, 1, 2)]] inline Text format(const char* pattern, ...) {
  Text text;
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text.characters, sizeof text.characters, pattern, arguments);
  va_end(arguments);
  return text;
}

class Findings {
 public:
  // Never destroyed: stream threads may still run while the process exits.
  static Findings& process() {
    static Findings* findings = new Findings;
    return *findings;
  }

  bool any() const { return any_.load(std::memory_order_acquire); }

  void add(const Text& finding) {
    const std::lock_guard lock(mutex_);
    if (any_.load(std::memory_order_relaxed)) return;
    first_ = finding.characters;
    any_.store(true, std::memory_order_release);
  }

  // The first finding. The reference is good until take().
  const std::string& first() const { return first_; }

  // Returns and clears it.
  std::string take() {
    const std::lock_guard lock(mutex_);
    any_.store(false, std::memory_order_release);
    return std::exchange(first_, {});
  }

 private:
  std::mutex mutex_;
  std::atomic<bool> any_{false};
  std::string first_;
};

}  // namespace simt
