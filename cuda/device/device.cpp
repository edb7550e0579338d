// What a device owns, and its fault.
#include "cuda/device/device.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "abi/checks/error.h"
#include "abi/objects/handles.h"
#include "abi/objects/owners.h"
#include "cuda/device/dependent_launch.h"
#include "cuda/memory/staging.h"
#include "cuda/device/status.h"

namespace upbeat {

namespace {

// How many devices of this process have each GPU open.
struct OpenDevices {
  std::mutex mutex;
  std::map<int32_t, int> counts;
};

OpenDevices& open_devices() {
  static OpenDevices* devices = new OpenDevices;
  return *devices;
}

}  // namespace

Device::Context::Context(int32_t index) : index_(index) {
  check_cuda(cudaSetDevice(index), "opening the GPU");
  OpenDevices& devices = open_devices();
  const std::lock_guard lock(devices.mutex);
  ++devices.counts[index];
}

Device::Context::~Context() {
  OpenDevices& devices = open_devices();
  const std::lock_guard lock(devices.mutex);
  if (--devices.counts[index_] == 0 && broken_) {
    cudaSetDevice(index_);
    cudaDeviceReset();
  }
}

Device::Device(int32_t index) : context_(index) {
  cudaDeviceProp properties;
  check_cuda(cudaGetDeviceProperties(&properties, index), "asking the GPU what it is");
  name_ = properties.name;
  multiprocessors_ = properties.multiProcessorCount;
  compute_capability_ = std::to_string(properties.major) + "." + std::to_string(properties.minor);
  try {
    check_cuda(cudaStreamCreateWithFlags(&setup_stream_, cudaStreamNonBlocking), "opening the GPU");
    fault_flag_ = make_memory(MemoryKind::device, sizeof(int32_t), "the fault flag");
    fault_words_ = make_memory(MemoryKind::host, (1 + kFaultNumbers) * sizeof(int32_t), "the fault record");
    // The first kernel: a library without code for this GPU says so here.
    check_cuda(launch_fault_check(setup_launch()), "starting a kernel");
    check_cuda(cudaStreamSynchronize(setup_stream_), "starting a kernel");
  } catch (const ApiError& error) {
    // Somebody else's work may have broken the GPU before: it is reset, too, when nobody has it open any more.
    if (error.code() == UPBEAT_ERROR_FAULT) context_.broken();
    if (setup_stream_ != nullptr) cudaStreamDestroy(setup_stream_);
    throw;
  }
}

Device::~Device() {
  make_current();
  drop_all(streams_);  // waits for their work, which may use anything below
  staging_.reset();
  drop_all(graphs_);
  drop_all(events_);
  drop_all(weights_);
  if (is_sticky(cudaStreamSynchronize(setup_stream_))) context_.broken();
  cudaStreamDestroy(setup_stream_);
}

Launch Device::setup_launch() const {
  return {.place = setup_stream_,
          .faults = fault_slot(),
          .multiprocessors = multiprocessors_,
          .scratch = nullptr,
          .scratch_counters = nullptr,
          .scratch_owner = nullptr};
}

void Device::use_dependent_launches(bool wanted) {
  if (wanted && !dependent_launches_) {
    check_fault();
    make_current();
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, context_.index()), "asking the GPU what it is");
    check_dependent_launches(properties, setup_launch());
  }
  dependent_launches_ = wanted;
}

std::string Device::info() {
  make_current();
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  std::string json = R"({"library":"cuda","name":")";
  for (const char character : name_) {
    if (character == '"' || character == '\\') json += '\\';
    json += character;
  }
  json += R"(","memoryTotal":)" + std::to_string(total);
  json += R"(,"memoryFree":)" + std::to_string(free);
  json += R"(,"cores":)" + std::to_string(multiprocessors_);
  json += R"(,"threads":0,"computeCapability":")" + compute_capability_;
  return json + "\"}";
}

Memory Device::make_memory(MemoryKind kind, int64_t bytes, const char* what) {
  make_current();
  return Memory(kind, bytes, setup_stream_, what);
}

int32_t Device::create_stream() { return adopt(streams_, HandleKind::stream, std::make_unique<Stream>(*this)); }

int32_t Device::create_event() { return adopt(events_, HandleKind::event, std::make_unique<Event>(*this)); }

int32_t Device::add_graph(std::unique_ptr<Graph> graph) { return adopt(graphs_, HandleKind::graph, std::move(graph)); }

int32_t Device::create_weight(Dtype dtype, int32_t rows, int32_t columns, Dtype input) {
  auto weight = std::make_unique<Weight>(*this, dtype, rows, columns, input);
  const int64_t bytes = weight->bytes();
  const int32_t handle = adopt(weights_, HandleKind::weight, std::move(weight));
  weight_bytes_ += bytes;
  return handle;
}

void Device::destroy_stream(int32_t handle) { drop(streams_, handle); }
void Device::destroy_event(int32_t handle) { drop(events_, handle); }
void Device::destroy_graph(int32_t handle) { drop(graphs_, handle); }

void Device::destroy_weight(int32_t handle) {
  weight_bytes_ -= weights_.at(handle)->bytes();
  drop(weights_, handle);
}

Staging& Device::staging() {
  if (staging_ == nullptr) staging_ = std::make_unique<Staging>(*this);
  return *staging_;
}

void Device::make_current() const { cudaSetDevice(context_.index()); }

void Device::check(cudaError_t status, const char* doing) {
  if (is_sticky(status)) {
    is_done(status);
    check_fault();
  }
  check_cuda(status, doing);
}

bool Device::is_done(cudaError_t status) {
  if (status == cudaErrorNotReady) return false;
  if (status != cudaSuccess) {
    if (is_sticky(status)) context_.broken();
    Fault fault;
    std::snprintf(fault.message, sizeof fault.message, "%.150s", cudaGetErrorString(status));
    fail(cudaGetErrorName(status), fault);
  }
  return true;
}

void Device::fail(const char* operation, const Fault& fault) noexcept {
  const std::lock_guard lock(fault_mutex_);
  if (host_fault_.load(std::memory_order_relaxed)) return;
  std::snprintf(fault_message_, sizeof fault_message_, "%s: %.192s", operation, fault.message);
  host_fault_.store(true, std::memory_order_release);
  // For the kernels that look whether the host has noted something.
  __atomic_store_n(fault_slot().record, int32_t(FaultKind::host), __ATOMIC_RELEASE);
}

FaultSlot Device::fault_slot() const {
  return {reinterpret_cast<int32_t*>(fault_flag_.data()), reinterpret_cast<int32_t*>(fault_words_.data())};
}

bool Device::faulted() const {
  return host_fault_.load(std::memory_order_acquire) ||
         __atomic_load_n(fault_slot().record, __ATOMIC_ACQUIRE) != int32_t(FaultKind::none);
}

void Device::check_fault() {
  if (!faulted()) return;
  if (!host_fault_.load(std::memory_order_acquire)) {
    Fault fault;
    describe_fault(fault_slot().record, fault);
    throw_error(UPBEAT_ERROR_FAULT, "the device has faulted: %s", fault.message);
  }
  const std::lock_guard lock(fault_mutex_);
  throw_error(UPBEAT_ERROR_FAULT, "the device has faulted: %s", fault_message_);
}

}  // namespace upbeat
