// Recording and waiting.
#include "cuda/streams/event.h"

#include "cuda/device/device.h"
#include "cuda/streams/stream.h"
#include "cuda/streams/wait.h"

namespace upbeat {

CudaEvent::CudaEvent(CudaDevice& device) : Event(device), device_(device) {
  device.make_current();
  device.check(cudaEventCreateWithFlags(&event_, cudaEventDefault), "making an event");
}

CudaEvent::~CudaEvent() { cudaEventDestroy(event_); }

void CudaEvent::record(Stream& stream) {
  device_.make_current();
  device_.check(cudaEventRecord(event_, cuda_stream(stream).cuda()), "recording an event");
  recorded_ = true;
}

bool CudaEvent::passed() {
  if (!recorded_) return true;
  device_.make_current();
  return device_.is_done(cudaEventQuery(event_));
}

bool CudaEvent::wait(int64_t deadline) {
  return wait_until([this] { return passed() || device_.faulted(); }, deadline);
}

void CudaEvent::block(Stream& stream) {
  if (!recorded_) return;
  device_.make_current();
  device_.check(cudaStreamWaitEvent(cuda_stream(stream).cuda(), event_, 0), "waiting for an event");
}

double CudaEvent::microseconds_since(Event& start) {
  float milliseconds = 0;
  device_.make_current();
  device_.check(cudaEventElapsedTime(&milliseconds, static_cast<CudaEvent&>(start).event_, event_), "measuring time");
  return double(milliseconds) * 1000.0;
}

}  // namespace upbeat
