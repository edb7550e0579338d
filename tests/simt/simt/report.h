// What the emulator found wrong: the first finding is kept, as a sentence, until somebody takes it.
#pragma once

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

namespace simt {

// A sentence without memory of its own: what is abandoned in the middle of a kernel leaves nothing behind.
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

  void add(const Text& sentence) {
    const std::lock_guard lock(mutex_);
    if (any_.load(std::memory_order_relaxed)) return;
    first_ = sentence.characters;
    any_.store(true, std::memory_order_release);
  }

  // The first finding. The reference is good until take().
  const std::string& first() const { return first_; }

  // Forgets it: the machine is as new.
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
