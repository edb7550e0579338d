// Shared by the emulator's tests: memory of the stand-in, and running one kernel to completion.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "cuda/kernels/common/machine.h"
#include "leaks.h"
#include "tests/native/support/check.h"

// Device memory with these values; freed at the end of the test.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : count_(values.size()) {
    void* address = nullptr;
    cudaMalloc(&address, count_ * sizeof(T));
    data_ = static_cast<T*>(address);
    std::copy(values.begin(), values.end(), data_);
  }
  DeviceArray(size_t count, T value) : DeviceArray(std::vector<T>(count, value)) {}
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  // The emulator's device memory is host memory.
  T operator[](size_t index) const { return data_[index]; }

 private:
  T* data_ = nullptr;
  size_t count_;
};

class TestStream {
 public:
  TestStream() { cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking); }
  ~TestStream() { cudaStreamDestroy(stream_); }
  operator cudaStream_t() const { return stream_; }
  operator LaunchPlace() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Runs a kernel and returns the emulator's finding; empty when there is none.
template <auto Kernel, typename... Arguments>
std::string findings_of(dim3 grid, dim3 block, size_t shared_bytes, const Arguments&... arguments) {
  TestStream stream;
  CHECK_EQUAL(int(launch<Kernel>(grid, block, shared_bytes, stream, arguments...)), int(cudaSuccess));
  cudaStreamSynchronize(stream);
  return simt::Findings::process().take();
}

inline void check_contains(const char* file, int line, const std::string& text,
                           std::initializer_list<const char*> words) {
  for (const char* word : words) {
    if (text.find(word) == std::string::npos) {
      check::fail(file, line, "\"" + text + "\" lacks \"" + word + "\"");
    }
  }
}

#define CHECK_CONTAINS(text, ...) check_contains(__FILE__, __LINE__, text, {__VA_ARGS__})
#define CHECK_CLEAN(found) check_clean(__FILE__, __LINE__, found)

inline void check_clean(const char* file, int line, const std::string& found) {
  if (!found.empty()) check::fail(file, line, found);
}
