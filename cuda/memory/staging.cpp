// Reads on CUDA's host thread, copies on two streams.
#include "cuda/memory/staging.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <memory>

#include "abi/loading/random_weight.h"
#include "cuda/device/device.h"
#include "cuda/streams/stream.h"

namespace upbeat {

namespace {

// The argument of a host function that reads a piece.
struct Piece {
  CudaDevice* device;
  RowSource source;
  int64_t bytes;
  Dtype dtype;  // converted to F32 in place unless F32
  std::byte* buffer;
};

float f32_from_f16(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact in F32
    const float magnitude = float(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

// Reads `bytes` of the piece's source. False, after a fault, where that fails.
bool read_source(const Piece& piece, std::byte* target) {
  const RowSource& source = piece.source;
  if (source.memory != nullptr) {
    std::memcpy(target, source.memory + source.offset, size_t(piece.bytes));
    return true;
  }
  const int status = source.file->read(source.offset, piece.bytes, target);
  if (status == 0) return true;
  Fault fault;
  source.file->describe(status, fault);
  piece.device->fail("loading a file", fault);
  return false;
}

// Blocks are shorter than their elements in BF16: they are read into the end of the buffer, and expanded in ascending
// order.
void read_blocks(const Piece& piece) {
  const BlockFormat& format = block_format(piece.source.blocks);
  std::byte* block = piece.buffer + Staging::kBufferBytes - piece.bytes;
  if (!read_source(piece, block)) return;
  std::byte* target = piece.buffer;
  for (int64_t i = 0; i < piece.bytes / format.bytes; i++, block += format.bytes) {
    float values[kMostBlockColumns];
    dequantize(format, reinterpret_cast<const uint8_t*>(block), format.columns, values);
    for (int column = 0; column < format.columns; column++, target += sizeof(uint16_t)) {
      const uint16_t rounded = std::isnan(values[column]) ? 0x7fc0 : round_to_bf16(values[column]);
      std::memcpy(target, &rounded, sizeof rounded);
    }
  }
}

// 16-bit elements are read into the upper half of the memory for their F32 values, so that conversion in ascending
// order overwrites none before it is read.
void read_piece(void* data) {
  const std::unique_ptr<Piece> piece(static_cast<Piece*>(data));
  if (piece->device->faulted()) return;
  if (piece->source.blocks != BlockType::none) return read_blocks(*piece);
  std::byte* target = piece->dtype == Dtype::f32 ? piece->buffer : piece->buffer + piece->bytes;
  if (!read_source(*piece, target) || piece->dtype == Dtype::f32) return;
  for (int64_t i = 0; i < piece->bytes / 2; i++) {
    uint16_t bits;
    std::memcpy(&bits, target + 2 * i, sizeof bits);
    const float value = piece->dtype == Dtype::bf16 ? std::bit_cast<float>(uint32_t(bits) << 16) : f32_from_f16(bits);
    std::memcpy(piece->buffer + 4 * i, &value, sizeof value);
  }
}

}  // namespace

Staging::Staging(CudaDevice& device) : device_(device) {
  device.make_current();
  device.check(cudaEventCreateWithFlags(&begun_, cudaEventDefault), "preparing to load files");
  for (Buffer& buffer : buffers_) {
    buffer.memory = device.allocate(MemoryKind::host, kBufferBytes, "a staging buffer");
    device.check(cudaStreamCreateWithFlags(&buffer.stream, cudaStreamNonBlocking), "preparing to load files");
    device.check(cudaEventCreateWithFlags(&buffer.done, cudaEventDefault), "preparing to load files");
  }
}

Staging::~Staging() {
  for (Buffer& buffer : buffers_) {
    cudaStreamSynchronize(buffer.stream);
    cudaStreamDestroy(buffer.stream);
    cudaEventDestroy(buffer.done);
  }
  cudaEventDestroy(begun_);
}

void Staging::begin(CudaStream& stream) {
  device_.make_current();
  device_.check(cudaEventRecord(begun_, stream.cuda()), "loading a file");
  for (Buffer& buffer : buffers_) device_.check(cudaStreamWaitEvent(buffer.stream, begun_, 0), "loading a file");
}

void Staging::end(CudaStream& stream) {
  for (Buffer& buffer : buffers_) {
    device_.check(cudaEventRecord(buffer.done, buffer.stream), "loading a file");
    device_.check(cudaStreamWaitEvent(stream.cuda(), buffer.done, 0), "loading a file");
  }
  // A failed read becomes a fault for the kernels after it.
  stream.enqueue_with("loading a file", launch_fault_check);
}

Staging::Buffer& Staging::next_buffer() { return buffers_[next_++ % 2]; }

void Staging::read(Buffer& buffer, const RowSource& source, int64_t bytes, Dtype dtype) {
  auto piece = std::make_unique<Piece>(Piece{&device_, source, bytes, dtype, buffer.memory.data()});
  device_.check(cudaLaunchHostFunc(buffer.stream, read_piece, piece.get()), "loading a file");
  piece.release();  // the host function owns it now
}

void Staging::load_rows(const RowSource& source, const RowTarget& target, int64_t bytes) {
  Buffer& buffer = next_buffer();
  read(buffer, source, bytes, Dtype::f32);
  const auto copy = [&](int64_t first, int64_t step, std::byte* destination) {
    const int64_t rows = (target.rows - first + step - 1) / step;
    if (rows <= 0) return;
    device_.check(cudaMemcpy2DAsync(destination, size_t(target.pitch), buffer.memory.data() + first * target.width,
                                    size_t(step * target.width), size_t(target.width), size_t(rows),
                                    cudaMemcpyHostToDevice, buffer.stream),
                  "loading a file");
  };
  if (target.odd_rows == 0) return copy(0, 1, target.destination);
  copy(0, 2, target.destination);
  copy(1, 2, target.destination + target.odd_rows);
}

void Staging::load_floats(const Ref<SourceFile>& file, int64_t offset, Dtype dtype, int64_t count, float* destination) {
  Buffer& buffer = next_buffer();
  read(buffer, {.file = file, .offset = offset}, count * int64_t(dtype_bytes(dtype)), dtype);
  device_.check(cudaMemcpyAsync(destination, buffer.memory.data(), size_t(count) * sizeof(float),
                                cudaMemcpyHostToDevice, buffer.stream),
                "loading a file");
}

}  // namespace upbeat
