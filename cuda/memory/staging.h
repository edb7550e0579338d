// Staging of files for the device: one pinned buffer is read into while the other one is copied.
//
// Each buffer has a stream of its own, on which host functions that read a piece alternate with copies of it. So stream
// order alone guards a buffer, no thread blocks, and the caller's thread reads nothing.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "abi/loading/source_file.h"
#include "abi/objects/memory.h"
#include "abi/quantized/block_codes.h"
#include "abi/types/dtype.h"

namespace upbeat {

class CudaDevice;
class CudaStream;

// Where rows come from: a file, or pinned memory.
struct RowSource {
  Ref<SourceFile> file;
  const uint8_t* memory = nullptr;
  int64_t offset = 0;
  BlockType blocks = BlockType::none;
};

// Where they go: rows of `width` bytes, `pitch` apart. Unless `odd_rows` is 0, only every second one goes to
// `destination`, and the others to as many bytes behind it.
struct RowTarget {
  std::byte* destination;
  int64_t pitch;
  int64_t width;
  int64_t rows;
  int64_t odd_rows;
};

class Staging {
 public:
  static constexpr int64_t kBufferBytes = 8 << 20;

  explicit Staging(CudaDevice& device);
  // Waits for all loads.
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // Loads between begin() and end() run after the work already on the stream, and before work enqueued later.
  void begin(CudaStream& stream);
  void end(CudaStream& stream);

  // Reads `bytes` of the source, expands blocks to BF16, and copies the rows to the device. All of them fit a buffer.
  void load_rows(const RowSource& source, const RowTarget& target, int64_t bytes);

  // Reads elements as F32. All of them fit a buffer.
  void load_floats(const Ref<SourceFile>& file, int64_t offset, Dtype dtype, int64_t count, float* destination);

 private:
  struct Buffer {
    Memory memory;
    cudaStream_t stream = nullptr;
    cudaEvent_t done = nullptr;
  };

  // Enqueues a read on the buffer's stream.
  void read(Buffer& buffer, const RowSource& source, int64_t bytes, Dtype dtype);
  Buffer& next_buffer();

  CudaDevice& device_;
  cudaEvent_t begun_ = nullptr;
  Buffer buffers_[2];
  int next_ = 0;
};

}  // namespace upbeat
