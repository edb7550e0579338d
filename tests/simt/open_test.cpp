// Messages when a device cannot be opened; a device that broke down can be opened again.
#include "cuda/kernels/common/machine.h"
#include "library_test.h"

namespace {

int32_t open() { return upbeat_device_open(0, 0, UPBEAT_SIMD_AUTO); }

__global__ void write_kernel(Global<int> at) { at[0] = 1; }

}  // namespace

TEST("a machine without a driver has no device, and the message says what to do") {
  const ChangedMachine machine;
  machine->driver_version = 0;
  CHECK_EQUAL(upbeat_device_count(), 0);
  CHECK(last_error_text().find("there is no NVIDIA driver") != std::string::npos);
  CHECK_ERROR(open(), UPBEAT_ERROR_UNAVAILABLE, "install one, or use the CPU library");
}

TEST("a driver that is too old is named with both versions") {
  const ChangedMachine machine;
  machine->driver_version = 12040;
  CHECK_EQUAL(upbeat_device_count(), 0);
  CHECK_ERROR(open(), UPBEAT_ERROR_UNAVAILABLE, "knows CUDA 12.4 and this library needs 13.0: install a newer driver");
}

TEST("a machine without a GPU has no device") {
  const ChangedMachine machine;
  machine->devices = 0;
  CHECK_EQUAL(upbeat_device_count(), 0);
  CHECK_ERROR(open(), UPBEAT_ERROR_UNAVAILABLE, "no NVIDIA GPU is visible: check `nvidia-smi`");
}

TEST("a GPU of an older architecture is refused by its name") {
  const ChangedMachine machine;
  machine->name = "Old GPU";
  machine->compute_major = 7;
  machine->compute_minor = 5;
  CHECK_EQUAL(upbeat_device_count(), 0);
  CHECK(last_error_text().find("Old GPU has compute capability 7.5") != std::string::npos);
  CHECK_ERROR(open(), UPBEAT_ERROR_UNAVAILABLE, "Old GPU has compute capability 7.5 and this library needs 8.0");
}

TEST("an index or an instruction set is refused when it does not exist") {
  CHECK_ERROR(upbeat_device_open(1, 0, UPBEAT_SIMD_AUTO), UPBEAT_ERROR_UNAVAILABLE, "the NVIDIA GPUs here are 0 to 0");
  CHECK_ERROR(upbeat_device_open(-1, 0, UPBEAT_SIMD_AUTO), UPBEAT_ERROR_INVALID_ARGUMENT, "index");
  CHECK_ERROR(upbeat_device_open(0, 0, UPBEAT_SIMD_AVX2), UPBEAT_ERROR_UNAVAILABLE, "only AUTO");
}

TEST("an allocation beyond the device's memory is refused with its amount, and the device goes on") {
  const ChangedMachine machine;
  TestDevice test;
  machine->total_memory = 1 << 30;
  machine->used_memory = 1 << 29;
  int64_t address = 0;
  CHECK_ERROR(upbeat_memory_allocate(test.device, 1 << 30, &address), UPBEAT_ERROR_OUT_OF_MEMORY,
              "1073741824 bytes asked for; the device has 1073741824, 536870912 of them free");
  CHECK_ERROR(upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, 1 << 15, 1 << 15, UPBEAT_DTYPE_F32),
              UPBEAT_ERROR_OUT_OF_MEMORY, "weight");
  auto* memory = test.memory<uint8_t>(4);
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 7, 4));
  test.finish();
  CHECK_EQUAL(memory[3], 7);
}

TEST("a kernel that breaks down is a fault with the cause, and the next device works") {
  {
    TestDevice test;
    auto* memory = test.memory<int>(1);
    launch<write_kernel>(1, 1, 0, upbeat::cuda_stream(upbeat::stream_of(test.stream)).cuda(), memory + 1);
    CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT, "out of bounds: global write");
    CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT, "cudaErrorLaunchFailure");
    CHECK_OK(upbeat_memory_fill(test.stream, memory, 1, 1));
  }
  {
    TestDevice test;
    auto* memory = test.memory<int>(1);
    launch<write_kernel>(1, 1, 0, upbeat::cuda_stream(upbeat::stream_of(test.stream)).cuda(), memory + 1);
    // Closed before anything detected it.
  }
  TestDevice test;
  auto* memory = test.memory<uint8_t>(1);
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 1, 1));
  test.finish();
  CHECK_EQUAL(memory[0], 1);
}

int main() { return check::run_all(); }
