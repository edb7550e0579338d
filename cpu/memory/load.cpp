// A file passes through a buffer that fits the caches, a few megabytes at a time: all threads read, then all threads
// convert. The pool is unlocked between pieces, so other streams are delayed by milliseconds at most.
#include <algorithm>
#include <atomic>

#include "cpu/device/device.h"
#include "cpu/kernels/linear/weight_layout.h"
#include "cpu/streams/stream.h"

namespace upbeat {

namespace {

constexpr int64_t kPieceBytes = 8 << 20;
constexpr int64_t kReadBytes = 1 << 20;  // one task of a parallel read

struct WeightLoad {
  SourceFile* file;  // one count
  int64_t offset;
  PackedWeight weight;
  RowOrder rows;
};

struct MemoryLoad {
  SourceFile* file;  // one count
  int64_t offset;
  Dtype dtype;
  int64_t count;
  float* destination;
};

template <typename Load>
void release_file(void* payload) {
  payload_as<Load>(payload).file->release();
}

// Reads exactly `bytes`, with all threads of the pool. False, with the cause, when the file has fewer.
bool read_file(const SourceFile& file, int64_t offset, int64_t bytes, std::byte* destination, ThreadPool& pool,
               Fault& fault) {
  std::atomic<int> problem{0};
  pool.run(int((bytes + kReadBytes - 1) / kReadBytes), [&](int task, int) {
    const int64_t start = int64_t(task) * kReadBytes;
    const int status = file.read(offset + start, std::min(kReadBytes, bytes - start), destination + start);
    if (status != 0) problem.store(status, std::memory_order_relaxed);
  });
  const int status = problem.load(std::memory_order_relaxed);
  if (status != 0) file.describe(status, fault);
  return status == 0;
}

// Rows of the next piece: whole groups where rows are paired; else whole panels where they fit, so that pieces meet at
// panel boundaries.
int32_t piece_rows(int64_t row_bytes, const RowOrder& rows, int32_t row) {
  const int32_t end = rows.first + rows.count;
  if (rows.paired > 0) {
    const int64_t groups = std::max<int64_t>(1, kPieceBytes / (row_bytes * rows.paired));
    return int32_t(std::min<int64_t>(groups * rows.paired, end - row));
  }
  const int64_t fitting = std::max<int64_t>(1, kPieceBytes / row_bytes);
  int64_t stop = std::min<int64_t>(row + fitting, end);
  const int64_t boundary = stop / kPanelColumns * kPanelColumns;
  if (stop < end && boundary > row) stop = boundary;
  return int32_t(stop - row);
}

bool load_weight(CpuStream& stream, const void* payload, Fault& fault) {
  const auto& load = payload_as<WeightLoad>(payload);
  CpuDevice& device = stream.device();
  const int64_t row_bytes = upbeat::row_bytes(load.weight.source, load.weight.columns);
  std::byte* buffer = stream.bounce_buffer(std::max(kPieceBytes, row_bytes * std::max(1, load.rows.paired)));
  load.file->expect(load.offset, row_bytes * load.rows.count);
  int64_t offset = load.offset;
  const int32_t end = load.rows.first + load.rows.count;
  for (int32_t row = load.rows.first; row < end;) {
    const int32_t count = piece_rows(row_bytes, load.rows, row);
    const std::lock_guard lock(device.pool_mutex());
    if (!read_file(*load.file, offset, row_bytes * count, buffer, device.pool(), fault)) return false;
    const PackArguments arguments{load.weight, buffer, {row, count, load.rows.paired}};
    if (!device.kernels().pack(arguments, device.pool(), fault)) return false;
    row += count;
    offset += row_bytes * count;
  }
  return true;
}

bool load_memory(CpuStream& stream, const void* payload, Fault& fault) {
  const auto& load = payload_as<MemoryLoad>(payload);
  CpuDevice& device = stream.device();
  const int64_t element_bytes = int64_t(dtype_bytes(load.dtype));
  const int64_t piece = kPieceBytes / element_bytes;
  std::byte* buffer = stream.bounce_buffer(kPieceBytes);
  for (int64_t done = 0; done < load.count;) {
    const int64_t count = std::min(piece, load.count - done);
    const std::lock_guard lock(device.pool_mutex());
    if (!read_file(*load.file, load.offset + done * element_bytes, count * element_bytes, buffer, device.pool(),
                   fault)) {
      return false;
    }
    const ConvertArguments arguments{buffer, load.dtype, count, load.destination + done};
    if (!device.kernels().convert(arguments, device.pool(), fault)) return false;
    done += count;
  }
  return true;
}

constexpr Operation kLoadWeight = {
    .name = "upbeat_weight_load", .run = load_weight, .release = release_file<WeightLoad>};
constexpr Operation kLoadMemory = {
    .name = "upbeat_memory_load", .run = load_memory, .release = release_file<MemoryLoad>};

}  // namespace

void CpuStream::enqueue_weight_load(Ref<SourceFile> file, int64_t offset, const PackedWeight& weight, RowOrder rows) {
  enqueue_command(kLoadWeight, WeightLoad{file.get(), offset, weight, rows});
  file.forget();
}

void CpuStream::enqueue_memory_load(Ref<SourceFile> file, int64_t offset, Dtype dtype, int64_t count,
                                    float* destination) {
  enqueue_command(kLoadMemory, MemoryLoad{file.get(), offset, dtype, count, destination});
  file.forget();
}

}  // namespace upbeat
