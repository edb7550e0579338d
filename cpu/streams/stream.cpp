// The stream's thread: take the oldest command, run it, say so.
#include "cpu/streams/stream.h"

#include <cstring>

#include "abi/checks/error.h"
#include "cpu/device/device.h"
#include "cpu/threads/start_thread.h"

namespace upbeat {

namespace {

// Long enough to stay awake while a caller that enqueues op by op prepares the next, or wakes up itself.
constexpr int64_t kIdleSpinNs = 50'000;

}  // namespace

Stream::Stream(Device& device)
    : device_(device), timeline_(new Timeline), idle_spin_ns_(device.may_spin() ? kIdleSpinNs : 0) {
  thread_ = start_thread("upbeat-stream", [this] { work(); });
}

Stream::~Stream() {
  stopping_.store(true);
  filled_.notify();
  thread_.join();
}

Command& Stream::open_slot() {
  if (pending() >= kMostPending) {
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "the stream is %llu commands behind: synchronize with it first",
                static_cast<unsigned long long>(kMostPending));
  }
  return queue_.next_slot();
}

void Stream::publish() {
  queue_.push();
  filled_.notify();
}

Command& Stream::capture_slot(const Operation& operation) {
  if (operation.release != nullptr) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "stream: %s cannot be captured: end the capture first", operation.name);
  }
  return capturing_->add();
}

void Stream::begin_capture() { capturing_ = Ref<Graph>(new Graph(device_)); }

Ref<Graph> Stream::end_capture() { return std::move(capturing_); }

bool Stream::synchronize(int64_t deadline) {
  const uint64_t all = enqueued();
  return timeline_->wait([&] { return timeline_->passed(all) || device_.faulted(); }, deadline, device_.may_spin());
}

std::byte* Stream::bounce(int64_t bytes) {
  if (bytes > bounce_bytes_) {
    bounce_.reset();
    bounce_bytes_ = 0;
    bounce_ = std::make_unique_for_overwrite<std::byte[]>(size_t(bytes));
    bounce_bytes_ = bytes;
  }
  return bounce_.get();
}

void Stream::work() {
  uint64_t known = 0;  // pushed() when last asked: asking takes its cache line from the caller
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

void Stream::run(Command& command) {
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
