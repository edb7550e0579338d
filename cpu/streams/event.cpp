// Recording and waiting. A new record moves the event; a wait for the old record still waits for the old point.
#include "cpu/streams/event.h"

#include "cpu/device/device.h"
#include "cpu/streams/stream.h"

namespace upbeat {

struct CpuEvent::Record {
  CpuEvent* event;  // one count
  uint64_t number;
};

struct CpuEvent::Block {
  Timeline* timeline;  // one count
  uint64_t point;
};

const Operation CpuEvent::kRecord = {
    .name = "upbeat_event_record",
    .run =
        [](CpuStream&, const void* payload, Fault&) {
          const auto& [event, number] = payload_as<Record>(payload);
          const int64_t now = now_ns();
          const std::lock_guard lock(event->time_mutex_);
          if (number > event->timed_record_) {  // an older record on a slower stream must not win
            event->timed_record_ = number;
            event->time_ns_ = now;
          }
          return true;
        },
    .release = [](void* payload) { payload_as<Record>(payload).event->release(); },
    .wakes = true,
};

const Operation CpuEvent::kBlock = {
    .name = "upbeat_stream_wait_event",
    .run =
        [](CpuStream& stream, const void* payload, Fault&) {
          const auto& [timeline, point] = payload_as<Block>(payload);
          const CpuDevice& device = stream.device();
          timeline->changed().wait(
              [&, timeline = timeline, point = point] { return timeline->passed(point) || device.faulted(); });
          return true;
        },
    .release = [](void* payload) { payload_as<Block>(payload).timeline->release(); },
};

CpuEvent::CpuEvent(CpuDevice& device) : Event(device), device_(device) {}

void CpuEvent::record(Stream& stream) {
  CpuStream& recording = cpu_stream(stream);
  retain();
  Ref<CpuEvent> owner(this);
  recording.enqueue_command(kRecord, Record{this, records_ + 1});
  owner.forget();
  ++records_;
  timeline_ = recording.timeline();
  point_ = recording.enqueued();
}

bool CpuEvent::wait(int64_t deadline) {
  if (!timeline_) return true;
  return timeline_->wait([this] { return timeline_->passed(point_) || device_.faulted(); }, deadline,
                         device_.may_spin());
}

void CpuEvent::block(Stream& stream) {
  CpuStream& waiting = cpu_stream(stream);
  if (passed() || timeline_.get() == waiting.timeline().get()) return;
  Ref<Timeline> owner = timeline_;
  waiting.enqueue_command(kBlock, Block{owner.get(), point_});
  owner.forget();
}

double CpuEvent::microseconds_since(Event& start) {
  return double(time_ns() - static_cast<CpuEvent&>(start).time_ns()) / 1000.0;
}

int64_t CpuEvent::time_ns() {
  const std::lock_guard lock(time_mutex_);
  return time_ns_;
}

}  // namespace upbeat
