// The contract of a device library: what abi/ needs to serve the functions of ffi/upbeat.h.
//
// abi/ checks arguments and keeps handles; cpu/ and cuda/ each implement the classes and functions below and nothing
// else of the C ABI. abi/ includes no header of theirs. A library that lacks a member function does not compile (its
// class stays abstract), one that lacks a free function does not link.
//
// Threads: calls for one device come from one thread at a time, the caller's; different devices may be used from
// different threads at once.
//
// Errors: functions throw ApiError (abi/checks/error.h) or std::bad_alloc and have then enqueued nothing. Destructors
// and functions marked noexcept never throw. Work that fails later is a fault of the device: the first one is kept,
// what has not begun is skipped, every wait returns, and check_fault() throws.
//
// Arguments: checked by abi/ before they get here. Addresses lie in allocations of the device, sizes fit, objects
// belong to the same device, and streams that capture get only work that can be captured. A library checks its own
// limits (such as the largest head dimension of its kernels).
//
// Ownership: a device owns its objects and memory (Device::objects(), Device::memory()). Operands stay valid until the
// stream has passed the work that uses them; the caller of the C function answers for that.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "abi/loading/random_weight.h"
#include "abi/loading/row_order.h"
#include "abi/loading/source_file.h"
#include "abi/objects/device_objects.h"
#include "abi/objects/memory.h"
#include "abi/objects/memory_table.h"
#include "abi/objects/ref_counted.h"
#include "abi/objects/weight.h"
#include "abi/types/memory_kind.h"
#include "abi/types/op_arguments.h"

namespace upbeat {

// Captured work. Counted: a launch that has not run yet may keep it alive after it was destroyed.
class Graph : public RefCounted {
 public:
  explicit Graph(Device& device) : device_(device) {}
  Device& device() const { return device_; }

  // Enqueues one run. The same graph may be launched again before it has run.
  virtual void launch(Stream& stream) = 0;

 private:
  Device& device_;
};

// A point in the work of the stream that it was last recorded on. Counted: a record that has not run yet may keep it
// alive.
class Event : public RefCounted {
 public:
  explicit Event(Device& device) : device_(device) {}
  Device& device() const { return device_; }

  // Makes the event stand for all work enqueued on the stream so far. A wait for an earlier record is not affected.
  virtual void record(Stream& stream) = 0;

  // Whether it was ever recorded.
  virtual bool recorded() const = 0;

  // True when the latest record was passed, when there is none, or when the device can do no more work. Never blocks.
  virtual bool passed() = 0;

  // Blocks until passed() or a fault of the device, at most until `deadline` (abi/types/clock.h). False on timeout.
  virtual bool wait(int64_t deadline) = 0;

  // Makes later work of the stream wait until passed().
  virtual void block(Stream& stream) = 0;

  // Time from the latest record of `start` to that of this event. Both are recorded and passed.
  virtual double microseconds_since(Event& start) = 0;

 private:
  Device& device_;
};

// An in-order queue of work. Every enqueue function returns before the work is done, and during a capture adds the work
// to the graph instead. Its destructor waits for all work.
class Stream {
 public:
  explicit Stream(Device& device) : device_(device) {}
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  Device& device() const { return device_; }

  // Ops; each has at least one row.
  virtual void enqueue(const EmbeddingArguments& arguments) = 0;
  virtual void enqueue(const RmsNormArguments& arguments) = 0;
  virtual void enqueue(const LinearArguments& arguments) = 0;
  virtual void enqueue(const RotaryTableArguments& arguments) = 0;
  virtual void enqueue(const RotaryCacheArguments& arguments) = 0;
  virtual void enqueue(const AttentionArguments& arguments) = 0;
  virtual void enqueue(const SiluMultiplyArguments& arguments) = 0;
  virtual void enqueue(const GatherRowsArguments& arguments) = 0;
  virtual void enqueue(const GatherTokensArguments& arguments) = 0;
  virtual void enqueue(const ScatterTokensArguments& arguments) = 0;
  virtual void enqueue(const SampleArguments& arguments) = 0;

