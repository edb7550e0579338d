// An event: a point in the timeline of the stream it was last recorded on, and when that point was passed.
#pragma once

#include <cstdint>
#include <mutex>

#include "abi/objects/ref_counted.h"
#include "cpu/streams/command.h"
#include "cpu/streams/timeline.h"

namespace upbeat {

class Device;
class Stream;

class Event : public Shared {
 public:
  explicit Event(Device& device) : device_(device) {}

  Device& device() const { return device_; }
  bool recorded() const { return bool(timeline_); }

  // The event stands for all that is enqueued on the stream now.
  void record(Stream& stream);

  // True when the latest record was passed, or there is none.
  bool passed() const { return !timeline_ || timeline_->passed(point_); }

  // Waits until passed(), or for a fault of the device. False on timeout.
  bool wait(int64_t deadline);

  // Makes the stream wait until passed().
  void hold(Stream& stream);

  // The time between the latest records of two events. Only once both are passed().
  double microseconds_since(Event& start) { return double(time_ns() - start.time_ns()) / 1000.0; }

 private:
  struct Record;
  struct Hold;
  static const Operation kRecord;
  static const Operation kHold;

  // When the latest record was passed, by the steady clock.
  int64_t time_ns();

  Device& device_;
  // The latest record; the caller's thread alone reads and writes these.
  Ref<Timeline> timeline_;
  uint64_t point_ = 0;
  uint64_t records_ = 0;

  std::mutex time_mutex_;
  uint64_t timed_record_ = 0;
  int64_t time_ns_ = 0;
};

}  // namespace upbeat
