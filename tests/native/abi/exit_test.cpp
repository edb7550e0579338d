// A process that never closes its devices must end with its own exit code while work is queued and threads wait, and a
// forked child must be refused rather than hang.
#include <sys/wait.h>

#include <thread>

#include "tests/native/support/device.h"

namespace {

// Runs the body in a child process and returns its exit code; 1000 + n when signal n ended it.
template <typename Body>
int in_child(Body&& body) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // a hang ends as a signal
    std::exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

}  // namespace

TEST("a process exits when devices are open and work is queued") {
  CHECK_EQUAL(in_child([] {
                const int32_t device = upbeat_device_open(0, 4, UPBEAT_SIMD_AUTO);
                const int32_t stream = upbeat_stream_create(device);
                int64_t address = 0;
                if (upbeat_memory_allocate(device, 1 << 20, &address) != UPBEAT_OK) return 1;
                for (int i = 0; i < 2000; ++i) {
                  if (upbeat_memory_fill(stream, reinterpret_cast<void*>(address), i, 1 << 20) != UPBEAT_OK) return 2;
                }
                return 42;
              }),
              42);
}

TEST("a process exits when its devices are idle and their threads asleep") {
  CHECK_EQUAL(in_child([] {
                const int32_t device = upbeat_device_open(0, 4, UPBEAT_SIMD_AUTO);
                const int32_t stream = upbeat_stream_create(device);
                usleep(2000);
                return upbeat_stream_synchronize(stream, -1) == 1 ? 43 : 1;
              }),
              43);
}

// AddressSanitizer's allocator and leak check do not support a fork of a process with threads: the child may hang in
// them. Other builds run this.
#if !defined(__SANITIZE_ADDRESS__)
TEST("a forked child is refused when the parent has a device") {
  CHECK_EQUAL(in_child([] {
                const TestDevice* test = new TestDevice;
                return in_child([&] {
                  if (upbeat_stream_synchronize(test->stream, -1) != UPBEAT_ERROR_UNAVAILABLE) return 1;
                  if (upbeat_device_open(0, 1, UPBEAT_SIMD_AUTO) != UPBEAT_ERROR_UNAVAILABLE) return 2;
                  return last_error_text().find("forked") != std::string::npos ? 44 : 3;
                });
              }),
              44);
}
#endif

// After the tests that fork: from here on this process has had devices.
TEST("a device is closed when the thread that opened it ends, with all work done") {
  for (int i = 0; i < 25; i++) {
    int32_t device = 0, stream = 0, closed = 0;
    std::thread([&] {
      closed = upbeat_device_open(0, 2, UPBEAT_SIMD_AUTO);
      CHECK_OK(upbeat_device_close(closed));
      device = upbeat_device_open(0, 2, UPBEAT_SIMD_AUTO);
      stream = upbeat_stream_create(device);
      int64_t address = 0;
      CHECK_OK(upbeat_memory_allocate(device, 1 << 20, &address));
      for (int n = 0; n < 20; n++) {
        CHECK_OK(upbeat_memory_fill(stream, reinterpret_cast<void*>(address), n, 1 << 20));
      }
    }).join();
    CHECK_ERROR(upbeat_stream_synchronize(stream, -1), UPBEAT_ERROR_INVALID_ARGUMENT, "never created, or destroyed");
    CHECK_ERROR(upbeat_device_close(device), UPBEAT_ERROR_INVALID_ARGUMENT, "never created, or destroyed");
  }
}

TEST("another thread may close a device, and its opener may end before or after") {
  TestDevice kept;
  int32_t device = 0;
  std::thread opener([&] {
    device = upbeat_device_open(0, 1, UPBEAT_SIMD_AUTO);
    std::thread([&] { CHECK_OK(upbeat_device_close(device)); }).join();
  });
  opener.join();
  CHECK_ERROR(upbeat_device_close(device), UPBEAT_ERROR_INVALID_ARGUMENT, "never created, or destroyed");
  kept.finish();
}

int main() { return check::run_all(); }
