// A GPU, opened: its context, the fault record, and the staging buffers for files.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "abi/backend.h"
#include "cuda/device/fault_record.h"
#include "cuda/kernels/kernels.h"

namespace upbeat {

class Staging;

class CudaDevice final : public Device {
 public:
  // Throws ApiError UNAVAILABLE when the GPU cannot run this library.
  explicit CudaDevice(int32_t index);
  ~CudaDevice() override;

  int multiprocessors() const { return multiprocessors_; }
  // Whether kernels of graphs may begin before the kernel before them has ended.
  bool dependent_launches() const { return dependent_launches_; }

  Memory allocate(MemoryKind kind, int64_t bytes, const char* what) override;
  std::unique_ptr<Stream> make_stream() override;
  Ref<Event> make_event() override;
  std::unique_ptr<Weight> make_weight(WeightType type, int32_t rows, int32_t columns, InputType input) override;
  bool multiplies(WeightType weight, InputType input) const override;
  void use_dependent_launches(bool wanted) override;
  std::string info() override;
  void check_fault() override;

  // The buffers that files pass through, created on first use.
  Staging& staging();

  // Makes this the current device of the calling thread.
  void make_current() const;

  // Throws unless a runtime call succeeded. A sticky error becomes the device's fault.
  void check(cudaError_t status, const char* doing);
  // For queries: true when the work is done or never will be.
  bool is_done(cudaError_t status);

  // Any thread: notes the first fault that the host finds.
  void fail(const char* operation, const Fault& fault) noexcept;
  bool faulted() const;

  FaultSlot fault_slot() const;

 private:
  // The device's context. If its work broke down, the last CudaDevice of the process that closes it resets it, so that
  // it can be opened again.
  class Context {
   public:
    explicit Context(int32_t index);
    ~Context();
    void broken() { broken_ = true; }
    int32_t index() const { return index_; }

   private:
    const int32_t index_;
    bool broken_ = false;
  };

  // For kernels on the setup stream.
  Launch setup_launch() const;

  Context context_;
  int multiprocessors_ = 0;
  bool dependent_launches_ = false;
  std::string name_;
  std::string compute_capability_;

  cudaStream_t setup_stream_ = nullptr;
  Memory fault_flag_;
  Memory fault_words_;
  std::atomic<bool> host_fault_{false};
  std::mutex fault_mutex_;  // guards the message
  char fault_message_[320] = {0};

  std::unique_ptr<Staging> staging_;
};

}  // namespace upbeat
