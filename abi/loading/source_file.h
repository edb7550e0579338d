// Files that weights come from. Opened and measured at the call, read when the stream gets there.
//
// They are read with pread into a buffer, not mapped: a mapped file that is truncated under its reader kills the
// process with SIGBUS, a read comes back short, which is a fault with a name. The price is one pass through the cache.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "abi/types/fault.h"
#include "abi/objects/ref_counted.h"

namespace upbeat {

class SourceFile : public RefCounted {
 public:
  // Opens `path` and checks that it has the bytes [offset, offset + bytes). Pending loads of one file share one
  // descriptor: a model has more tensors than a process may have open files. Throws ApiError FILE.
  static Ref<SourceFile> open(const char* path, int64_t offset, int64_t bytes);

  // Tells the system that this range will be read soon, in order.
  void expect(int64_t offset, int64_t bytes) const;

  // Reads exactly `bytes`. 0, or an errno, or -1 when the file ends before. Any thread.
  int read(int64_t offset, int64_t bytes, std::byte* destination) const;

  // What a failed read() means, as a sentence.
  void describe(int status, Fault& fault) const;

 private:
  SourceFile(int descriptor, const char* path, dev_t volume, ino_t number)
      : descriptor_(descriptor), path_(path), volume_(volume), number_(number) {}
  ~SourceFile() override;

  int descriptor_;
  std::string path_;
  dev_t volume_;
  ino_t number_;
};

}  // namespace upbeat
