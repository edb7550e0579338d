// Copies are the copy engines', fills a kernel's; files pass through the staging buffers.
#include "cuda/memory/transfers.h"

#include <algorithm>

#include "cuda/device/device.h"
#include "cuda/device/operation.h"
#include "cuda/memory/staging.h"

namespace upbeat {

void enqueue_copy(Stream& stream, CopyKind kind, void* destination, const void* source, int64_t bytes) {
  constexpr cudaMemcpyKind kKinds[] = {cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice};
  stream.enqueue_with("copying", [&](const Launch& launch) {
    return cudaMemcpyAsync(destination, source, size_t(bytes), kKinds[int(kind)], launch.place.stream);
  });
}

void enqueue_fill(Stream& stream, void* destination, int32_t value, int64_t bytes) {
  static constexpr Operation kFill = kernel<&KernelSet::fill>("upbeat_memory_fill");
  stream.enqueue(kFill, FillArguments{destination, value, bytes});
}

void enqueue_fault(Stream& stream) { stream.enqueue_with("upbeat_stream_inject_fault", launch_injected_fault); }

void enqueue_weight_upload(Stream& stream, const void* source, const PackedWeight& weight, int32_t first_row,
                           int32_t row_count) {
  const size_t element = dtype_bytes(weight.dtype);
  const size_t pitch = size_t(weight.stride) * element;
  const size_t width = size_t(weight.columns) * element;
  stream.enqueue_with("upbeat_weight_upload", [&](const Launch& launch) {
    return cudaMemcpy2DAsync(static_cast<std::byte*>(weight.data) + size_t(first_row) * pitch, pitch, source, width,
                             width, size_t(row_count), cudaMemcpyHostToDevice, launch.place.stream);
  });
}

void enqueue_weight_randomize(Stream& stream, const PackedWeight& weight, const RandomWeightArguments& arguments) {
  static constexpr Operation kRandomize = kernel<&KernelSet::randomize>("upbeat_weight_randomize");
  stream.enqueue(kRandomize, RandomizeArguments{weight, arguments});
}

void enqueue_weight_load(Stream& stream, Ref<SourceFile> file, int64_t offset, const PackedWeight& weight,
                         int32_t first_row, int32_t row_count) {
  if (stream.device().faulted()) return;
  const int64_t element = int64_t(dtype_bytes(weight.dtype));
  const int64_t pitch = weight.stride * element;
  const int64_t width = weight.columns * element;
  Staging& staging = stream.device().staging();
  staging.begin(stream);
  file->expect(offset, width * row_count);
  const int64_t fitting = Staging::kSlotBytes / width;
  for (int64_t row = 0; row < row_count;) {
    std::byte* target = static_cast<std::byte*>(weight.data) + (first_row + row) * pitch;
    const int64_t source = offset + row * width;
    if (fitting > 0) {
      const int64_t rows = std::min(fitting, row_count - row);
      staging.load_rows(file, source, target, pitch, width, rows);
      row += rows;
      continue;
    }
    for (int64_t done = 0; done < width; done += Staging::kSlotBytes) {  // a row longer than a slot
      const int64_t bytes = std::min(Staging::kSlotBytes, width - done);
      staging.load_rows(file, source + done, target + done, bytes, bytes, 1);
    }
    row++;
  }
  staging.end(stream);
}

void enqueue_memory_load(Stream& stream, Ref<SourceFile> file, int64_t offset, Dtype dtype, int64_t count,
                         float* destination) {
  if (stream.device().faulted()) return;
  constexpr int64_t kFitting = Staging::kSlotBytes / int64_t(sizeof(float));
  Staging& staging = stream.device().staging();
  staging.begin(stream);
  for (int64_t done = 0; done < count; done += kFitting) {
    staging.load_floats(file, offset + done * int64_t(dtype_bytes(dtype)), dtype, std::min(kFitting, count - done),
                        destination + done);
  }
  staging.end(stream);
}

}  // namespace upbeat
