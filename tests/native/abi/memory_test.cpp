// Devices, handles and memory: allocation, accounting, refusals and release.
#include <climits>

#include "abi/objects/handles.h"
#include "tests/native/support/device.h"

TEST("allocated memory is zeroed and aligned to 64 bytes, whatever its size") {
  TestDevice test;
  for (const int64_t bytes : {1, 63, 64, 4097, (1 << 20) - 1, 1 << 20, (2 << 20) + 5, 9 << 20}) {
    for (const bool pinned : {false, true}) {
      auto* memory = pinned ? test.host<uint8_t>(bytes) : test.memory<uint8_t>(bytes);
      CHECK_EQUAL(reinterpret_cast<uintptr_t>(memory) % 64, uintptr_t(0));
      if (bytes >= 2 << 20) CHECK_EQUAL(reinterpret_cast<uintptr_t>(memory) % (2 << 20), uintptr_t(0));
      int64_t sum = 0;
      for (int64_t i = 0; i < bytes; ++i) sum += memory[i];
      CHECK_EQUAL(sum, int64_t(0));
      memory[bytes - 1] = 1;
    }
  }
}

TEST("device_usage() counts each kind and returns to 0 when all is freed") {
  TestDevice test;
  auto expect = [&](int64_t device, int64_t host, int64_t weights) {
    int64_t usage[3] = {-1, -1, -1};
    CHECK_OK(upbeat_device_usage(test.device, usage));
    CHECK_EQUAL(usage[0], device);
    CHECK_EQUAL(usage[1], host);
    CHECK_EQUAL(usage[2], weights);
  };
  expect(0, 0, 0);
  auto* memory = test.memory(1000);
  auto* large = test.memory(3 << 20);
  auto* pinned = test.host(77);
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F16, 33, 10, UPBEAT_DTYPE_F32);
  expect(1000 + (3 << 20), 77, 64 * 10 * 2);
  CHECK_OK(upbeat_memory_free(test.device, memory));
  CHECK_OK(upbeat_weight_destroy(weight));
  CHECK_OK(upbeat_host_free(test.device, pinned));
  expect(3 << 20, 0, 0);
  CHECK_OK(upbeat_memory_free(test.device, large));
  expect(0, 0, 0);
  CHECK_ERROR(upbeat_device_usage(test.device, nullptr), UPBEAT_ERROR_INVALID_ARGUMENT, "usage");
}

TEST("an allocation is refused when its size is wrong or more than the machine has") {
  TestDevice test;
  int64_t address = 1;
  CHECK_ERROR(upbeat_memory_allocate(test.device, 0, &address), UPBEAT_ERROR_INVALID_ARGUMENT, "bytes");
  CHECK_ERROR(upbeat_memory_allocate(test.device, -5, &address), UPBEAT_ERROR_INVALID_ARGUMENT, "bytes");
  CHECK_ERROR(upbeat_memory_allocate(test.device, 64, nullptr), UPBEAT_ERROR_INVALID_ARGUMENT, "address");
  CHECK_ERROR(upbeat_memory_allocate(test.device, INT64_MAX, &address), UPBEAT_ERROR_OUT_OF_MEMORY, "asked for");
  CHECK_ERROR(upbeat_host_allocate(test.device, int64_t(1) << 50, &address), UPBEAT_ERROR_OUT_OF_MEMORY, "asked for");
  CHECK_EQUAL(address, int64_t(1));
  auto* memory = test.memory(64);  // and goes on afterwards
  CHECK(memory != nullptr);
}

TEST("a free is refused when the address is not the start of memory of that kind") {
  TestDevice test;
  TestDevice other;
  auto* memory = test.memory(128);
  auto* pinned = test.host(128);
  CHECK_ERROR(upbeat_memory_free(test.device, nullptr), UPBEAT_ERROR_INVALID_ARGUMENT, "address");
  CHECK_ERROR(upbeat_memory_free(test.device, memory + 1), UPBEAT_ERROR_INVALID_ARGUMENT, "address");
  CHECK_ERROR(upbeat_memory_free(test.device, pinned), UPBEAT_ERROR_INVALID_ARGUMENT, "address");
  CHECK_ERROR(upbeat_host_free(test.device, memory), UPBEAT_ERROR_INVALID_ARGUMENT, "address");
  CHECK_ERROR(upbeat_memory_free(other.device, memory), UPBEAT_ERROR_INVALID_ARGUMENT, "address");
  CHECK_OK(upbeat_memory_free(test.device, memory));
  CHECK_ERROR(upbeat_memory_free(test.device, memory), UPBEAT_ERROR_INVALID_ARGUMENT, "address");
}

