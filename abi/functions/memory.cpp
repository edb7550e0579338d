// Memory, copies, loads.
#include "abi/checks/checks.h"

using namespace upbeat;

namespace {

int32_t allocate(const char* function, MemoryKind kind, int32_t device, int64_t bytes, int64_t* address) {
  return guarded(function, [&] {
    Device& owner = device_of(device);
    check_positive("bytes", bytes);
    check_pointer("address", address);
    std::byte* allocated = owner.memory().add(kind, owner.allocate(kind, bytes, "bytes"));
    *address = int64_t(reinterpret_cast<intptr_t>(allocated));
    return UPBEAT_OK;
  });
}

int32_t release(const char* function, MemoryKind kind, int32_t device, void* address) {
  return guarded(function, [&] {
    Device& owner = device_of(device);
    check_pointer("address", address);
    if (!owner.memory().remove(kind, address)) {
      throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "address: %p is not the start of %s memory of this device", address,
                  kind == MemoryKind::device ? "device" : "pinned host");
    }
    return UPBEAT_OK;
  });
}

int32_t copy(const char* function, CopyKind kind, int32_t stream, void* destination, const void* source,
             int64_t bytes) {
  return guarded(function, [&] {
    Stream& target = stream_of(stream);
    check_not_negative("bytes", bytes);
    const MemoryKind to = kind == CopyKind::to_host ? MemoryKind::host : MemoryKind::device;
    const MemoryKind from = kind == CopyKind::to_device ? MemoryKind::host : MemoryKind::device;
    check_range_of(target.device(), to, "destination", destination, bytes, 1);
    check_range_of(target.device(), from, "source", source, bytes, 1);
    check_disjoint({"destination", destination, bytes}, {"source", source, bytes});
    if (bytes > 0) target.enqueue_copy(kind, destination, source, bytes);
    return UPBEAT_OK;
  });
}

}  // namespace

extern "C" {

int32_t upbeat_memory_allocate(int32_t device, int64_t bytes, int64_t* address) {
  return allocate("upbeat_memory_allocate", MemoryKind::device, device, bytes, address);
}

int32_t upbeat_memory_free(int32_t device, void* address) {
  return release("upbeat_memory_free", MemoryKind::device, device, address);
}

int32_t upbeat_host_allocate(int32_t device, int64_t bytes, int64_t* address) {
  return allocate("upbeat_host_allocate", MemoryKind::host, device, bytes, address);
}

int32_t upbeat_host_free(int32_t device, void* address) {
  return release("upbeat_host_free", MemoryKind::host, device, address);
}

int32_t upbeat_copy_to_device(int32_t stream, void* destination, const void* source, int64_t bytes) {
  return copy("upbeat_copy_to_device", CopyKind::to_device, stream, destination, source, bytes);
}

int32_t upbeat_copy_to_host(int32_t stream, void* destination, const void* source, int64_t bytes) {
  return copy("upbeat_copy_to_host", CopyKind::to_host, stream, destination, source, bytes);
}

int32_t upbeat_copy_on_device(int32_t stream, void* destination, const void* source, int64_t bytes) {
  return copy("upbeat_copy_on_device", CopyKind::on_device, stream, destination, source, bytes);
}

int32_t upbeat_memory_fill(int32_t stream, void* destination, int32_t value, int64_t bytes) {
  return guarded("upbeat_memory_fill", [&] {
    Stream& target = stream_of(stream);
    check_not_negative("bytes", bytes);
    check_range_of(target.device(), MemoryKind::device, "destination", destination, bytes, 1);
    if (bytes > 0) target.enqueue_fill(destination, value, bytes);
    return UPBEAT_OK;
  });
}

int32_t upbeat_memory_load(int32_t stream, void* destination, const char* path, int64_t offset, int32_t dtype,
                           int64_t count) {
  return guarded("upbeat_memory_load", [&] {
    Stream& target = stream_of(stream);
    check_not_capturing(target, "read files");
    check_pointer("path", path);
    check_not_negative("offset", offset);
    check_not_negative("count", count);
    const Dtype type = check_dtype("dtype", dtype);
    const int64_t bytes = product({count, int64_t(dtype_bytes(type))});
    check_range_of(target.device(), MemoryKind::device, "destination", destination, product({count, 4}), 4);
    Ref<SourceFile> file = SourceFile::open(path, offset, bytes);
    if (count > 0) {
      target.enqueue_memory_load(std::move(file), offset, type, count, static_cast<float*>(destination));
    }
    return UPBEAT_OK;
  });
}

}  // extern "C"
