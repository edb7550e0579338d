// Opening and closing, objects, faults.
#include "cuda/device/device.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "abi/checks/error.h"
#include "cuda/device/dependent_launch.h"
#include "cuda/device/status.h"
#include "cuda/kernels/linear/weight_layout.h"
#include "cuda/memory/allocate.h"
#include "cuda/memory/staging.h"
#include "cuda/streams/event.h"
#include "cuda/streams/stream.h"

namespace upbeat {

namespace {

// The number of open devices of this process per GPU.
struct OpenDevices {
  std::mutex mutex;
  std::map<int32_t, int> counts;
};

OpenDevices& open_devices() {
  static OpenDevices* devices = new OpenDevices;
  return *devices;
}

}  // namespace

CudaDevice::Context::Context(int32_t index) : index_(index) {
  check_open(cudaSetDevice(index), "opening the GPU");
  OpenDevices& devices = open_devices();
  const std::lock_guard lock(devices.mutex);
  ++devices.counts[index];
}

CudaDevice::Context::~Context() {
  OpenDevices& devices = open_devices();
  const std::lock_guard lock(devices.mutex);
  if (--devices.counts[index_] == 0 && broken_) {
    cudaSetDevice(index_);
    cudaDeviceReset();
  }
}

CudaDevice::CudaDevice(int32_t index) : context_(index) {
  cudaDeviceProp properties;
  check_cuda(cudaGetDeviceProperties(&properties, index), "asking the GPU what it is");
  name_ = properties.name;
  multiprocessors_ = properties.multiProcessorCount;
  compute_capability_ = std::to_string(properties.major) + "." + std::to_string(properties.minor);
  try {
    check_open(cudaStreamCreateWithFlags(&setup_stream_, cudaStreamNonBlocking), "opening the GPU");
    fault_flag_ = allocate(MemoryKind::device, sizeof(int32_t), "the fault flag");
    fault_words_ = allocate(MemoryKind::host, (1 + kFaultNumbers) * sizeof(int32_t), "the fault record");
    // The first kernel: a library without code for this GPU fails here.
    check_cuda(launch_fault_check(setup_launch()), "starting a kernel");
    check_cuda(cudaStreamSynchronize(setup_stream_), "starting a kernel");
  } catch (const ApiError& error) {
    // Earlier work of the process may have broken the GPU: then it is reset as well, once no device has it open.
    if (error.code() == UPBEAT_ERROR_FAULT) context_.broken();
    if (setup_stream_ != nullptr) cudaStreamDestroy(setup_stream_);
    throw;
  }
}

CudaDevice::~CudaDevice() {
  make_current();
  destroy_streams();
  staging_.reset();
  destroy_objects();
  if (is_sticky(cudaStreamSynchronize(setup_stream_))) context_.broken();
  cudaStreamDestroy(setup_stream_);
}

Launch CudaDevice::setup_launch() const {
  return {.place = setup_stream_,
          .faults = fault_slot(),
          .multiprocessors = multiprocessors_,
          .scratch = nullptr,
          .scratch_counters = nullptr,
          .scratch_owner = nullptr};
}

void CudaDevice::use_dependent_launches(bool wanted) {
  if (wanted && !dependent_launches_) {
    check_fault();
    make_current();
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, context_.index()), "asking the GPU what it is");
    check_dependent_launches(properties, setup_launch());
  }
  dependent_launches_ = wanted;
}

std::string CudaDevice::info() {
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

Memory CudaDevice::allocate(MemoryKind kind, int64_t bytes, const char* what) {
  make_current();
  return allocate_memory(kind, bytes, setup_stream_, what);
}

std::unique_ptr<Stream> CudaDevice::make_stream() { return std::make_unique<CudaStream>(*this); }

Ref<Event> CudaDevice::make_event() { return Ref<Event>(new CudaEvent(*this)); }

std::unique_ptr<Weight> CudaDevice::make_weight(WeightType type, int32_t rows, int32_t columns, InputType input) {
  const PackedWeight layout = packed_weight(type, rows, columns, input);
  auto weight = std::make_unique<Weight>(*this, layout, dense_weight_bytes(layout, padded_rows(layout)));
  note_weight_memory(weight->packed().data, size_t(weight->bytes()));
  return weight;
}

bool CudaDevice::multiplies(WeightType weight, InputType input) const {
  const bool is_f32 = weight.blocks == BlockType::none && weight.dtype == Dtype::f32;
  return input == InputType::f32 || (input == InputType::bf16 && !is_f32);
}

Staging& CudaDevice::staging() {
  if (staging_ == nullptr) staging_ = std::make_unique<Staging>(*this);
  return *staging_;
}

void CudaDevice::make_current() const { cudaSetDevice(context_.index()); }

void CudaDevice::check(cudaError_t status, const char* doing) {
  if (is_sticky(status)) {
    is_done(status);
    check_fault();
  }
  check_cuda(status, doing);
}

bool CudaDevice::is_done(cudaError_t status) {
  if (status == cudaErrorNotReady) return false;
  if (status != cudaSuccess) {
    if (is_sticky(status)) context_.broken();
    Fault fault;
    std::snprintf(fault.message, sizeof fault.message, "%.150s", cudaGetErrorString(status));
    fail(cudaGetErrorName(status), fault);
  }
  return true;
}

void CudaDevice::fail(const char* operation, const Fault& fault) noexcept {
  const std::lock_guard lock(fault_mutex_);
  if (host_fault_.load(std::memory_order_relaxed)) return;
  std::snprintf(fault_message_, sizeof fault_message_, "%s: %.192s", operation, fault.message);
  host_fault_.store(true, std::memory_order_release);
  // For fault_check_kernel, which passes a fault of the host on to the kernels after it.
  __atomic_store_n(fault_slot().record, int32_t(FaultKind::host), __ATOMIC_RELEASE);
}

FaultSlot CudaDevice::fault_slot() const {
  return {reinterpret_cast<int32_t*>(fault_flag_.data()), reinterpret_cast<int32_t*>(fault_words_.data())};
}

bool CudaDevice::faulted() const {
  return host_fault_.load(std::memory_order_acquire) ||
         __atomic_load_n(fault_slot().record, __ATOMIC_ACQUIRE) != int32_t(FaultKind::none);
}

void CudaDevice::check_fault() {
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
