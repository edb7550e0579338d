// What a device owns, and its fault.
#include "cpu/device/device.h"

#include <algorithm>
#include <cstdio>

#include "abi/checks/error.h"
#include "abi/objects/handles.h"
#include "abi/objects/owners.h"
#include "cpu/machine/machine.h"

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

Device::Device(int threads, const KernelSet& kernels)
    : kernels_(kernels),
      cores_(usable_cores()),
      pool_(threads > 0 ? threads : cores_),
      may_spin_(pool_.size() <= cores_) {}

Device::~Device() {
  drop_all(streams_);  // waits for their work, which may use anything below
  drop_all(graphs_);
  drop_all(events_);
  drop_all(weights_);
}

std::string Device::info() const {
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

void Device::use_dependent_launches(bool wanted) const {
  if (!wanted) return;
  throw_error(UPBEAT_ERROR_UNAVAILABLE,
              "dependent launches are the CUDA library's: this one runs one op after the other");
}

int32_t Device::create_stream() {
  auto stream = std::make_unique<Stream>(*this);
  const Ref<Timeline> timeline = stream->timeline();
  {
    const std::lock_guard lock(fault_mutex_);
    timelines_.push_back(timeline);
  }
  try {
    return adopt(streams_, HandleKind::stream, std::move(stream));
  } catch (...) {
    const std::lock_guard lock(fault_mutex_);
    timelines_.pop_back();
    throw;
  }
}

int32_t Device::create_event() { return adopt(events_, HandleKind::event, Ref<Event>(new Event(*this))); }

int32_t Device::add_graph(Ref<Graph> graph) { return adopt(graphs_, HandleKind::graph, std::move(graph)); }

int32_t Device::create_weight(Dtype dtype, int32_t rows, int32_t columns, Dtype input) {
  auto weight = std::make_unique<Weight>(*this, dtype, rows, columns, input);
  const int64_t bytes = weight->bytes();
  const int32_t handle = adopt(weights_, HandleKind::weight, std::move(weight));
  weight_bytes_ += bytes;
  return handle;
}

void Device::destroy_stream(int32_t handle) {
  const auto at = streams_.find(handle);
  Handles::process().remove(handle);
  const Ref<Timeline> timeline = at->second->timeline();
  streams_.erase(at);
  const std::lock_guard lock(fault_mutex_);
  std::erase_if(timelines_, [&](const Ref<Timeline>& other) { return other.get() == timeline.get(); });
}

void Device::destroy_event(int32_t handle) { drop(events_, handle); }

void Device::destroy_graph(int32_t handle) { drop(graphs_, handle); }

void Device::destroy_weight(int32_t handle) {
  Handles::process().remove(handle);
  const auto at = weights_.find(handle);
  weight_bytes_ -= at->second->bytes();
  weights_.erase(at);
}

void Device::fail(const char* operation, const Fault& fault) noexcept {
  const std::lock_guard lock(fault_mutex_);
  if (faulted_.load(std::memory_order_relaxed)) return;
  std::snprintf(fault_message_, sizeof fault_message_, "%s: %.192s", operation, fault.message);
  faulted_.store(true, std::memory_order_seq_cst);
  for (const Ref<Timeline>& timeline : timelines_) timeline->changed().notify();
}

void Device::check_fault() const {
  if (faulted()) throw_error(UPBEAT_ERROR_FAULT, "the device has faulted: %s", fault_message_);
}

}  // namespace upbeat
