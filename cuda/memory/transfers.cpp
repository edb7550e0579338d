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

void CudaStream::enqueue_weight_upload(const void* source, const PackedWeight& weight, int32_t first_row,
                                       int32_t row_count) {
  const size_t element = dtype_bytes(weight.dtype);
  const size_t pitch = size_t(weight.padded_columns) * element;
  const size_t width = size_t(weight.columns) * element;
  enqueue_with("upbeat_weight_upload", [&](const Launch& launch) {
    return cudaMemcpy2DAsync(static_cast<std::byte*>(weight.data) + size_t(first_row) * pitch, pitch, source, width,
                             width, size_t(row_count), cudaMemcpyHostToDevice, launch.place.stream);
  });
}

void CudaStream::enqueue_weight_randomize(const PackedWeight& weight, const RandomWeightArguments& arguments) {
  static constexpr Operation kRandomize = kernel<&KernelSet::randomize>("upbeat_weight_randomize");
  enqueue_kernel(kRandomize, RandomizeArguments{weight, arguments});
}

void CudaStream::enqueue_weight_load(Ref<SourceFile> file, int64_t offset, const PackedWeight& weight,
                                     int32_t first_row, int32_t row_count) {
  if (device_.faulted()) return;
  const int64_t element = int64_t(dtype_bytes(weight.dtype));
  const int64_t pitch = weight.padded_columns * element;
  const int64_t width = weight.columns * element;
  Staging& staging = device_.staging();
  staging.begin(*this);
  file->expect(offset, width * row_count);
  const int64_t fitting = Staging::kBufferBytes / width;
  for (int64_t row = 0; row < row_count;) {
    std::byte* target = static_cast<std::byte*>(weight.data) + (first_row + row) * pitch;
    const int64_t source = offset + row * width;
    if (fitting > 0) {
      const int64_t rows = std::min(fitting, row_count - row);
      staging.load_rows(file, source, target, pitch, width, rows);
      row += rows;
      continue;
    }
    for (int64_t done = 0; done < width; done += Staging::kBufferBytes) {  // a row longer than a buffer
      const int64_t bytes = std::min(Staging::kBufferBytes, width - done);
      staging.load_rows(file, source + done, target + done, bytes, bytes, 1);
    }
    row++;
  }
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
