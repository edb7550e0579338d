// What the library needs of the operating system beyond the C++ standard library: posix.cpp and windows.cpp implement it.
// No function throws. This header is also for kernels, which include C headers only.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace upbeat::platform {

// ---- Process

// Whether the calling thread ends together with the process, where nothing needs to be freed and nothing may wait.
bool ends_with_process();

// Calls `notify` in every child that is forked from now on.
void on_fork(void (*notify)());

// Keeps this library loaded for the life of the process: its threads may outlive a close of the library.
void stay_loaded();

// ---- Memory

// Zeroed pages, which take memory when they are touched; from 2 MiB on aligned to huge pages and marked for them, where
// there are any. Null when the system refuses.
void* map_pages(size_t bytes);
void unmap_pages(void* address, size_t bytes);

// Memory of the heap at a multiple of `alignment` (a power of two), which divides `bytes`; null when there is none.
void* allocate_aligned(size_t alignment, size_t bytes);
void free_aligned(void* memory);

// Asks for huge pages for a range of the heap, where there are any.
void advise_huge_pages(void* memory, size_t bytes);

// ---- Files

// An open file. Two openings of one file have the same volume and number.
struct File {
  intptr_t handle;
  int64_t bytes;
  uint64_t volume;
  uint64_t number;
};

enum class OpenResult { opened, failed, not_regular };

// Opens a regular file to be read; other kinds are refused without waiting for their writer. `path` is UTF-8. After a
// failure `reason` describes it, in at most `capacity` bytes.
OpenResult open_file(const char* path, File& file, char* reason, size_t capacity);
void close_file(intptr_t handle);

// Reads up to `bytes` at `offset`; any thread. Returns their number, 0 at the file's end, or a negative error code.
int64_t read_file(intptr_t handle, int64_t offset, void* destination, int64_t bytes);

// Advises the system that a range will be read soon, in order.
void expect_reads(intptr_t handle, int64_t offset, int64_t bytes);

// ---- Threads

// Calls start(context). Threads that it starts do not handle the process's signals, only those that they cause.
void with_blocked_signals(void (*start)(void* context), void* context);

void name_this_thread(const char* name);

}  // namespace upbeat::platform
