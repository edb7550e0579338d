// Linux and macOS.
#include "abi/platform/platform.h"

#if !defined(_WIN32)

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <sys/syscall.h>
#endif

namespace upbeat::platform {

// ---- Process

bool ends_with_process() {
#if defined(__linux__)
  return syscall(SYS_gettid) == getpid();
#elif defined(__APPLE__)
  return pthread_main_np() != 0;
#else
  return false;
#endif
}

void on_fork(void (*notify)()) { pthread_atfork(nullptr, nullptr, notify); }

void stay_loaded() {
#if defined(__APPLE__)
  // On Linux the linker sets this flag.
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&stay_loaded), &self) != 0) {
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
#endif
}

// ---- Memory

namespace {

constexpr size_t kHugePage = size_t(2) << 20;

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

bool uses_huge_pages(size_t bytes) { return bytes >= kHugePage; }

// munmap rounds up to pages by itself.
size_t mapped_bytes(size_t bytes) { return uses_huge_pages(bytes) ? round_up(bytes, kHugePage) : bytes; }

}  // namespace

void* map_pages(size_t bytes) {
  // Mapped with one huge page to spare, so that a start on a huge page's boundary can be cut out.
  const size_t wanted = mapped_bytes(bytes);
  const size_t reserved = uses_huge_pages(bytes) ? wanted + kHugePage : wanted;
  void* map = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  if (!uses_huge_pages(bytes)) return map;
  auto* start = static_cast<char*>(map);
  const auto address = reinterpret_cast<uintptr_t>(start);
  const size_t before = round_up(address, kHugePage) - address;
  const size_t after = reserved - before - wanted;
  if (before > 0) munmap(start, before);
  start += before;
  if (after > 0) munmap(start + wanted, after);
  advise_huge_pages(start, wanted);
  return start;
}

void unmap_pages(void* address, size_t bytes) { munmap(address, mapped_bytes(bytes)); }

void* allocate_aligned(size_t alignment, size_t bytes) { return std::aligned_alloc(alignment, bytes); }

void free_aligned(void* memory) { std::free(memory); }

void advise_huge_pages(void* memory, size_t bytes) {
#if defined(MADV_HUGEPAGE)
  madvise(memory, bytes, MADV_HUGEPAGE);  // advice: without it everything works, with more TLB misses
#else
  (void)memory;
  (void)bytes;
#endif
}

// ---- Files

OpenResult open_file(const char* path, File& file, char* reason, size_t capacity) {
  // O_NONBLOCK: a named pipe must not block the caller; regular files ignore it.
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    std::snprintf(reason, capacity, "%s", std::strerror(errno));
    if (descriptor >= 0) close(descriptor);
    return OpenResult::failed;
  }
  if (!S_ISREG(status.st_mode)) {
    close(descriptor);
    return OpenResult::not_regular;
  }
  file = {descriptor, int64_t(status.st_size), uint64_t(status.st_dev), uint64_t(status.st_ino)};
  return OpenResult::opened;
}

void close_file(intptr_t handle) { close(int(handle)); }

int64_t read_file(intptr_t handle, int64_t offset, void* destination, int64_t bytes) {
  // macOS refuses reads of 2 GiB and more.
  const auto count = size_t(std::min<int64_t>(bytes, 1 << 30));
  for (;;) {
    const ssize_t read = pread(int(handle), destination, count, off_t(offset));
    if (read >= 0) return read;
    if (errno != EINTR) return -errno;
  }
}

void expect_reads(intptr_t handle, int64_t offset, int64_t bytes) {
#if defined(POSIX_FADV_WILLNEED)
  posix_fadvise(int(handle), offset, bytes, POSIX_FADV_SEQUENTIAL);
  posix_fadvise(int(handle), offset, bytes, POSIX_FADV_WILLNEED);
#else
  (void)handle;
  (void)offset;
  (void)bytes;
#endif
}

// ---- Threads

void with_blocked_signals(void (*start)(void* context), void* context) {
  // Those that a thread causes itself stay open: the host's crash handler reports them, while a blocked one ends the
  // process mutely.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  for (const int own : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&all, own);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // a new thread inherits the mask
  struct Restore {
    const sigset_t* mask;
    ~Restore() { pthread_sigmask(SIG_SETMASK, mask, nullptr); }
  } restore{&before};
  start(context);
}

void name_this_thread(const char* name) {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
  pthread_setname_np(name);
#else
  (void)name;
#endif
}

}  // namespace upbeat::platform

#endif
