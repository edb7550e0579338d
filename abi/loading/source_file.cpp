// Opening, sharing and reading source files.
#include "abi/loading/source_file.h"

#include <cstdio>
#include <mutex>
#include <vector>

#include "abi/checks/error.h"
#include "abi/platform/platform.h"

namespace upbeat {

namespace {

// The open files. Holds no counts; a file is removed when its last load is done.
struct OpenFiles {
  std::mutex mutex;
  std::vector<SourceFile*> files;
};

OpenFiles& open_files() {
  static OpenFiles* files = new OpenFiles;
  return *files;
}

struct Opened : platform::File {
  Opened() : File{-1, 0, 0, 0} {}
  ~Opened() {
    if (handle != -1) platform::close_file(handle);
  }
};

}  // namespace

Ref<SourceFile> SourceFile::open(const char* path, int64_t offset, int64_t bytes) {
  Opened opened;
  char reason[256] = {0};
  switch (platform::open_file(path, opened, reason, sizeof reason)) {
    case platform::OpenResult::opened:
      break;
    case platform::OpenResult::failed:
      throw_error(UPBEAT_ERROR_FILE, "path: cannot open %s: %s", path, reason);
    case platform::OpenResult::not_regular:
      throw_error(UPBEAT_ERROR_FILE, "path: %s is not a regular file", path);
  }
  if (offset > opened.bytes || bytes > opened.bytes - offset) {
    throw_error(UPBEAT_ERROR_FILE, "path: %s is too short: %lld bytes from %lld are wanted and it has %lld", path,
                static_cast<long long>(bytes), static_cast<long long>(offset), static_cast<long long>(opened.bytes));
  }
  OpenFiles& table = open_files();
  const std::lock_guard lock(table.mutex);
  for (SourceFile* file : table.files) {
    if (file->volume_ == opened.volume && file->number_ == opened.number && file->try_retain()) {
      return Ref<SourceFile>(file);
    }
  }
  table.files.reserve(table.files.size() + 1);
  auto* file = new SourceFile(opened.handle, path, opened.volume, opened.number);
  opened.handle = -1;
  table.files.push_back(file);
  return Ref<SourceFile>(file);
}

SourceFile::~SourceFile() {
  OpenFiles& table = open_files();
  const std::lock_guard lock(table.mutex);
  std::erase(table.files, this);
  platform::close_file(handle_);
}

void SourceFile::expect(int64_t offset, int64_t bytes) const { platform::expect_reads(handle_, offset, bytes); }

int SourceFile::read(int64_t offset, int64_t bytes, std::byte* destination) const {
  while (bytes > 0) {
    const int64_t count = platform::read_file(handle_, offset, destination, bytes);
    if (count < 0) return int(-count);
    if (count == 0) return -1;
    destination += count;
    offset += count;
    bytes -= count;
  }
  return 0;
}

void SourceFile::describe(int status, Fault& fault) const {
  // The end of a long path is more informative than its start.
  const char* path = path_.c_str() + (path_.size() > 100 ? path_.size() - 100 : 0);
  if (status < 0) {
    std::snprintf(fault.message, sizeof fault.message, "%s was cut short while it was read", path);
  } else {
    std::snprintf(fault.message, sizeof fault.message, "reading %s: error %d", path, status);
  }
}

}  // namespace upbeat
