// A stream: an in-order queue of commands and the thread that runs them.
//
// Enqueueing never waits. A caller that gets kMostPending commands ahead is refused (OUT_OF_MEMORY) until the stream
// has caught up: that far ahead something is wrong, and blocking would break the promise that enqueueing returns at
// once.
//
// Streams of one device share its thread pool. Each command that computes locks the pool while it runs, so streams
// interleave at commands; copies, fills and file reads take no lock and overlap with computation.
#pragma once

#include <memory>
#include <thread>

#include "abi/backend.h"
#include "cpu/streams/command_queue.h"
#include "cpu/streams/graph.h"
#include "cpu/streams/timeline.h"
#include "cpu/threads/event_count.h"

namespace upbeat {

class CpuDevice;

class CpuStream final : public Stream {
 public:
  explicit CpuStream(CpuDevice& device);
  ~CpuStream() override;

  CpuDevice& device() const { return device_; }
  const Ref<Timeline>& timeline() const { return timeline_; }

  // The number of commands enqueued so far: the point in the timeline that stands for all of them.
  uint64_t enqueued() const { return queue_.pushed(); }

  // Enqueues a command, or adds it to the graph being captured. On failure the payload still belongs to the caller.
  template <typename Payload>
  void enqueue_command(const Operation& operation, const Payload& payload) {
    if (capturing_) {
      captured_place(operation).set(operation, payload);
      return;
    }
    queue_place().set(operation, payload);
    publish();
  }

  void enqueue(const EmbeddingArguments& arguments) override;
  void enqueue(const RmsNormArguments& arguments) override;
  void enqueue(const LinearArguments& arguments) override;
  void enqueue(const RotaryTableArguments& arguments) override;
  void enqueue(const RotaryCacheArguments& arguments) override;
  void enqueue(const AttentionArguments& arguments) override;
  void enqueue(const SiluMultiplyArguments& arguments) override;
  void enqueue(const GatherRowsArguments& arguments) override;
  void enqueue(const GatherTokensArguments& arguments) override;
  void enqueue(const ScatterTokensArguments& arguments) override;
  void enqueue(const SampleArguments& arguments) override;

  void enqueue_copy(CopyKind kind, void* destination, const void* source, int64_t bytes) override;
  void enqueue_fill(void* destination, int32_t value, int64_t bytes) override;
  void enqueue_memory_load(Ref<SourceFile> file, int64_t offset, Dtype dtype, int64_t count,
                           float* destination) override;
  void enqueue_weight_load(Ref<SourceFile> file, int64_t offset, const PackedWeight& weight, RowOrder rows) override;
  void enqueue_weight_upload(const void* source, const PackedWeight& weight, RowOrder rows) override;
  void enqueue_weight_randomize(const PackedWeight& weight, const RandomWeightArguments& arguments) override;
  void enqueue_fault() override;

  void begin_capture() override;
  Ref<Graph> end_capture() override;
  bool capturing() const override { return bool(capturing_); }
  bool synchronize(int64_t deadline) override;

  // Stream's thread: a buffer for file reads, at least `bytes` long; kept for the next one.
  std::byte* bounce_buffer(int64_t bytes);

 private:
  static constexpr uint64_t kMostPending = 1 << 16;

  // How many commands are enqueued and not done.
  uint64_t pending() const { return enqueued() - timeline_->done(); }

  Command& queue_place();
  Command& captured_place(const Operation& operation);
  void publish();
  void work();
  void run(Command& command);

  CpuDevice& device_;
  Ref<Timeline> timeline_;
  CommandQueue queue_;
  EventCount filled_;
  std::atomic<bool> stopping_{false};
  Ref<CpuGraph> capturing_;
  std::unique_ptr<std::byte[]> bounce_;
  int64_t bounce_bytes_ = 0;
  int64_t idle_spin_ns_;
  std::thread thread_;
};

// A stream as what every stream of this library is.
inline CpuStream& cpu_stream(Stream& stream) { return static_cast<CpuStream&>(stream); }

}  // namespace upbeat
