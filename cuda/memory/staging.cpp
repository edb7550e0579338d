// Reads on CUDA's host thread, copies on two streams.
#include "cuda/memory/staging.h"

#include <bit>
#include <cstring>
#include <memory>

#include "cuda/device/device.h"
#include "cuda/streams/stream.h"

namespace upbeat {

namespace {

// The argument of a host function that reads a piece.
struct Piece {
  CudaDevice* device;
  Ref<SourceFile> file;
  int64_t offset;
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

// 16-bit elements are read into the upper half of the memory for their F32 values, so that conversion in ascending
// order overwrites none before it is read.
void read_piece(void* data) {
  const std::unique_ptr<Piece> piece(static_cast<Piece*>(data));
  if (piece->device->faulted()) return;
  std::byte* target = piece->dtype == Dtype::f32 ? piece->buffer : piece->buffer + piece->bytes;
  if (const int status = piece->file->read(piece->offset, piece->bytes, target); status != 0) {
    Fault fault;
    piece->file->describe(status, fault);
    piece->device->fail("loading a file", fault);
    return;
  }
  if (piece->dtype == Dtype::f32) return;
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

void Staging::read(Buffer& buffer, const Ref<SourceFile>& file, int64_t offset, int64_t bytes, Dtype dtype) {
  auto piece = std::make_unique<Piece>(Piece{&device_, file, offset, bytes, dtype, buffer.memory.data()});
  device_.check(cudaLaunchHostFunc(buffer.stream, read_piece, piece.get()), "loading a file");
  piece.release();  // the host function owns it now
}

void Staging::load_rows(const Ref<SourceFile>& file, int64_t offset, std::byte* destination, int64_t pitch,
                        int64_t width, int64_t rows) {
  Buffer& buffer = next_buffer();
  read(buffer, file, offset, width * rows, Dtype::f32);
  device_.check(cudaMemcpy2DAsync(destination, size_t(pitch), buffer.memory.data(), size_t(width), size_t(width),
                                  size_t(rows), cudaMemcpyHostToDevice, buffer.stream),
                "loading a file");
}

void Staging::load_floats(const Ref<SourceFile>& file, int64_t offset, Dtype dtype, int64_t count, float* destination) {
  Buffer& buffer = next_buffer();
  read(buffer, file, offset, count * int64_t(dtype_bytes(dtype)), dtype);
  device_.check(cudaMemcpyAsync(destination, buffer.memory.data(), size_t(count) * sizeof(float),
                                cudaMemcpyHostToDevice, buffer.stream),
                "loading a file");
}

}  // namespace upbeat
