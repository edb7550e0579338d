// An event: a point of the stream that it was last recorded on.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "abi/backend.h"

namespace upbeat {

class CudaDevice;

class CudaEvent final : public Event {
 public:
  explicit CudaEvent(CudaDevice& device);
  ~CudaEvent() override;

  void record(Stream& stream) override;
  bool recorded() const override { return recorded_; }
  bool passed() override;
  bool wait(int64_t deadline) override;
  void block(Stream& stream) override;
  double microseconds_since(Event& start) override;

 private:
  CudaDevice& device_;
  cudaEvent_t event_ = nullptr;
  bool recorded_ = false;
};

}  // namespace upbeat
