// The library and its devices.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "abi/checks/checks.h"
#include "abi/platform/platform.h"

using namespace upbeat;

namespace {

// The open devices of a thread. A worker of a JavaScript runtime may be terminated at any point, after which no code of
// the program can close them.
struct OpenedDevices {
  std::vector<int32_t> handles;
  ~OpenedDevices() {
    if (platform::ends_with_process()) return;
    while (!handles.empty()) {
      const int32_t handle = handles.back();
      handles.pop_back();
      upbeat_device_close(handle);
    }
  }
};

thread_local OpenedDevices opened_here;

}  // namespace

extern "C" {

int32_t upbeat_abi_version(void) { return UPBEAT_ABI_VERSION; }

int32_t upbeat_last_error(uint8_t* message, int32_t capacity) {
  const char* error = last_error();
  const size_t length = std::strlen(error);
  if (message != nullptr && capacity > 0) {
    size_t copied = std::min(length, size_t(capacity) - 1);
    if (copied < length) {  // not in the middle of a character
      while (copied > 0 && (static_cast<unsigned char>(error[copied]) & 0xc0) == 0x80) --copied;
    }
    std::memcpy(message, error, copied);
    message[copied] = 0;
  }
  return int32_t(length);
}

int32_t upbeat_device_count(void) {
  const int32_t count = guarded("upbeat_device_count", [] { return count_devices(); });
  return std::max(count, 0);
}

int32_t upbeat_device_open(int32_t index, int32_t threads, int32_t simd) {
  return guarded("upbeat_device_open", [&]() -> int32_t {
    check_alive();
    check_not_negative("index", index);
    check_not_negative("threads", threads);
    if (simd < UPBEAT_SIMD_AUTO || simd > UPBEAT_SIMD_AMX) {
      throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "simd: %d is none of UPBEAT_SIMD_*", simd);
    }
    refuse_after_fork();
    platform::stay_loaded();
    std::vector<int32_t>& opened = opened_here.handles;
    opened.reserve(opened.size() + 1);
    std::unique_ptr<Device> device = open_device(index, threads, simd);
    const int32_t handle = Handles::process().add(HandleKind::device, device.get());
    device.release();  // owned by the handle
    opened.push_back(handle);
    return handle;
  });
}

int32_t upbeat_device_close(int32_t device) {
  return guarded("upbeat_device_close", [&] {
    device_of(device);
    std::erase(opened_here.handles, device);
    // Null when another thread was faster.
    delete static_cast<Device*>(Handles::process().take(HandleKind::device, device));
    return UPBEAT_OK;
  });
}

int32_t upbeat_device_info(int32_t device, uint8_t* json, int32_t capacity) {
  return guarded("upbeat_device_info", [&] {
    Device& described = device_of(device);
    check_not_negative("capacity", capacity);
    if (capacity > 0) check_pointer("json", json);
    const std::string text = described.info();
    const size_t copied = std::min(text.size(), size_t(capacity));
    if (copied > 0) std::memcpy(json, text.data(), copied);
    if (copied < size_t(capacity)) json[copied] = 0;
    return int32_t(text.size());
  });
}

int32_t upbeat_device_usage(int32_t device, int64_t* usage) {
  return guarded("upbeat_device_usage", [&] {
    Device& used = device_of(device);
    check_pointer("usage", usage);
    usage[0] = used.memory().bytes(MemoryKind::device);
    usage[1] = used.memory().bytes(MemoryKind::host);
    usage[2] = used.objects().weight_bytes();
    return UPBEAT_OK;
  });
}

int32_t upbeat_device_dependent_launches(int32_t device, int32_t wanted) {
  return guarded("upbeat_device_dependent_launches", [&] {
    device_of(device).use_dependent_launches(wanted != 0);
    return UPBEAT_OK;
  });
}

}  // extern "C"
