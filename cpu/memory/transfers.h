// Moving bytes, as commands: copies and fills, and elements from files and from the host.
#pragma once

#include "abi/types/memory_kind.h"
#include "abi/loading/random_weight.h"
#include "abi/loading/source_file.h"
#include "cpu/memory/load.h"
#include "cpu/streams/stream.h"

namespace upbeat {

void enqueue_copy(Stream& stream, CopyKind kind, void* destination, const void* source, int64_t bytes);
void enqueue_fill(Stream& stream, void* destination, int32_t value, int64_t bytes);

// Enqueues a fault of the device.
void enqueue_fault(Stream& stream);

// Enqueues: fill rows of a weight from row-major elements in host memory.
void enqueue_weight_upload(Stream& stream, const void* source, const PackedWeight& weight, int32_t first_row,
                           int32_t row_count);

// Enqueues: fill rows of a weight with random elements.
void enqueue_weight_randomize(Stream& stream, const PackedWeight& weight, const RandomWeightArguments& arguments);

}  // namespace upbeat