  // Copies between disjoint ranges of the kinds that `kind` names; fills with the low 8 bits of `value`. bytes > 0.
  virtual void enqueue_copy(CopyKind kind, void* destination, const void* source, int64_t bytes) = 0;
  virtual void enqueue_fill(void* destination, int32_t value, int64_t bytes) = 0;

  // Reads `count` > 0 elements of `dtype` at byte `offset` of the file and stores them as F32. Not captured.
  virtual void enqueue_memory_load(Ref<SourceFile> file, int64_t offset, Dtype dtype, int64_t count,
                                   float* destination) = 0;

  // Fill rows of a weight, each row once: with rows of the weight's source type, one after the other, at byte `offset`
  // of the file, with those at `source` in pinned host memory (any alignment), with random elements (not of a weight
  // of blocks). Not captured: kernels of a graph may read weights before they wait for earlier work.
  virtual void enqueue_weight_load(Ref<SourceFile> file, int64_t offset, const PackedWeight& weight, RowOrder rows) = 0;
  virtual void enqueue_weight_upload(const void* source, const PackedWeight& weight, RowOrder rows) = 0;
  virtual void enqueue_weight_randomize(const PackedWeight& weight, const RandomWeightArguments& arguments) = 0;

  // Makes the device fault here, for tests of recovery.
  virtual void enqueue_fault() = 0;

  // Between the two, work is captured and not run.
  virtual void begin_capture() = 0;
  virtual Ref<Graph> end_capture() = 0;
  virtual bool capturing() const = 0;

  // Blocks until all work enqueued so far is done or the device faults, at most until `deadline`. False on timeout.
  virtual bool synchronize(int64_t deadline) = 0;

 private:
  Device& device_;
};

// An open device. A library's destructor calls destroy_streams(), then destroy_objects(), before anything else of the
// device goes.
class Device {
 public:
  Device() = default;
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Zeroed memory, 64-byte aligned or better. `what` names it in the message of OUT_OF_MEMORY. bytes > 0.
  virtual Memory allocate(MemoryKind kind, int64_t bytes, const char* what) = 0;

  virtual std::unique_ptr<Stream> make_stream() = 0;
  virtual Ref<Event> make_event() = 0;

  // An empty matrix of rows (outputs) x columns (inputs), all zeros, in the layout of this library's kernels. `input`
  // is what linear rounds its inputs to. Called only where multiplies() is true.
  virtual std::unique_ptr<Weight> make_weight(WeightType type, int32_t rows, int32_t columns, InputType input) = 0;

  // Whether linear has kernels for weights and inputs of these types. Always true of F32 inputs.
  virtual bool multiplies(WeightType weight, InputType input) const = 0;

  // Whether kernels of graphs captured from here on may begin before the kernel before them has ended. Throws
  // UNAVAILABLE where the device cannot do it. May block.
  virtual void use_dependent_launches(bool wanted) = 0;

  // A JSON object about the device (upbeat_device_info).
  virtual std::string info() = 0;

  // Throws FAULT with the cause when the device has faulted.
  virtual void check_fault() = 0;

  DeviceObjects& objects() { return objects_; }
  MemoryTable& memory() { return memory_; }

 protected:
  void destroy_streams() { objects_.destroy_streams(); }
  void destroy_objects() {
    objects_.destroy_all();
    memory_.clear();
  }

 private:
  DeviceObjects objects_;
  MemoryTable memory_;
};

// How many devices the library can open here. Throws UNAVAILABLE, with reason and remedy, instead of returning 0.
int32_t count_devices();

// Opens device `index`, in [0, count_devices()), else throws UNAVAILABLE. threads: 0 for one per usable core. simd: an
// UPBEAT_SIMD_*; UNAVAILABLE when this machine lacks it.
std::unique_ptr<Device> open_device(int32_t index, int32_t threads, int32_t simd);

// Bytes of one key or value cache; each library has a layout of its own (attention/kv_layout.h).
int64_t kv_cache_bytes(Dtype dtype, int32_t blocks, int32_t block_size, int32_t kv_heads, int32_t head_dim);

// Open and close a named range of the calling thread for a profiler. Any thread; ranges nest.
void push_range(const char* name);
void pop_range();

}  // namespace upbeat
