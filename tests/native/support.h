// What the tests share: short names for ABI calls that must succeed, and a way to hold a stream at a known point.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "../../abi/call.h"
#include "../../cpu/operation.h"
#include "check.h"

inline std::string last_error_text() {
  uint8_t text[2048];
  upbeat_last_error(text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

// The call failed with this code, and its message contains the words.
#define CHECK_ERROR(call, code, words)                                                                 \
  do {                                                                                                 \
    CHECK_EQUAL(int32_t(call), int32_t(code));                                                         \
    if (last_error_text().find(words) == std::string::npos) {                                          \
      check::fail(__FILE__, __LINE__, "message of " #call " lacks '" words "': " + last_error_text()); \
    }                                                                                                  \
  } while (false)

#define CHECK_OK(call)                                                                                           \
  do {                                                                                                           \
    const int32_t check_ok_status = (call);                                                                      \
    if (check_ok_status < 0) {                                                                                   \
      check::fail(__FILE__, __LINE__, #call " = " + std::to_string(check_ok_status) + ": " + last_error_text()); \
    }                                                                                                            \
  } while (false)

// A device that is closed at the end of the test, and a stream on it.
struct TestDevice {
  int32_t device;
  int32_t stream;

  explicit TestDevice(int32_t threads = 2, int32_t simd = UPBEAT_SIMD_AUTO)
      : device(upbeat_device_open(0, threads, simd)), stream(upbeat_stream_create(device)) {
    if (device <= 0 || stream <= 0) check::fail(__FILE__, __LINE__, last_error_text());
  }
  ~TestDevice() { CHECK_OK(upbeat_device_close(device)); }

  template <typename Element = std::byte>
  Element* memory(int64_t count) {
    int64_t address = 0;
    CHECK_OK(upbeat_memory_allocate(device, count * int64_t(sizeof(Element)), &address));
    return reinterpret_cast<Element*>(address);
  }

  template <typename Element = std::byte>
  Element* host(int64_t count) {
    int64_t address = 0;
    CHECK_OK(upbeat_host_allocate(device, count * int64_t(sizeof(Element)), &address));
    return reinterpret_cast<Element*>(address);
  }

  // Pinned memory with these values.
  template <typename Element>
  Element* host_of(const std::vector<Element>& values) {
    Element* pinned = host<Element>(int64_t(values.size()));
    std::copy(values.begin(), values.end(), pinned);
    return pinned;
  }

  void finish() const { CHECK_EQUAL(upbeat_stream_synchronize(stream, -1), 1); }
};

// Holds a stream: its thread stands still at this point until let_go(). Nothing here depends on time.
class Hold {
 public:
  explicit Hold(int32_t stream) {
    static constexpr upbeat::Operation kOperation = {
        .name = "hold",
        .run =
            [](upbeat::Stream&, const void* payload, upbeat::Fault&) {
              Hold* hold = upbeat::payload_as<Hold*>(payload);
              hold->reached_.store(true);
              hold->reached_.notify_all();
              hold->open_.wait(false);
              hold->left_.store(true);
              hold->left_.notify_all();
              return true;
            },
    };
    upbeat::stream_of(stream).enqueue(kOperation, this);
  }
  ~Hold() {
    let_go();
    left_.wait(false);
  }

  void until_reached() { reached_.wait(false); }
  void let_go() {
    open_.store(true);
    open_.notify_all();
  }

 private:
  std::atomic<bool> reached_{false};
  std::atomic<bool> open_{false};
  std::atomic<bool> left_{false};
};

// A file that exists while the test runs.
class TestFile {
 public:
  explicit TestFile(const std::string& name)
      : path_((std::filesystem::temp_directory_path() / ("upbeat-" + std::to_string(getpid()) + "-" + name)).string()) {
  }
  ~TestFile() { std::filesystem::remove(path_); }

  template <typename Element>
  TestFile(const std::string& name, const std::vector<Element>& values, size_t offset = 0) : TestFile(name) {
    std::ofstream file(path_, std::ios::binary);
    const std::string padding(offset, 'x');
    file.write(padding.data(), std::streamsize(padding.size()));
    file.write(reinterpret_cast<const char*>(values.data()), std::streamsize(values.size() * sizeof(Element)));
  }

  const char* path() const { return path_.c_str(); }
  void truncate(uintmax_t bytes) const { std::filesystem::resize_file(path_, bytes); }

 private:
  std::string path_;
};
