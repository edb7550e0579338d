// Adding and destroying, map and table together.
#include "abi/objects/device_objects.h"

#include <utility>

#include "abi/backend.h"
#include "abi/objects/handles.h"

namespace upbeat {

namespace {

template <typename Owner>
int32_t adopt(std::unordered_map<int32_t, Owner>& owners, HandleKind kind, Owner object) {
  owners.reserve(owners.size() + 1);
  const int32_t handle = Handles::process().add(kind, object.get());
  try {
    owners.emplace(handle, std::move(object));
  } catch (...) {
    Handles::process().remove(handle);
    throw;
  }
  return handle;
}

template <typename Owner>
void drop(std::unordered_map<int32_t, Owner>& owners, int32_t handle) {
  Handles::process().remove(handle);
  owners.erase(handle);
}

template <typename Owner>
void drop_all(std::unordered_map<int32_t, Owner>& owners) {
  for (const auto& [handle, object] : owners) Handles::process().remove(handle);
  owners.clear();
}

}  // namespace

DeviceObjects::DeviceObjects() = default;
DeviceObjects::~DeviceObjects() = default;

int32_t DeviceObjects::add(std::unique_ptr<Stream> stream) {
  return adopt(streams_, HandleKind::stream, std::move(stream));
}
int32_t DeviceObjects::add(Ref<Event> event) { return adopt(events_, HandleKind::event, std::move(event)); }
int32_t DeviceObjects::add(Ref<Graph> graph) { return adopt(graphs_, HandleKind::graph, std::move(graph)); }

int32_t DeviceObjects::add(std::unique_ptr<Weight> weight) {
  const int64_t bytes = weight->bytes();
  const int32_t handle = adopt(weights_, HandleKind::weight, std::move(weight));
  weight_bytes_ += bytes;
  return handle;
}

void DeviceObjects::destroy_stream(int32_t handle) { drop(streams_, handle); }
void DeviceObjects::destroy_event(int32_t handle) { drop(events_, handle); }
void DeviceObjects::destroy_graph(int32_t handle) { drop(graphs_, handle); }

void DeviceObjects::destroy_weight(int32_t handle) {
  weight_bytes_ -= weights_.at(handle)->bytes();
  drop(weights_, handle);
}

void DeviceObjects::destroy_streams() { drop_all(streams_); }

void DeviceObjects::destroy_all() {
  drop_all(streams_);
  drop_all(graphs_);
  drop_all(events_);
  drop_all(weights_);
}

}  // namespace upbeat