TEST("a copy is refused when a range is outside, overlapping or of the wrong kind") {
  TestDevice test;
  TestDevice other;
  auto* memory = test.memory(128);
  auto* pinned = test.host(128);
  CHECK_ERROR(upbeat_copy_to_device(test.stream, memory, pinned, 129), UPBEAT_ERROR_INVALID_ARGUMENT, "destination");
  CHECK_ERROR(upbeat_copy_to_device(test.stream, memory, pinned, -1), UPBEAT_ERROR_INVALID_ARGUMENT, "bytes");
  CHECK_ERROR(upbeat_copy_to_device(test.stream, nullptr, pinned, 1), UPBEAT_ERROR_INVALID_ARGUMENT, "destination");
  CHECK_ERROR(upbeat_copy_to_device(test.stream, memory, nullptr, 1), UPBEAT_ERROR_INVALID_ARGUMENT, "source");
  CHECK_ERROR(upbeat_copy_to_device(test.stream, pinned, memory, 8), UPBEAT_ERROR_INVALID_ARGUMENT, "device memory");
  CHECK_ERROR(upbeat_copy_to_host(test.stream, memory, memory, 8), UPBEAT_ERROR_INVALID_ARGUMENT, "pinned host");
  CHECK_ERROR(upbeat_copy_on_device(test.stream, memory, memory + 7, 8), UPBEAT_ERROR_INVALID_ARGUMENT, "overlap");
  CHECK_ERROR(upbeat_copy_on_device(other.stream, memory, memory + 64, 8), UPBEAT_ERROR_INVALID_ARGUMENT,
              "not memory of this device");
  CHECK_ERROR(upbeat_memory_fill(test.stream, memory + 120, 0, 9), UPBEAT_ERROR_INVALID_ARGUMENT, "destination");
  CHECK_OK(upbeat_copy_on_device(test.stream, memory, memory + 8, 8));
  CHECK_OK(upbeat_copy_to_device(test.stream, memory, pinned, 0));
  test.finish();
}

TEST("memory_fill() takes the low 8 bits") {
  TestDevice test;
  auto* memory = test.memory<uint8_t>(4);
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 0x1ff, 3));
  test.finish();
  CHECK_EQUAL(memory[2], 255);
  CHECK_EQUAL(memory[3], 0);
}

TEST("device_open() refuses invalid and unavailable devices") {
  CHECK_ERROR(upbeat_device_open(-1, 1, 0), UPBEAT_ERROR_INVALID_ARGUMENT, "index");
  CHECK_ERROR(upbeat_device_open(1, 1, 0), UPBEAT_ERROR_UNAVAILABLE, "index");
  CHECK_ERROR(upbeat_device_open(0, -1, 0), UPBEAT_ERROR_INVALID_ARGUMENT, "threads");
  CHECK_ERROR(upbeat_device_open(0, 100000, 0), UPBEAT_ERROR_INVALID_ARGUMENT, "threads");
  CHECK_ERROR(upbeat_device_open(0, 1, UPBEAT_SIMD_AMX + 1), UPBEAT_ERROR_INVALID_ARGUMENT, "simd");
#if defined(__x86_64__)
  CHECK_ERROR(upbeat_device_open(0, 1, UPBEAT_SIMD_NEON), UPBEAT_ERROR_UNAVAILABLE, "NEON");
#else
  CHECK_ERROR(upbeat_device_open(0, 1, UPBEAT_SIMD_AVX512), UPBEAT_ERROR_UNAVAILABLE, "AVX512");
#endif
  CHECK_EQUAL(upbeat_device_count(), 1);
  CHECK_EQUAL(upbeat_abi_version(), UPBEAT_ABI_VERSION);
}

TEST("device_info() describes the device, and is cut to the capacity") {
  TestDevice test(0, UPBEAT_SIMD_PORTABLE);
  uint8_t text[1024];
  const int32_t length = upbeat_device_info(test.device, text, sizeof text);
  CHECK(length > 0 && length < int32_t(sizeof text));
  const std::string json(reinterpret_cast<char*>(text), size_t(length));
  for (const char* field : {"\"library\":\"cpu\"", "\"name\":\"", "\"memoryTotal\":", "\"memoryFree\":", "\"cores\":",
                            "\"threads\":", "\"instructionSet\":\"portable\"}"}) {
    if (json.find(field) == std::string::npos) check::fail(__FILE__, __LINE__, std::string(field) + " not in " + json);
  }
  uint8_t cut[9];
  cut[8] = 77;
  CHECK_EQUAL(upbeat_device_info(test.device, cut, 8), length);
  CHECK_EQUAL(cut[7], text[7]);
  CHECK_EQUAL(cut[8], 77);
  CHECK_EQUAL(upbeat_device_info(test.device, nullptr, 0), length);
  CHECK_ERROR(upbeat_device_info(test.device, nullptr, 4), UPBEAT_ERROR_INVALID_ARGUMENT, "json");
  CHECK_ERROR(upbeat_device_info(test.device, text, -1), UPBEAT_ERROR_INVALID_ARGUMENT, "capacity");
}

