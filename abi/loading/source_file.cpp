// Opening, sharing and reading source files.
#include "abi/loading/source_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <vector>

#include "abi/checks/error.h"

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

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

}  // namespace

Ref<SourceFile> SourceFile::open(const char* path, int64_t offset, int64_t bytes) {
  // O_NONBLOCK: a named pipe must not block the caller; regular files ignore it.
  Descriptor opened{::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status;
  if (opened.number < 0 || fstat(opened.number, &status) != 0) {
    throw_error(UPBEAT_ERROR_FILE, "path: cannot open %s: %s", path, std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) throw_error(UPBEAT_ERROR_FILE, "path: %s is not a regular file", path);
  if (offset > status.st_size || bytes > status.st_size - offset) {
    throw_error(UPBEAT_ERROR_FILE, "path: %s is too short: %lld bytes from %lld are wanted and it has %lld", path,
                static_cast<long long>(bytes), static_cast<long long>(offset), static_cast<long long>(status.st_size));
  }
  OpenFiles& table = open_files();
  const std::lock_guard lock(table.mutex);
  for (SourceFile* file : table.files) {
    if (file->volume_ == status.st_dev && file->number_ == status.st_ino && file->try_retain()) {
      return Ref<SourceFile>(file);
    }
  }
  table.files.reserve(table.files.size() + 1);
  auto* file = new SourceFile(opened.number, path, status.st_dev, status.st_ino);
  opened.number = -1;
  table.files.push_back(file);
  return Ref<SourceFile>(file);
}

SourceFile::~SourceFile() {
  OpenFiles& table = open_files();
  const std::lock_guard lock(table.mutex);
  std::erase(table.files, this);
  close(descriptor_);
}

void SourceFile::expect(int64_t offset, int64_t bytes) const {
#if defined(POSIX_FADV_WILLNEED)
  posix_fadvise(descriptor_, offset, bytes, POSIX_FADV_SEQUENTIAL);
  posix_fadvise(descriptor_, offset, bytes, POSIX_FADV_WILLNEED);
#else
  (void)offset;
  (void)bytes;
#endif
}

int SourceFile::read(int64_t offset, int64_t bytes, std::byte* destination) const {
  while (bytes > 0) {
    const ssize_t count = pread(descriptor_, destination, size_t(bytes), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
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
