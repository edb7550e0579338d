// An event: a point in the timeline of the stream it was last recorded on, and when that point was passed.
#pragma once

#include <cstdint>
#include <mutex>

#include "abi/backend.h"
#include "cpu/streams/command.h"
#include "cpu/streams/timeline.h"

namespace upbeat {

class CpuDevice;

class CpuEvent final : public Event {
 public:
  explicit CpuEvent(CpuDevice& device);

  void record(Stream& stream) override;
  bool recorded() const override { return bool(timeline_); }
  bool passed() override { return !timeline_ || timeline_->passed(point_); }
  bool wait(int64_t deadline) override;
  void block(Stream& stream) override;
  double microseconds_since(Event& start) override;

 private:
  struct Record;
  struct Block;
  static const Operation kRecord;
  static const Operation kBlock;

  // When the latest record was passed, by the steady clock.
  int64_t time_ns();

  CpuDevice& device_;
  // The latest record. Only the caller's thread reads and writes these.
  Ref<Timeline> timeline_;
  uint64_t point_ = 0;
  uint64_t records_ = 0;

  std::mutex time_mutex_;
  uint64_t timed_record_ = 0;
  int64_t time_ns_ = 0;
};

}  // namespace upbeat
