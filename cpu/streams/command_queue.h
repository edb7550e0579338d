// The commands of a stream on their way from the caller's thread, which adds them, to the stream's thread, which runs
// them: a lock-free chain of fixed segments.
//
// In steady state two segments take turns and nothing is allocated; a caller that runs ahead makes the chain longer.
// The stream bounds how far ahead it may get.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "cpu/streams/command.h"

namespace upbeat {

class CommandQueue {
 public:
  CommandQueue() : write_segment_(new Segment), read_segment_(write_segment_) {}
  CommandQueue(const CommandQueue&) = delete;
  CommandQueue& operator=(const CommandQueue&) = delete;

  ~CommandQueue() {
    while (read_segment_ != nullptr) {
      Segment* next = read_segment_->next.load(std::memory_order_relaxed);
      delete read_segment_;
      read_segment_ = next;
    }
    delete spare_.load(std::memory_order_relaxed);
  }

  // Caller's thread: the place of the next command, to be filled and then published by push(). May throw bad_alloc.
  Command& next_place() {
    if (write_index_ == kSegmentCommands) {
      Segment* segment = spare_.exchange(nullptr, std::memory_order_acquire);
      if (segment == nullptr) segment = new Segment;
      segment->next.store(nullptr, std::memory_order_relaxed);
      write_segment_->next.store(segment, std::memory_order_release);
      write_segment_ = segment;
      write_index_ = 0;
    }
    return write_segment_->commands[write_index_];
  }

  void push() {
    ++write_index_;
    pushed_.store(pushed_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // The number of commands pushed so far. Any thread.
  uint64_t pushed() const { return pushed_.load(std::memory_order_acquire); }

  // Stream's thread, only while pushed() is above the number of pops: the oldest command.
  Command& front() {
    if (read_index_ == kSegmentCommands) {
      Segment* used = read_segment_;
      read_segment_ = used->next.load(std::memory_order_acquire);
      read_index_ = 0;
      delete spare_.exchange(used, std::memory_order_acq_rel);
    }
    return read_segment_->commands[read_index_];
  }

  void pop() { ++read_index_; }

 private:
  static constexpr int kSegmentCommands = 512;

  struct Segment {
    std::atomic<Segment*> next{nullptr};
    Command commands[kSegmentCommands];
  };

  // Each side's own fields on its own cache line.
  alignas(64) Segment* write_segment_;
  int write_index_ = 0;
  std::atomic<uint64_t> pushed_{0};
  alignas(64) Segment* read_segment_;
  int read_index_ = 0;
  alignas(64) std::atomic<Segment*> spare_{nullptr};
};

}  // namespace upbeat
