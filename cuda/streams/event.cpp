// Recording and waiting.
#include "cuda/streams/event.h"

#include "cuda/device/device.h"
#include "cuda/streams/wait.h"

namespace upbeat {

Event::Event(Device& device) : device_(device) {
  device.make_current();
  device.check(cudaEventCreateWithFlags(&event_, cudaEventDefault), "making an event");
}

Event::~Event() { cudaEventDestroy(event_); }

void Event::record(Stream& stream) {
  device_.make_current();
  device_.check(cudaEventRecord(event_, stream.cuda()), "recording an event");
  recorded_ = true;
}

bool Event::passed() {
  if (!recorded_) return true;
  device_.make_current();
  return device_.is_done(cudaEventQuery(event_));
}

bool Event::wait(int64_t deadline) {
  return wait_until([this] { return passed() || device_.faulted(); }, deadline);
}

void Event::hold(Stream& stream) {
  if (!recorded_) return;
  device_.make_current();
  device_.check(cudaStreamWaitEvent(stream.cuda(), event_, 0), "waiting for an event");
}

double Event::microseconds_since(Event& start) {
  float milliseconds = 0;
  device_.check(cudaEventElapsedTime(&milliseconds, start.event_, event_), "measuring time");
  return double(milliseconds) * 1000.0;
}

}  // namespace upbeat
