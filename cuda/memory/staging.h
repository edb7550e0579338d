// Files on their way to the device: read into one pinned slot while the other slot's bytes are copied.
//
// Each slot has a stream of its own, on which a host function reads a piece and a copy takes it away, in turns. So the
// order of the streams is all that guards a slot, nobody waits on the host, and the caller's thread reads nothing.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "abi/types/dtype.h"
#include "abi/loading/source_file.h"
#include "abi/objects/memory.h"

namespace upbeat {

class CudaDevice;
class CudaStream;

class Staging {
 public:
  static constexpr int64_t kSlotBytes = 8 << 20;

  explicit Staging(CudaDevice& device);
  // Waits for all loads.
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // Loads between begin() and end() come after what the stream has been given, and before what it is given later.
  void begin(CudaStream& stream);
  void end(CudaStream& stream);

  // Reads rows of `width` bytes from the file to rows `pitch` bytes apart. All of them fit a slot.
  void load_rows(const Ref<SourceFile>& file, int64_t offset, std::byte* destination, int64_t pitch, int64_t width,
                 int64_t rows);

  // Reads elements that fit a slot as F32.
  void load_floats(const Ref<SourceFile>& file, int64_t offset, Dtype dtype, int64_t count, float* destination);

 private:
  struct Slot {
    Memory memory;
    cudaStream_t stream = nullptr;
    cudaEvent_t done = nullptr;
  };

  // Enqueues a read on the slot's stream.
  void read(Slot& slot, const Ref<SourceFile>& file, int64_t offset, int64_t bytes, Dtype dtype);
  Slot& next_slot();

  CudaDevice& device_;
  cudaEvent_t begun_ = nullptr;
  Slot slots_[2];
  int next_ = 0;
};

}  // namespace upbeat
