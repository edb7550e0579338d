// The stream's thread: takes the oldest command, runs it, advances the timeline.
#include "cpu/streams/stream.h"

#include <cstring>

#include "abi/checks/error.h"
#include "cpu/device/device.h"
#include "cpu/threads/start_thread.h"

namespace upbeat {

namespace {

// Long enough to stay awake while a caller that enqueues op by op prepares the next one, or wakes up itself.
constexpr int64_t kIdleSpinNs = 50'000;

}  // namespace

CpuStream::CpuStream(CpuDevice& device)
    : Stream(device), device_(device), timeline_(new Timeline), idle_spin_ns_(device.may_spin() ? kIdleSpinNs : 0) {
  device_.add_timeline(timeline_);
  try {
    thread_ = start_thread("upbeat-stream", [this] { work(); });
  } catch (...) {
    device_.remove_timeline(timeline_);
    throw;
  }
}

CpuStream::~CpuStream() {
  stopping_.store(true);
  filled_.notify();
  thread_.join();
  device_.remove_timeline(timeline_);
}

Command& CpuStream::queue_place() {
  if (pending() >= kMostPending) {
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "the stream is %llu commands behind: synchronize with it first",
                static_cast<unsigned long long>(kMostPending));
  }
  return queue_.next_place();
}

void CpuStream::publish() {
  queue_.push();
  filled_.notify();
}

Command& CpuStream::captured_place(const Operation& operation) {
  if (operation.release != nullptr) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "stream: %s cannot be captured: end the capture first", operation.name);
  }
  return capturing_->add();
}

void CpuStream::begin_capture() { capturing_ = Ref<CpuGraph>(new CpuGraph(device_)); }

Ref<Graph> CpuStream::end_capture() { return Ref<Graph>(std::move(capturing_)); }

bool CpuStream::synchronize(int64_t deadline) {
  const uint64_t all = enqueued();
  return timeline_->wait([&] { return timeline_->passed(all) || device_.faulted(); }, deadline, device_.may_spin());
}

std::byte* CpuStream::bounce_buffer(int64_t bytes) {
  if (bytes > bounce_bytes_) {
    bounce_.reset();
    bounce_bytes_ = 0;
    bounce_ = std::make_unique_for_overwrite<std::byte[]>(size_t(bytes));
    bounce_bytes_ = bytes;
  }
  return bounce_.get();
}

void CpuStream::work() {
  uint64_t known = 0;  // the last value of pushed(); reading it anew takes its cache line from the caller
  for (uint64_t done = 0;;) {
    if (known == done) {
      filled_.wait([&] { return (known = queue_.pushed()) != done || stopping_.load(); }, kNoDeadline, idle_spin_ns_);
      if ((known = queue_.pushed()) == done) return;
    }
    Command& command = queue_.front();
    const bool wakes = command.operation->wakes;
    run(command);
    queue_.pop();
    timeline_->advance(++done);
    if (known == done) known = queue_.pushed();
    if (wakes || known == done) timeline_->changed().notify();
  }
}

void CpuStream::run(Command& command) {
  const Operation& operation = *command.operation;
  if (!device_.faulted()) {
    Fault fault;
    bool succeeded = false;
    try {
      succeeded = operation.run(*this, command.payload, fault);
    } catch (const std::exception& error) {
      std::strncpy(fault.message, error.what(), sizeof fault.message - 1);
    }
    if (!succeeded) device_.fail(operation.name, fault);
  }
  if (operation.release != nullptr) operation.release(command.payload);
}

}  // namespace upbeat
