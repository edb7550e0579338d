// An event: a point of the stream that it was last recorded on.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace upbeat {

class Device;
class Stream;

class Event {
 public:
  explicit Event(Device& device);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  Device& device() const { return device_; }
  bool recorded() const { return recorded_; }

  // The event stands for all that is enqueued on the stream now.
  void record(Stream& stream);

  // True when the latest record was passed, or there is none, or the device has broken down.
  bool passed();

  // Waits until passed(), or for a fault of the device. False on timeout.
  bool wait(int64_t deadline);

  // Makes the stream wait until passed().
  void hold(Stream& stream);

  // The time between the latest records of two events. Only once both are passed().
  double microseconds_since(Event& start);

 private:
  Device& device_;
  cudaEvent_t event_ = nullptr;
  bool recorded_ = false;
};

}  // namespace upbeat
