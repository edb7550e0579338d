// A stream: an in-order queue of commands and the thread that runs them.
//
// Enqueueing never waits. A caller that gets kMostPending commands ahead is refused (OUT_OF_MEMORY) until the stream
// has caught up: that far ahead something is wrong, and blocking would break the promise that enqueueing returns at
// once.
//
// Streams of one device share its thread pool. Each command that computes holds the pool's lock while it runs, so
// streams interleave at commands; copies, fills and file reads take no lock and overlap with computation.
#pragma once

#include <memory>
#include <thread>

#include "cpu/streams/command_queue.h"
#include "cpu/streams/graph.h"
#include "cpu/streams/timeline.h"

namespace upbeat {

class Device;

class Stream {
 public:
  explicit Stream(Device& device);
  // Waits for all work.
  ~Stream();

  Device& device() const { return device_; }
  const Ref<Timeline>& timeline() const { return timeline_; }

  // The number of commands enqueued so far: the point in the timeline that stands for all of them.
  uint64_t enqueued() const { return queue_.pushed(); }

  // Enqueues, or adds to the graph being captured. On failure the payload still belongs to the caller.
  template <typename Payload>
  void enqueue(const Operation& operation, const Payload& payload) {
    if (capturing_) {
      capture_slot(operation).set(operation, payload);
      return;
    }
    open_slot().set(operation, payload);
    publish();
  }

  bool capturing() const { return bool(capturing_); }
  void begin_capture();
  Ref<Graph> end_capture();

  // Waits for everything enqueued so far, or for a fault of the device. False on timeout.
  bool synchronize(int64_t deadline);

  // How many commands are enqueued and not done.
  uint64_t pending() const { return enqueued() - timeline_->done(); }

  // Stream's thread: memory for file reads, at least `bytes` long; kept for the next one.
  std::byte* bounce(int64_t bytes);

 private:
  static constexpr uint64_t kMostPending = 1 << 16;

  Command& open_slot();
  Command& capture_slot(const Operation& operation);
  void publish();
  void work();
  void run(Command& command);

  Device& device_;
  Ref<Timeline> timeline_;
  CommandQueue queue_;
  Signal filled_;
  std::atomic<bool> stopping_{false};
  Ref<Graph> capturing_;
  std::unique_ptr<std::byte[]> bounce_;
  int64_t bounce_bytes_ = 0;
  int64_t idle_spin_ns_;
  std::thread thread_;
};

}  // namespace upbeat