TEST("last_error() is cut to the capacity and belongs to its thread") {
  upbeat_stream_create(12345);
  uint8_t text[8] = {9, 9, 9, 9, 9, 9, 9, 9};
  const int32_t length = upbeat_last_error(text, 7);
  CHECK(length > 20);
  CHECK_EQUAL(text[6], 0);
  CHECK_EQUAL(text[7], 9);
  CHECK_EQUAL(upbeat_last_error(nullptr, 0), length);
}

TEST("a handle is refused when it is of another kind, or stale") {
  TestDevice test;
  const int32_t event = upbeat_event_create(test.device);
  CHECK_ERROR(upbeat_event_query(test.stream), UPBEAT_ERROR_INVALID_ARGUMENT, "is a stream, not an event");
  CHECK_ERROR(upbeat_stream_synchronize(event, 0), UPBEAT_ERROR_INVALID_ARGUMENT, "is an event, not a stream");
  CHECK_ERROR(upbeat_stream_create(test.stream), UPBEAT_ERROR_INVALID_ARGUMENT, "is a stream, not a device");
  CHECK_ERROR(upbeat_weight_destroy(test.device), UPBEAT_ERROR_INVALID_ARGUMENT, "is a device, not a weight");
  for (const int32_t wrong : {0, -1, INT_MIN, INT_MAX, 1, 65535}) {
    CHECK_ERROR(upbeat_graph_destroy(wrong), UPBEAT_ERROR_INVALID_ARGUMENT, "is not a graph");
  }
  CHECK_OK(upbeat_event_destroy(event));
  for (int i = 0; i < 3000; ++i) {  // a reused slot gives another handle
    CHECK_ERROR(upbeat_event_query(event), UPBEAT_ERROR_INVALID_ARGUMENT, "is not an event");
    CHECK_ERROR(upbeat_event_destroy(event), UPBEAT_ERROR_INVALID_ARGUMENT, "is not an event");
    CHECK_OK(upbeat_event_destroy(upbeat_event_create(test.device)));
  }
}

TEST("objects of two devices do not mix") {
  TestDevice test;
  TestDevice other;
  const int32_t event = upbeat_event_create(other.device);
  CHECK_ERROR(upbeat_event_record(event, test.stream), UPBEAT_ERROR_INVALID_ARGUMENT, "another device");
  CHECK_ERROR(upbeat_stream_wait_event(test.stream, event), UPBEAT_ERROR_INVALID_ARGUMENT, "another device");
}

TEST("device_close() ends every handle of the device and waits for its work") {
  const int32_t device = upbeat_device_open(0, 2, UPBEAT_SIMD_AUTO);
  const int32_t stream = upbeat_stream_create(device);
  const int32_t event = upbeat_event_create(device);
  int64_t address = 0;
  CHECK_OK(upbeat_memory_allocate(device, 4 << 20, &address));
  for (int i = 0; i < 50; ++i) CHECK_OK(upbeat_memory_fill(stream, reinterpret_cast<void*>(address), i, 4 << 20));
  CHECK_OK(upbeat_device_close(device));
  CHECK_ERROR(upbeat_device_close(device), UPBEAT_ERROR_INVALID_ARGUMENT, "device");
  CHECK_ERROR(upbeat_stream_synchronize(stream, 0), UPBEAT_ERROR_INVALID_ARGUMENT, "stream");
  CHECK_ERROR(upbeat_event_query(event), UPBEAT_ERROR_INVALID_ARGUMENT, "event");
}

TEST("Handles refuses more objects than it has slots, and goes on when some are removed") {
  upbeat::Handles handles;
  std::vector<int32_t> given;
  int object = 0;
  for (int i = 0; i < 65536; ++i) given.push_back(handles.add(upbeat::HandleKind::event, &object));
  bool refused = false;
  try {
    handles.add(upbeat::HandleKind::event, &object);
  } catch (const upbeat::ApiError& error) {
    refused = error.code() == UPBEAT_ERROR_OUT_OF_MEMORY;
  }
  CHECK(refused);
  handles.remove(given[100]);
  const int32_t again = handles.add(upbeat::HandleKind::graph, &object);
  CHECK(again > 0 && again != given[100]);
  CHECK(handles.find(upbeat::HandleKind::event, given[100]) == nullptr);
  CHECK(handles.find(upbeat::HandleKind::graph, again) == &object);
}

int main() { return check::run_all(); }
