// A GPU, opened: everything that was created on it, and its fault. Owns it all.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "abi/objects/memory_table.h"
#include "cuda/streams/event.h"
#include "cuda/device/fault_record.h"
#include "cuda/streams/graph.h"
#include "cuda/streams/stream.h"
#include "cuda/memory/weight.h"

namespace upbeat {

class Staging;

class Device {
 public:
  // Throws ApiError UNAVAILABLE when the GPU cannot run this library.
  explicit Device(int32_t index);
  // Waits for the streams, then frees everything; its objects' handles end.
  ~Device();

  int multiprocessors() const { return multiprocessors_; }
  // Whether kernels of graphs may begin before the kernel before them has ended.
  bool dependent_launches() const { return dependent_launches_; }
  // Says so for what is captured from here on. Throws ApiError UNAVAILABLE where they cannot be made.
  void use_dependent_launches(bool wanted);
  MemoryTable& memory() { return memory_; }
  int64_t weight_bytes() const { return weight_bytes_; }
  std::string info();

  // Zeroed memory. Throws ApiError OUT_OF_MEMORY.
  Memory make_memory(MemoryKind kind, int64_t bytes, const char* what);
  // The same, in the table.
  std::byte* allocate(MemoryKind kind, int64_t bytes) { return memory_.add(kind, make_memory(kind, bytes, "bytes")); }

  int32_t create_stream();
  int32_t create_event();
  int32_t add_graph(std::unique_ptr<Graph> graph);
  // Whether there are kernels for these weights with inputs taken as this type.
  bool multiplies(Dtype weight, Dtype input) const { return input == Dtype::f32 || (input == Dtype::bf16 && weight != Dtype::f32); }
  int32_t create_weight(Dtype dtype, int32_t rows, int32_t columns, Dtype input);
  void destroy_stream(int32_t handle);
  void destroy_event(int32_t handle);
  void destroy_graph(int32_t handle);
  void destroy_weight(int32_t handle);

  // Where files pass through on their way here; made when first asked for.
  Staging& staging();

  // Makes this the device of the calling thread.
  void make_current() const;

  // Throws unless a runtime call went well. An error that poisons the device is its fault from here on.
  void check(cudaError_t status, const char* doing);
  // For queries: true when the work is done, or never will be.
  bool is_done(cudaError_t status);

  // Any thread: the first fault that the host finds.
  void fail(const char* operation, const Fault& fault) noexcept;
  bool faulted() const;
  // Throws ApiError FAULT with the cause when the device has faulted.
  void check_fault();

  FaultSlot fault_slot() const;

 private:
  // The device's context. When its work broke down, whoever closes it last resets it, so that it can be opened again.
  class Context {
   public:
    explicit Context(int32_t index);
    ~Context();
    void broken() { broken_ = true; }
    int32_t index() const { return index_; }

   private:
    const int32_t index_;
    bool broken_ = false;
  };

  // Of work that is no stream's.
  Launch setup_launch() const;

  Context context_;
  int multiprocessors_ = 0;
  bool dependent_launches_ = false;
  std::string name_;
  std::string compute_capability_;

  cudaStream_t setup_stream_ = nullptr;
  Memory fault_flag_;
  Memory fault_words_;
  std::atomic<bool> host_fault_{false};
  std::mutex fault_mutex_;  // guards the message
  char fault_message_[320] = {0};

  MemoryTable memory_;
  int64_t weight_bytes_ = 0;
  std::unique_ptr<Staging> staging_;
  std::unordered_map<int32_t, std::unique_ptr<Weight>> weights_;
  std::unordered_map<int32_t, std::unique_ptr<Event>> events_;
  std::unordered_map<int32_t, std::unique_ptr<Graph>> graphs_;
  std::unordered_map<int32_t, std::unique_ptr<Stream>> streams_;
};

template <typename Enqueue>
void Stream::enqueue_with(const char* doing, Enqueue&& enqueue) {
  if (device_.faulted()) return;
  device_.make_current();
  after_kernel_ = false;  // it may be a copy
  device_.check(enqueue(launch_context()), doing);
}

}  // namespace upbeat
