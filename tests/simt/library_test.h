// What the tests of the emulated library share: short names for ABI calls, and a way to hold a stream.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "../../abi/call.h"
#include "../native/check.h"

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

  TestDevice() : device(upbeat_device_open(0, 0, UPBEAT_SIMD_AUTO)), stream(upbeat_stream_create(device)) {
    if (device <= 0 || stream <= 0) check::fail(__FILE__, __LINE__, last_error_text());
  }
  ~TestDevice() { CHECK_OK(upbeat_device_close(device)); }

  // The emulator's device memory can be read by the host.
  template <typename Element>
  Element* memory(int64_t count) {
    int64_t address = 0;
    CHECK_OK(upbeat_memory_allocate(device, count * int64_t(sizeof(Element)), &address));
    return reinterpret_cast<Element*>(address);
  }

  void finish() const { CHECK_EQUAL(upbeat_stream_synchronize(stream, -1), 1); }
};

// Holds a stream at this point until let_go(). Nothing here depends on time.
class Hold {
 public:
  explicit Hold(int32_t stream) {
    cudaLaunchHostFunc(
        upbeat::stream_of(stream).cuda(),
        [](void* held) {
          auto* hold = static_cast<Hold*>(held);
          hold->open_.wait(false);
          hold->left_.store(true);
          hold->left_.notify_all();
        },
        this);
  }
  ~Hold() {
    let_go();
    left_.wait(false);
  }
  void let_go() {
    open_.store(true);
    open_.notify_all();
  }

 private:
  std::atomic<bool> open_{false};
  std::atomic<bool> left_{false};
};

// A file that exists while the test runs.
class TestFile {
 public:
  template <typename Element>
  TestFile(const std::string& name, const std::vector<Element>& values, size_t offset = 0)
      : path_((std::filesystem::temp_directory_path() / ("upbeat-" + std::to_string(getpid()) + "-" + name)).string()) {
    std::ofstream file(path_, std::ios::binary);
    const std::string padding(offset, 'x');
    file.write(padding.data(), std::streamsize(padding.size()));
    file.write(reinterpret_cast<const char*>(values.data()), std::streamsize(values.size() * sizeof(Element)));
  }
  ~TestFile() { std::filesystem::remove(path_); }

  const char* path() const { return path_.c_str(); }
  void truncate(uintmax_t bytes) const { std::filesystem::resize_file(path_, bytes); }

 private:
  std::string path_;
};
