// A stream of the device, and what is captured on it.
#pragma once

#include <cuda_runtime.h>

#include <optional>

#include "abi/backend.h"
#include "cuda/device/device.h"
#include "cuda/kernels/kernels.h"
#include "cuda/memory/scratch.h"

namespace upbeat {

// The kind of work that an op enqueues. One constant per op.
struct Operation {
  const char* name;
  cudaError_t (*launch)(const void* arguments, const Launch& launch);
};

class CudaStream final : public Stream {
 public:
  explicit CudaStream(CudaDevice& device);
  ~CudaStream() override;

  CudaDevice& device() const { return device_; }
  cudaStream_t cuda() const { return stream_; }

  // Enqueues a kernel, or adds it to the graph being captured. Does nothing once the device has faulted.
  template <typename Arguments>
  void enqueue_kernel(const Operation& operation, const Arguments& arguments) {
    enqueue_launch(operation, &arguments);
  }

  // For work that is no op: calls enqueue(launch) unless the device has faulted.
  template <typename Enqueue>
  void enqueue_with(const char* doing, Enqueue&& enqueue) {
    if (device_.faulted()) return;
    device_.make_current();
    after_kernel_ = false;  // it may be a copy
    device_.check(enqueue(launch_context()), doing);
  }

  void enqueue(const EmbeddingArguments& arguments) override;
  void enqueue(const RmsNormArguments& arguments) override;
  void enqueue(const LinearArguments& arguments) override;
  void enqueue(const RotaryTableArguments& arguments) override;
  void enqueue(const RotaryCacheArguments& arguments) override;
  void enqueue(const AttentionArguments& arguments) override;
  void enqueue(const SiluMultiplyArguments& arguments) override;
  void enqueue(const GatherRowsArguments& arguments) override;
  void enqueue(const GatherTokensArguments& arguments) override;
  void enqueue(const ScatterTokensArguments& arguments) override;
  void enqueue(const SampleArguments& arguments) override;

  void enqueue_copy(CopyKind kind, void* destination, const void* source, int64_t bytes) override;
  void enqueue_fill(void* destination, int32_t value, int64_t bytes) override;
  void enqueue_memory_load(Ref<SourceFile> file, int64_t offset, Dtype dtype, int64_t count,
                           float* destination) override;
  void enqueue_weight_load(Ref<SourceFile> file, int64_t offset, const PackedWeight& weight, RowOrder rows) override;
  void enqueue_weight_upload(const void* source, const PackedWeight& weight, RowOrder rows) override;
  void enqueue_weight_randomize(const PackedWeight& weight, const RandomWeightArguments& arguments) override;
  void enqueue_fault() override;

  void begin_capture() override;
  Ref<Graph> end_capture() override;
  bool capturing() const override { return captured_.has_value(); }
  bool synchronize(int64_t deadline) override;

 private:
  Launch launch_context(bool dependent = false);
  Scratch& launch_scratch() { return captured_ ? *captured_ : scratch_; }
  void enqueue_launch(const Operation& operation, const void* arguments);

  CudaDevice& device_;
  cudaStream_t stream_ = nullptr;
  Scratch scratch_;
  std::optional<Scratch> captured_;  // of the graph being captured
  bool after_kernel_ = false;        // whether the work captured last is a kernel
};

// A stream as what every stream of this library is.
inline CudaStream& cuda_stream(Stream& stream) { return static_cast<CudaStream&>(stream); }

}  // namespace upbeat
