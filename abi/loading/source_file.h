// Files of weights. Opened and checked at the call, read when the stream reaches the load.
//
// They are read with pread into a buffer, not mapped: truncating a mapped file kills its reader with SIGBUS, while a
// read comes back short, which can be reported as a fault. The cost is one pass through the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "abi/objects/ref_counted.h"
#include "abi/types/fault.h"

namespace upbeat {

class SourceFile : public RefCounted {
 public:
  // Opens `path` and checks that it has the bytes [offset, offset + bytes). Pending loads of one file share one
  // descriptor, because a model has more tensors than a process may have open files. Throws ApiError FILE.
  static Ref<SourceFile> open(const char* path, int64_t offset, int64_t bytes);

  // Advises the system that this range will be read soon, in order.
  void expect(int64_t offset, int64_t bytes) const;

  // Reads exactly `bytes`. Returns 0, the system's error code, or -1 when the file ends early. Any thread.
  int read(int64_t offset, int64_t bytes, std::byte* destination) const;

  // Describes a failed read().
  void describe(int status, Fault& fault) const;

 private:
  SourceFile(intptr_t handle, const char* path, uint64_t volume, uint64_t number)
      : handle_(handle), path_(path), volume_(volume), number_(number) {}
  ~SourceFile() override;

  intptr_t handle_;
  std::string path_;
  uint64_t volume_;
  uint64_t number_;
};

}  // namespace upbeat
