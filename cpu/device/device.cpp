// Objects of the device, its description, its fault.
#include "cpu/device/device.h"

#include <algorithm>
#include <cstdio>

#include "abi/checks/error.h"
#include "cpu/kernels/linear/weight_layout.h"
#include "cpu/kernels/quantized/block_layout.h"
#include "cpu/machine/machine.h"
#include "cpu/memory/allocate.h"
#include "cpu/streams/event.h"
#include "cpu/streams/stream.h"

namespace upbeat {

namespace {

void append_escaped(std::string& json, const std::string& text) {
  for (const char character : text) {
    if (character == '"' || character == '\\') {
      json += '\\';
      json += character;
    } else if (static_cast<unsigned char>(character) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", unsigned(character));
      json += escape;
    } else {
      json += character;
    }
  }
}

}  // namespace

CpuDevice::CpuDevice(int threads, const KernelSet& kernels)
    : kernels_(kernels),
      cores_(usable_cores()),
      pool_(threads > 0 ? threads : cores_),
      may_spin_(pool_.size() <= cores_) {}

CpuDevice::~CpuDevice() {
  destroy_streams();
  destroy_objects();
}

Memory CpuDevice::allocate(MemoryKind, int64_t bytes, const char* what) { return allocate_memory(bytes, what); }

std::unique_ptr<Stream> CpuDevice::make_stream() { return std::make_unique<CpuStream>(*this); }

Ref<Event> CpuDevice::make_event() { return Ref<Event>(new CpuEvent(*this)); }

std::unique_ptr<Weight> CpuDevice::make_weight(WeightType type, int32_t rows, int32_t columns, InputType input) {
  const PackedWeight layout = kernels_.packed_weight(type, rows, columns, input);
  const bool has_blocks = type.blocks != BlockType::none;
  const int64_t bytes = has_blocks ? int64_t(panel_count(layout)) * int64_t(block_panel_bytes(layout))
                                   : dense_weight_bytes(layout, padded_rows(layout));
  return std::make_unique<Weight>(*this, layout, bytes);
}

bool CpuDevice::multiplies(WeightType weight, InputType input) const {
  const bool has_blocks = weight.blocks != BlockType::none;
  if (input == InputType::i8) return has_blocks;
  return input == InputType::f32 || (!has_blocks && weight.dtype == Dtype::bf16 && kernels_.rounds_inputs);
}

std::string CpuDevice::info() {
  const MemoryAmount machine = machine_memory();
  std::string json = R"({"library":"cpu","name":")";
  append_escaped(json, processor_name());
  json += R"(","memoryTotal":)" + std::to_string(machine.total);
  json += R"(,"memoryFree":)" + std::to_string(machine.free);
  json += R"(,"cores":)" + std::to_string(cores_);
  json += R"(,"threads":)" + std::to_string(pool_.size());
  json += R"(,"instructionSet":")";
  append_escaped(json, kernels_.name);
  return json + "\"}";
}

void CpuDevice::use_dependent_launches(bool wanted) {
  if (!wanted) return;
  throw_error(UPBEAT_ERROR_UNAVAILABLE,
              "dependent launches are the CUDA library's: this one runs one op after the other");
}

void CpuDevice::add_timeline(const Ref<Timeline>& timeline) {
  const std::lock_guard lock(fault_mutex_);
  timelines_.push_back(timeline);
}

void CpuDevice::remove_timeline(const Ref<Timeline>& timeline) {
  const std::lock_guard lock(fault_mutex_);
  std::erase_if(timelines_, [&](const Ref<Timeline>& other) { return other.get() == timeline.get(); });
}

void CpuDevice::fail(const char* operation, const Fault& fault) noexcept {
  const std::lock_guard lock(fault_mutex_);
  if (faulted_.load(std::memory_order_relaxed)) return;
  std::snprintf(fault_message_, sizeof fault_message_, "%s: %.192s", operation, fault.message);
  faulted_.store(true, std::memory_order_seq_cst);
  for (const Ref<Timeline>& timeline : timelines_) timeline->changed().notify();
}

void CpuDevice::check_fault() {
  if (faulted()) throw_error(UPBEAT_ERROR_FAULT, "the device has faulted: %s", fault_message_);
}

}  // namespace upbeat
