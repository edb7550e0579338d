// Shared by the tests of the CPU library: a device to test on, and a way to stop a stream at a known point.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi/checks/checks.h"
#include "cpu/streams/stream.h"
#include "tests/native/support/abi_calls.h"

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

// Stops a stream's thread at this point until let_go(). Does not depend on time.
class Hold {
 public:
  explicit Hold(int32_t stream) {
    static constexpr upbeat::Operation kOperation = {
        .name = "hold",
        .run =
            [](upbeat::CpuStream&, const void* payload, upbeat::Fault&) {
              Hold* hold = upbeat::payload_as<Hold*>(payload);
              hold->reached_.store(true);
              hold->reached_.notify_all();
              hold->open_.wait(false);
              hold->left_.store(true);
              hold->left_.notify_all();
              return true;
            },
    };
    upbeat::cpu_stream(upbeat::stream_of(stream)).enqueue_command(kOperation, this);
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
