// The objects of a device, by handle. Each one is in its map and in the process's table of handles, or in neither.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "abi/objects/ref_counted.h"

namespace upbeat {

class Event;
class Graph;
class Stream;
class Weight;

class DeviceObjects {
 public:
  DeviceObjects();
  ~DeviceObjects();

  // Take an object over and return its handle. Throw ApiError OUT_OF_MEMORY; the object is destroyed then.
  int32_t add(std::unique_ptr<Stream> stream);
  int32_t add(Ref<Event> event);
  int32_t add(Ref<Graph> graph);
  int32_t add(std::unique_ptr<Weight> weight);

  // End a handle of this device and give the object up. A stream waits for its work first.
  void destroy_stream(int32_t handle);
  void destroy_event(int32_t handle);
  void destroy_graph(int32_t handle);
  void destroy_weight(int32_t handle);

  void destroy_streams();
  // Streams first: their work may use anything else.
  void destroy_all();

  // Bytes of all weights, padding included.
  int64_t weight_bytes() const { return weight_bytes_; }

 private:
  std::unordered_map<int32_t, std::unique_ptr<Weight>> weights_;
  std::unordered_map<int32_t, Ref<Event>> events_;
  std::unordered_map<int32_t, Ref<Graph>> graphs_;
  std::unordered_map<int32_t, std::unique_ptr<Stream>> streams_;
  int64_t weight_bytes_ = 0;
};

}  // namespace upbeat
