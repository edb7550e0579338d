// Copies and fills run on the stream's thread alone, because memory bandwidth bounds them.
#include <cstring>

#include "cpu/streams/operation.h"

namespace upbeat {

namespace {

struct Copy {
  void* destination;
  const void* source;
  int64_t bytes;
};

bool run_copy(CpuStream&, const void* payload, Fault&) {
  const auto& copy = payload_as<Copy>(payload);
  std::memcpy(copy.destination, copy.source, size_t(copy.bytes));
  return true;
}

struct Fill {
  void* destination;
  int32_t value;
  int64_t bytes;
};

bool run_fill(CpuStream&, const void* payload, Fault&) {
  const auto& fill = payload_as<Fill>(payload);
  std::memset(fill.destination, fill.value & 0xff, size_t(fill.bytes));
  return true;
}

bool run_fault(CpuStream&, const void*, Fault& fault) {
  std::strcpy(fault.message, "the caller asked for this fault");
  return false;
}

// By CopyKind.
constexpr Operation kCopies[] = {{.name = "upbeat_copy_to_device", .run = run_copy},
                                 {.name = "upbeat_copy_to_host", .run = run_copy},
                                 {.name = "upbeat_copy_on_device", .run = run_copy}};
constexpr Operation kFill = {.name = "upbeat_memory_fill", .run = run_fill};
constexpr Operation kFault = {.name = "upbeat_stream_inject_fault", .run = run_fault};
constexpr Operation kUpload = kernel<&KernelSet::pack>("upbeat_weight_upload");

}  // namespace

void CpuStream::enqueue_copy(CopyKind kind, void* destination, const void* source, int64_t bytes) {
  enqueue_command(kCopies[int(kind)], Copy{destination, source, bytes});
}

void CpuStream::enqueue_fill(void* destination, int32_t value, int64_t bytes) {
  enqueue_command(kFill, Fill{destination, value, bytes});
}

void CpuStream::enqueue_fault() { enqueue_command(kFault, 0); }

void CpuStream::enqueue_weight_upload(const void* source, const PackedWeight& weight, RowOrder rows) {
  enqueue_command(kUpload, PackArguments{weight, source, rows});
}

}  // namespace upbeat
