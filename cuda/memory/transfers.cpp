// Copies use the copy engines, fills a kernel; files go through the staging buffers.
#include <algorithm>

#include "cuda/memory/staging.h"
#include "cuda/streams/operation.h"

namespace upbeat {

void CudaStream::enqueue_copy(CopyKind kind, void* destination, const void* source, int64_t bytes) {
  constexpr cudaMemcpyKind kKinds[] = {cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice};
  enqueue_with("copying", [&](const Launch& launch) {
    return cudaMemcpyAsync(destination, source, size_t(bytes), kKinds[int(kind)], launch.place.stream);
  });
}

void CudaStream::enqueue_fill(void* destination, int32_t value, int64_t bytes) {
  static constexpr Operation kFill = kernel<&KernelSet::fill>("upbeat_memory_fill");
  enqueue_kernel(kFill, FillArguments{destination, value, bytes});
}

void CudaStream::enqueue_fault() { enqueue_with("upbeat_stream_inject_fault", launch_injected_fault); }

namespace {

// Enqueues rows of a weight, in pieces that fit a staging buffer: whole rows, or parts of one. Pieces of paired rows
// lie within their group.
void load_rows(Staging& staging, RowSource source, const PackedWeight& weight, const RowOrder& order) {
  const int64_t element = int64_t(dtype_bytes(weight.dtype));
  const int64_t pitch = weight.padded_columns * element;
  const int64_t fitting = Staging::kBufferBytes / element / kMostBlockColumns * kMostBlockColumns;
  const int64_t rows_fitting = std::max<int64_t>(1, fitting / weight.columns);
  const int64_t columns_fitting = std::min<int64_t>(fitting, weight.columns);
  const int64_t group = order.paired > 0 ? order.paired : order.count;
  const int64_t most_rows = order.paired > 0 && rows_fitting > 1 ? rows_fitting / 2 * 2 : rows_fitting;
  for (int64_t row = 0; row < order.count;) {
    const int64_t rows = std::min(most_rows, group - row % group);
    auto* target = static_cast<std::byte*>(weight.data) + (order.first + order.row_of(int32_t(row))) * pitch;
    for (int64_t column = 0; column < weight.columns; column += columns_fitting) {
      const int64_t columns = std::min(columns_fitting, weight.columns - column);
      staging.load_rows(source,
                        {.destination = target + column * element,
                         .pitch = pitch,
                         .width = columns * element,
                         .rows = rows,
                         .odd_rows = order.paired / 2 * pitch},
                        row_bytes(weight.source, columns) * rows);
      source.offset += row_bytes(weight.source, columns) * rows;
    }
    row += rows;
  }
}

}  // namespace

void CudaStream::enqueue_weight_upload(const void* source, const PackedWeight& weight, RowOrder rows) {
  if (weight.source.blocks != BlockType::none) {
    if (device_.faulted()) return;
    Staging& staging = device_.staging();
    staging.begin(*this);
    load_rows(staging, {.memory = static_cast<const uint8_t*>(source), .blocks = weight.source.blocks}, weight, rows);
    staging.end(*this);
    return;
  }
  const size_t element = dtype_bytes(weight.dtype);
  const size_t pitch = size_t(weight.padded_columns) * element;
  const size_t width = size_t(weight.columns) * element;
  enqueue_with("upbeat_weight_upload", [&](const Launch& launch) {
    return cudaMemcpy2DAsync(static_cast<std::byte*>(weight.data) + size_t(rows.first) * pitch, pitch, source, width,
                             width, size_t(rows.count), cudaMemcpyHostToDevice, launch.place.stream);
  });
}

void CudaStream::enqueue_weight_randomize(const PackedWeight& weight, const RandomWeightArguments& arguments) {
  static constexpr Operation kRandomize = kernel<&KernelSet::randomize>("upbeat_weight_randomize");
  enqueue_kernel(kRandomize, RandomizeArguments{weight, arguments});
}

void CudaStream::enqueue_weight_load(Ref<SourceFile> file, int64_t offset, const PackedWeight& weight, RowOrder rows) {
  if (device_.faulted()) return;
  Staging& staging = device_.staging();
  staging.begin(*this);
  file->expect(offset, row_bytes(weight.source, weight.columns) * rows.count);
  load_rows(staging, {.file = std::move(file), .offset = offset, .blocks = weight.source.blocks}, weight, rows);
  staging.end(*this);
}

void CudaStream::enqueue_memory_load(Ref<SourceFile> file, int64_t offset, Dtype dtype, int64_t count,
                                     float* destination) {
  if (device_.faulted()) return;
  constexpr int64_t kFitting = Staging::kBufferBytes / int64_t(sizeof(float));
  Staging& staging = device_.staging();
  staging.begin(*this);
  for (int64_t done = 0; done < count; done += kFitting) {
    staging.load_floats(file, offset + done * int64_t(dtype_bytes(dtype)), dtype, std::min(kFitting, count - done),
                        destination + done);
  }
  staging.end(*this);
}

}  // namespace upbeat
