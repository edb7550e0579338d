// Reading elements from files, as commands: into a weight matrix, or into memory as F32.
#pragma once

#include "abi/loading/source_file.h"
#include "cpu/streams/stream.h"

namespace upbeat {

// Enqueues: fill rows of a weight from row-major elements at `offset` of the file.
void enqueue_weight_load(Stream& stream, Ref<SourceFile> file, int64_t offset, const PackedWeight& weight,
                         int32_t first_row, int32_t row_count);

// Enqueues: read `count` elements at `offset` of the file and store them as F32.
void enqueue_memory_load(Stream& stream, Ref<SourceFile> file, int64_t offset, Dtype dtype, int64_t count,
                         float* destination);

}  // namespace upbeat
