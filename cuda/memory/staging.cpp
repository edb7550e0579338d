// Reading on CUDA's host thread, copying on two streams.
#include "cuda/memory/staging.h"

#include <bit>
#include <cstring>
#include <memory>

#include "cuda/device/device.h"
#include "cuda/streams/stream.h"

namespace upbeat {

namespace {

// What a host function needs to read a piece.
struct Piece {
  CudaDevice* device;
  Ref<SourceFile> file;
  int64_t offset;
  int64_t bytes;
  Dtype dtype;  // F32: as it is; else converted to F32 in place
  std::byte* slot;
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

// Sixteen-bit elements are read into the upper half of the room for their F32 values: written from below, none is
// overwritten before it was read.
void read_piece(void* data) {
  const std::unique_ptr<Piece> piece(static_cast<Piece*>(data));
  if (piece->device->faulted()) return;
  std::byte* target = piece->dtype == Dtype::f32 ? piece->slot : piece->slot + piece->bytes;
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
    std::memcpy(piece->slot + 4 * i, &value, sizeof value);
  }
}

}  // namespace

Staging::Staging(CudaDevice& device) : device_(device) {
  device.make_current();
  device.check(cudaEventCreateWithFlags(&begun_, cudaEventDefault), "preparing to load files");
  for (Slot& slot : slots_) {
    slot.memory = device.allocate(MemoryKind::host, kSlotBytes, "a staging buffer");
    device.check(cudaStreamCreateWithFlags(&slot.stream, cudaStreamNonBlocking), "preparing to load files");
    device.check(cudaEventCreateWithFlags(&slot.done, cudaEventDefault), "preparing to load files");
  }
}

Staging::~Staging() {
  for (Slot& slot : slots_) {
    cudaStreamSynchronize(slot.stream);
    cudaStreamDestroy(slot.stream);
    cudaEventDestroy(slot.done);
  }
  cudaEventDestroy(begun_);
}

void Staging::begin(CudaStream& stream) {
  device_.make_current();
  device_.check(cudaEventRecord(begun_, stream.cuda()), "loading a file");
  for (Slot& slot : slots_) device_.check(cudaStreamWaitEvent(slot.stream, begun_, 0), "loading a file");
}

void Staging::end(CudaStream& stream) {
  for (Slot& slot : slots_) {
    device_.check(cudaEventRecord(slot.done, slot.stream), "loading a file");
    device_.check(cudaStreamWaitEvent(stream.cuda(), slot.done, 0), "loading a file");
  }
  // What a file could not give is a fault for the kernels that come after.
  stream.enqueue_with("loading a file", launch_fault_check);
}

Staging::Slot& Staging::next_slot() { return slots_[next_++ % 2]; }

void Staging::read(Slot& slot, const Ref<SourceFile>& file, int64_t offset, int64_t bytes, Dtype dtype) {
  auto piece = std::make_unique<Piece>(Piece{&device_, file, offset, bytes, dtype, slot.memory.data()});
  device_.check(cudaLaunchHostFunc(slot.stream, read_piece, piece.get()), "loading a file");
  piece.release();  // the host function has it
}

void Staging::load_rows(const Ref<SourceFile>& file, int64_t offset, std::byte* destination, int64_t pitch,
                        int64_t width, int64_t rows) {
  Slot& slot = next_slot();
  read(slot, file, offset, width * rows, Dtype::f32);
  device_.check(cudaMemcpy2DAsync(destination, size_t(pitch), slot.memory.data(), size_t(width), size_t(width),
                                  size_t(rows), cudaMemcpyHostToDevice, slot.stream),
                "loading a file");
}

void Staging::load_floats(const Ref<SourceFile>& file, int64_t offset, Dtype dtype, int64_t count, float* destination) {
  Slot& slot = next_slot();
  read(slot, file, offset, count * int64_t(dtype_bytes(dtype)), dtype);
  device_.check(cudaMemcpyAsync(destination, slot.memory.data(), size_t(count) * sizeof(float), cudaMemcpyHostToDevice,
                                slot.stream),
                "loading a file");
}

}  // namespace upbeat
