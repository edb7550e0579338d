// The tools of kernel_bench.cpp: a device library, memory larger than any cache, and graphs of many launches.
#pragma once

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "ffi/upbeat.h"

// ---- The library ---------------------------------------------------------------------------------------------------

struct Library {
  void* handle = nullptr;
  template <typename Function>
  Function* find(const char* name) const {
    void* symbol = dlsym(handle, name);
    if (symbol == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      std::exit(1);
    }
    return reinterpret_cast<Function*>(symbol);
  }
};
inline Library library;

inline int32_t checked(int32_t status, const char* name) {
  if (status >= 0) return status;
  uint8_t message[512] = {0};
  library.find<decltype(upbeat_last_error)>("upbeat_last_error")(message, sizeof message);
  std::fprintf(stderr, "%s: %s\n", name, reinterpret_cast<const char*>(message));
  std::exit(1);
}

// CALL(upbeat_linear, ...): the library's function, checked.
#define CALL(name, ...)                                                    \
  checked(                                                                 \
      [&] {                                                                \
        static auto* const function = library.find<decltype(name)>(#name); \
        return function;                                                   \
      }()(__VA_ARGS__),                                                    \
      #name)

// ---- Measuring -----------------------------------------------------------------------------------------------------

constexpr int kBlockSize = 16;

struct Settings {
  const char* json = nullptr;
  const char* only = nullptr;
  double seconds = 60;
  bool tiny = false;
  std::vector<int32_t> input_dtypes = {UPBEAT_DTYPE_F32};
};

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline std::string format(const char* pattern, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

// Device memory full of values of both signs near 0.01, be they read as F32 or as pairs of BF16.
class Arena {
 public:
  Arena(int32_t device, int32_t stream, int64_t bytes) : bytes_(bytes) {
    CALL(upbeat_memory_allocate, device, bytes, &address_);
    const int64_t piece = std::min<int64_t>(bytes, 16 << 20);
    int64_t host = 0;
    CALL(upbeat_host_allocate, device, piece, &host);
    auto* words = reinterpret_cast<uint32_t*>(host);
    uint32_t state = 1;
    for (int64_t i = 0; i < piece / 4; i++) {
      state = state * 1664525u + 1013904223u;
      words[i] = (state >> 1 & 0x807f807fu) | 0x3c003c00u;
    }
    for (int64_t done = 0; done < bytes; done += piece) {
      CALL(upbeat_copy_to_device, stream, at(done), words, std::min(piece, bytes - done));
    }
    CALL(upbeat_stream_synchronize, stream, -1);
    CALL(upbeat_host_free, device, words);
  }

  void* at(int64_t offset) const { return reinterpret_cast<std::byte*>(address_) + offset; }
  int64_t bytes() const { return bytes_; }

  // The next `bytes` of the arena, cyclically.
  void* next(int64_t bytes) {
    const int64_t rounded = (bytes + 255) / 256 * 256;
    if (used_ + rounded > bytes_) used_ = 0;
    void* place = at(used_);
    used_ += rounded;
    return place;
  }

 private:
  int64_t address_ = 0;
  int64_t bytes_;
  int64_t used_ = 0;
};

class Bench {
 public:
  explicit Bench(const Settings& settings)
      : settings_(settings),
        deadline_(now() + settings.seconds),
        device_(CALL(upbeat_device_open, 0, 0, UPBEAT_SIMD_AUTO)),
        stream_(CALL(upbeat_stream_create, device_)),
        start_(CALL(upbeat_event_create, device_)),
        end_(CALL(upbeat_event_create, device_)),
        // The widest rows of a long prefill fit, and more than a cache holds.
        inputs_(device_, stream_, settings.tiny ? 1 << 20 : int64_t(1) << 30),
        outputs_(device_, stream_, settings.tiny ? 1 << 20 : int64_t(1) << 30),
        cold_bytes_(settings.tiny ? 1 << 14 : 256 << 20) {}

  bool tiny() const { return settings_.tiny; }
  int32_t device() const { return device_; }
  int32_t stream() const { return stream_; }
  Arena& inputs() { return inputs_; }
  Arena& outputs() { return outputs_; }
  int64_t cold_bytes() const { return cold_bytes_; }
  const std::vector<int32_t>& input_dtypes() const { return settings_.input_dtypes; }
  int skipped() const { return skipped_; }
  const std::vector<std::string>& results() const { return results_; }

  // Whether a case is to be measured, and there is time.
  bool wants(const std::string& name) {
    if (settings_.only != nullptr && name.find(settings_.only) == std::string::npos) return false;
    if (now() < deadline_) return true;
    skipped_++;
    return false;
  }

  // Fills device memory with integers.
  void upload(void* destination, const std::vector<int32_t>& values) {
    int64_t host = 0;
    const auto bytes = int64_t(values.size() * 4);
    CALL(upbeat_host_allocate, device_, bytes, &host);
    auto* words = reinterpret_cast<void*>(host);
    std::memcpy(words, values.data(), size_t(bytes));
    CALL(upbeat_copy_to_device, stream_, destination, words, bytes);
    CALL(upbeat_stream_synchronize, stream_, -1);
    CALL(upbeat_host_free, device_, words);
  }

  void* allocate(int64_t bytes) {
    int64_t address = 0;
    CALL(upbeat_memory_allocate, device_, bytes, &address);
    return reinterpret_cast<void*>(address);
  }
  void release(void* address) { CALL(upbeat_memory_free, device_, address); }

  // Measures `enqueue`, which enqueues one call on other operands each time.
  template <typename Enqueue>
  void measure(const std::string& name, const std::string& fields, double bytes, double flops, Enqueue&& enqueue) {
    enqueue();  // the first call may allocate
    const double first = timed(enqueue, 1);
    const double wanted = settings_.tiny ? 0 : 4000;  // microseconds in a graph
    const int launches = int(std::clamp(wanted / std::max(first, 1.0), 1.0, 100.0));
    const int rounds = settings_.tiny ? 1 : first > 20000 ? 3 : 7;
    std::vector<double> times;
    CALL(upbeat_graph_begin, stream_);
    for (int i = 0; i < launches; i++) enqueue();
    const int32_t graph = CALL(upbeat_graph_end, stream_);
    for (int round = -1; round < rounds; round++) {
      const double time = timed([&] { CALL(upbeat_graph_launch, graph, stream_); }, 1) / launches;
      if (round >= 0 || rounds == 1) times.push_back(time);
    }
    CALL(upbeat_graph_destroy, graph);
    std::sort(times.begin(), times.end());
    results_.push_back(
        format("{%s, \"microseconds\": %.3f, \"best\": %.3f, \"bytes\": %.0f, \"flops\": %.0f, "
               "\"launches\": %d, \"rounds\": %d}",
               fields.c_str(), times[times.size() / 2], times.front(), bytes, flops, launches, rounds));
    std::fprintf(stderr, "%-52s %10.1f us %8.1f GB/s %8.1f TFLOP/s\n", name.c_str(), times[times.size() / 2],
                 bytes / times[times.size() / 2] * 1e-3, flops / times[times.size() / 2] * 1e-6);
  }

 private:
  template <typename Enqueue>
  double timed(Enqueue&& enqueue, int calls) {
    CALL(upbeat_event_record, start_, stream_);
    for (int i = 0; i < calls; i++) enqueue();
    CALL(upbeat_event_record, end_, stream_);
    CALL(upbeat_event_wait, end_, -1);
    double microseconds = 0;
    CALL(upbeat_event_elapsed, start_, end_, &microseconds);
    return microseconds / calls;
  }

  const Settings& settings_;
  double deadline_;
  int32_t device_, stream_, start_, end_;
  Arena inputs_, outputs_;
  int64_t cold_bytes_;
  int skipped_ = 0;
  std::vector<std::string> results_;
};

const char* dtype_name(int32_t dtype) { return dtype == UPBEAT_DTYPE_BF16 ? "bf16" : "f32"; }
