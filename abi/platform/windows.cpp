// Windows 10 and newer.
#include "abi/platform/platform.h"

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <malloc.h>
#include <windows.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace upbeat::platform {

namespace {

// UTF-16 of a UTF-8 text; empty where it is not UTF-8.
std::wstring wide(const char* text) {
  const int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, nullptr, 0);
  if (length <= 0) return {};
  std::wstring result(size_t(length), L'\0');
  MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, result.data(), length);
  result.pop_back();  // the terminator
  return result;
}

void describe_error(DWORD error, char* reason, size_t capacity) {
  const DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr, error, 0,
                                      reason, DWORD(capacity), nullptr);
  if (length == 0) std::snprintf(reason, capacity, "error %lu", error);
  for (size_t end = length; end > 0 && (reason[end - 1] == '\n' || reason[end - 1] == '\r' || reason[end - 1] == '.');) {
    reason[--end] = 0;
  }
}

}  // namespace

// ---- Process

// At the end of a process, Windows ends all other threads first: waiting for one would hang.
bool ends_with_process() {
  using Function = BOOLEAN(NTAPI*)();
  static const auto in_progress = reinterpret_cast<Function>(
      reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "RtlDllShutdownInProgress")));
  return in_progress != nullptr && in_progress();
}

void on_fork(void (*)()) {}

void stay_loaded() {
  HMODULE self = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<LPCWSTR>(reinterpret_cast<void*>(&stay_loaded)), &self);
}

// ---- Memory

// Large pages need a privilege that users do not have.
void* map_pages(size_t bytes) { return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE); }

void unmap_pages(void* address, size_t) { VirtualFree(address, 0, MEM_RELEASE); }

void* allocate_aligned(size_t alignment, size_t bytes) { return _aligned_malloc(bytes, alignment); }

void free_aligned(void* memory) { _aligned_free(memory); }

void advise_huge_pages(void*, size_t) {}

// ---- Files

OpenResult open_file(const char* path, File& file, char* reason, size_t capacity) {
  const std::wstring name = wide(path);
  const DWORD attributes = name.empty() ? INVALID_FILE_ATTRIBUTES : GetFileAttributesW(name.c_str());
  if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
    return OpenResult::not_regular;
  }
  HANDLE handle = INVALID_HANDLE_VALUE;
  if (name.empty()) {
    SetLastError(ERROR_INVALID_NAME);
  } else {
    handle = CreateFileW(name.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                         OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  }
  if (handle == INVALID_HANDLE_VALUE) {
    describe_error(GetLastError(), reason, capacity);
    return OpenResult::failed;
  }
  BY_HANDLE_FILE_INFORMATION status;
  if (GetFileType(handle) != FILE_TYPE_DISK) {
    CloseHandle(handle);
    return OpenResult::not_regular;
  }
  if (!GetFileInformationByHandle(handle, &status)) {
    describe_error(GetLastError(), reason, capacity);
    CloseHandle(handle);
    return OpenResult::failed;
  }
  const auto join = [](DWORD high, DWORD low) { return uint64_t(high) << 32 | low; };
  file = {reinterpret_cast<intptr_t>(handle), int64_t(join(status.nFileSizeHigh, status.nFileSizeLow)),
          status.dwVolumeSerialNumber, join(status.nFileIndexHigh, status.nFileIndexLow)};
  return OpenResult::opened;
}

void close_file(intptr_t handle) { CloseHandle(reinterpret_cast<HANDLE>(handle)); }

int64_t read_file(intptr_t handle, int64_t offset, void* destination, int64_t bytes) {
  OVERLAPPED place{};
  place.Offset = DWORD(offset);
  place.OffsetHigh = DWORD(uint64_t(offset) >> 32);
  DWORD read = 0;
  const auto count = DWORD(std::min<int64_t>(bytes, 1 << 30));
  if (ReadFile(reinterpret_cast<HANDLE>(handle), destination, count, &read, &place)) return read;
  const DWORD error = GetLastError();
  return error == ERROR_HANDLE_EOF ? 0 : -int64_t(error);
}

void expect_reads(intptr_t, int64_t, int64_t) {}

// ---- Threads

void with_blocked_signals(void (*start)(void* context), void* context) { start(context); }

void name_this_thread(const char* name) { SetThreadDescription(GetCurrentThread(), wide(name).c_str()); }

}  // namespace upbeat::platform

#endif
