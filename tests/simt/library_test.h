// Shared by the tests of the emulated library: a device to test on, and a way to stop a stream at a known point.
#pragma once

#include <atomic>
#include <cstdint>

#include "abi/checks/checks.h"
#include "cuda/streams/stream.h"
#include "leaks.h"
#include "tests/native/support/abi_calls.h"

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

// The stand-in's machine as a test sets it up, restored at the end.
class ChangedMachine {
 public:
  ChangedMachine() : before_(simt::Machine::process()) {}
  ~ChangedMachine() { simt::Machine::process() = before_; }
  simt::Machine* operator->() const { return &simt::Machine::process(); }

 private:
  simt::Machine before_;
};

// Stops a stream at this point until let_go(). Does not depend on time.
class Hold {
 public:
  explicit Hold(int32_t stream) {
    cudaLaunchHostFunc(
        upbeat::cuda_stream(upbeat::stream_of(stream)).cuda(),
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
