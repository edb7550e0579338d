// A device: kernels, compute threads, and everything that was created on it. Owns it all.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "abi/objects/memory_table.h"
#include "cpu/streams/event.h"
#include "cpu/streams/graph.h"
#include "cpu/streams/stream.h"
#include "cpu/threads/thread_pool.h"
#include "cpu/memory/weight.h"

namespace upbeat {

class Device {
 public:
  Device(int threads, const KernelSet& kernels);
  // Waits for the streams, then frees everything; its objects' handles end.
  ~Device();

  const KernelSet& kernels() const { return kernels_; }
  ThreadPool& pool() { return pool_; }
  std::mutex& pool_mutex() { return pool_mutex_; }
  // Whether there are cores enough that a spinning thread does not take one from a computing thread.
  bool may_spin() const { return may_spin_; }
  MemoryTable& memory() { return memory_; }
  // Zeroed memory of either kind; throws ApiError OUT_OF_MEMORY.
  std::byte* allocate(MemoryKind kind, int64_t bytes) { return memory_.add(kind, Memory(bytes, "bytes")); }
  int64_t weight_bytes() const { return weight_bytes_; }
  std::string info() const;

  // Commands of a graph follow each other here. Throws ApiError UNAVAILABLE when it is wanted otherwise.
  void use_dependent_launches(bool wanted) const;

  int32_t create_stream();
  int32_t create_event();
  int32_t add_graph(Ref<Graph> graph);
  // Whether there are kernels for these weights with inputs taken as this type.
  bool multiplies(Dtype weight, Dtype input) const {
    return input == Dtype::f32 || (input == Dtype::bf16 && weight == Dtype::bf16 && kernels().rounds_inputs);
  }
  int32_t create_weight(Dtype dtype, int32_t rows, int32_t columns, Dtype input);
  void destroy_stream(int32_t handle);
  void destroy_event(int32_t handle);
  void destroy_graph(int32_t handle);
  void destroy_weight(int32_t handle);

  // Any thread: the first fault. Work that has not begun is skipped from here on, and every waiter wakes.
  void fail(const char* operation, const Fault& fault) noexcept;
  bool faulted() const { return faulted_.load(std::memory_order_acquire); }
  // Throws ApiError FAULT with the cause when the device has faulted.
  void check_fault() const;

 private:
  const KernelSet& kernels_;
  const int cores_;
  ThreadPool pool_;
  std::mutex pool_mutex_;
  const bool may_spin_;

  std::atomic<bool> faulted_{false};
  std::mutex fault_mutex_;  // guards the message until faulted_ is set, and the list below
  char fault_message_[320] = {0};
  std::vector<Ref<Timeline>> timelines_;

  MemoryTable memory_;
  int64_t weight_bytes_ = 0;
  std::unordered_map<int32_t, std::unique_ptr<Weight>> weights_;
  std::unordered_map<int32_t, Ref<Event>> events_;
  std::unordered_map<int32_t, Ref<Graph>> graphs_;
  std::unordered_map<int32_t, std::unique_ptr<Stream>> streams_;
};

}  // namespace upbeat
