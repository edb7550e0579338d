// Recording and waiting. An event that is recorded anew moves on; who waits for the old record waits for the old point.
#include "cpu/streams/event.h"

#include "cpu/device/device.h"
#include "cpu/streams/stream.h"

namespace upbeat {

struct Event::Record {
  Event* event;  // one count
  uint64_t number;
};

struct Event::Hold {
  Timeline* timeline;  // one count
  uint64_t point;
};

const Operation Event::kRecord = {
    .name = "upbeat_event_record",
    .run =
        [](Stream&, const void* payload, Fault&) {
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

const Operation Event::kHold = {
    .name = "upbeat_stream_wait_event",
    .run =
        [](Stream& stream, const void* payload, Fault&) {
          const auto& [timeline, point] = payload_as<Hold>(payload);
          const Device& device = stream.device();
          timeline->changed().wait(
              [&, timeline = timeline, point = point] { return timeline->passed(point) || device.faulted(); });
          return true;
        },
    .release = [](void* payload) { payload_as<Hold>(payload).timeline->release(); },
};

void Event::record(Stream& stream) {
  retain();
  Ref<Event> owner(this);
  stream.enqueue(kRecord, Record{this, records_ + 1});
  owner.forget();
  ++records_;
  timeline_ = stream.timeline();
  point_ = stream.enqueued();
}

bool Event::wait(int64_t deadline) {
  if (!timeline_) return true;
  return timeline_->wait([this] { return timeline_->passed(point_) || device_.faulted(); }, deadline,
                         device_.may_spin());
}

void Event::hold(Stream& stream) {
  if (passed() || timeline_.get() == stream.timeline().get()) return;
  Ref<Timeline> owner = timeline_;
  stream.enqueue(kHold, Hold{owner.get(), point_});
  owner.forget();
}

int64_t Event::time_ns() {
  const std::lock_guard lock(time_mutex_);
  return time_ns_;
}

}  // namespace upbeat
