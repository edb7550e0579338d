// One block of a grid: its threads as fibers, in lock step where CUDA says so.
//
// A system thread runs one block at a time. Every CUDA thread runs until it waits: at a barrier for the whole block, or
// at a warp's collective for the lanes of its mask. A warp continues as long as any of its lanes can, because its
// stacks are in the cache then. Lanes and warps run in ascending order in one round and in descending order in the
// next, so that code that relies on an order that CUDA does not guarantee is likely to fail.
//
// Detected here: barriers that not all threads of the block reach, or reach at different places; collectives that some
// lane of the mask never reaches, or reaches as another operation; other deadlocks; threads that exit without having
// waited for the kernels before theirs.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "fiber.h"
#include "report.h"

namespace simt {

using Place = std::source_location;

struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};

struct Size3 {
  unsigned x = 1, y = 1, z = 1;
  Size3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  int64_t count() const { return int64_t(x) * y * z; }
};

inline constexpr int kWarp = 32;
inline constexpr int kMostThreads = 1024;
inline constexpr size_t kLaneBytes = 64;  // most bytes that a lane passes to a collective, or receives

// An operation that lanes of a warp perform together.
struct Collective {
  const char* what = nullptr;
  Place place;
  uint32_t mask = 0;     // 0: unused
  uint32_t arrived = 0;  // lanes that wait
  alignas(16) std::byte in[kWarp][kLaneBytes];
  alignas(16) std::byte out[kWarp][kLaneBytes];
};

struct SharedRange;

// An asynchronous copy that its thread has not waited for yet.
struct PendingCopy {
  SharedRange* range;
  int64_t offset;
  std::array<std::byte, 16> bytes;
  int group;
};

struct Warp;

struct Thread {
  Fiber fiber;
  int id = 0;
  Index3 index;
  Warp* own_warp = nullptr;
  bool has_waited = true;  // for earlier kernels, where it must
  std::vector<PendingCopy> copies;
  int copy_groups = 0;

  int warp() const { return id / kWarp; }
  int lane() const { return id % kWarp; }
  uint32_t bit() const { return 1u << lane(); }
};

struct Warp {
  uint32_t lanes = 0;  // those that exist
  uint32_t ready = 0;  // those that can go on
  uint32_t epoch = 0;  // full __syncwarp()s passed
  std::array<Collective, 4> collectives;
};

class Block;

// A kernel and its launch.
struct KernelRun {
  const char* name;
  const std::function<void()>& body;
  Size3 grid, block;
  size_t dynamic_bytes;
  bool must_wait;  // it may be a dependent launch: until a thread has waited it may read weights, and nothing else
};

// The block that this system thread runs. Read at every access, so it is a plain pointer.
inline thread_local constinit Block* running_block = nullptr;

class Block {
 public:
  // The block that this system thread runs.
  static Block& current() { return *running_block; }

  // The object with which this thread runs all its blocks.
  static Block& of_this_thread() {
    static thread_local const std::unique_ptr<Block> block = std::make_unique<Block>();
    return *(running_block = block.get());
  }

  Size3 grid_size, block_size;
  Index3 block_index;

  Thread& thread() { return *running_; }
  Warp& warp() { return *running_->own_warp; }
  // Counts barriers; never decreases, not even between blocks.
  uint32_t epoch() const { return epoch_; }
  uint32_t first_epoch() const { return first_epoch_; }

  // Dynamic shared memory of the block.
  std::byte* dynamic_shared() { return dynamic_.data(); }
  size_t dynamic_bytes() const { return dynamic_bytes_; }

  // Runs one block to its end. False when something was found wrong.
  bool run(const KernelRun& kernel, Index3 index) {
    kernel_ = kernel.name;
    body_ = &kernel.body;
    must_wait_ = kernel.must_wait;
    grid_size = kernel.grid;
    block_size = kernel.block;
    block_index = index;
    dynamic_bytes_ = kernel.dynamic_bytes;
    if (dynamic_.size() < dynamic_bytes_) dynamic_.resize(dynamic_bytes_);
    std::fill_n(dynamic_.begin(), dynamic_bytes_, std::byte{0xcb});
    count_ = int(block_size.count());
    failed_ = false;
    first_epoch_ = ++epoch_;
    start_threads();
    schedule();
    return !failed_;
  }

  // ---- Called by CUDA threads

  // Ends the kernel with a finding. Does not return.
  [[noreturn]] void fail(Text what) {
    add_place(what);
    Findings::process().add(what);
    failed_ = true;
    for (;;) leave();
  }

  // __syncthreads(), with the logical or over all threads.
  bool barrier(bool value, const Place& place) {
    if (at_barrier_ == 0) {
      barrier_place_ = place;
      barrier_or_ = false;
    } else if (!same(barrier_place_, place)) {
      fail(format("divergent barrier: some threads wait at %s:%u and this one at %s:%u", file_of(barrier_place_),
                  barrier_place_.line(), file_of(place), place.line()));
    }
    barrier_or_ |= value;
    if (++at_barrier_ == count_) {
      at_barrier_ = 0;
      ++epoch_;
      barrier_result_ = barrier_or_;
      for (Warp& other : warps_) other.ready = other.lanes;
      warp().ready &= ~running_->bit();
      return barrier_result_;
    }
    leave();
    return barrier_result_;  // still of this barrier: the next one needs this thread
  }

  // An operation of all lanes of the mask. complete(group) runs when the last lane has arrived.
  template <typename Out, typename In, typename Complete>
  Out collective(uint32_t mask, const char* what, const Place& place, const In& in, Complete&& complete) {
    static_assert(sizeof(In) <= kLaneBytes && sizeof(Out) <= kLaneBytes);
    Warp& own = warp();
    const int lane = running_->lane();
    if ((mask >> lane & 1) == 0)
      fail(format("%s at %s:%u: the mask %08x lacks the calling lane %d", what, file_of(place), place.line(), mask,
                  lane));
    if ((mask & ~own.lanes) != 0)
      fail(
          format("%s at %s:%u: the mask %08x names lanes that do not exist", what, file_of(place), place.line(), mask));
    Collective& group = find(own, mask, what, place);
    if (!same(group.what, what) || !same(group.place, place)) {
      fail(format("divergent warp: some lanes are at %s (%s:%u) and this one at %s (%s:%u)", group.what,
                  file_of(group.place), group.place.line(), what, file_of(place), place.line()));
    }
    std::memcpy(group.in[lane], &in, sizeof(In));
    group.arrived |= 1u << lane;
    if (group.arrived == group.mask) {
      complete(group);
      own.ready |= group.mask & ~running_->bit();
      group.mask = 0;
    } else {
      leave();
    }
    // This lane's slot is not written before the lane itself reaches another collective.
    Out out;
    std::memcpy(&out, group.out[lane], sizeof(Out));
    return out;
  }

  static const char* file_of(const Place& place) {
    const char* name = std::strrchr(place.file_name(), '/');
    return name != nullptr ? name + 1 : place.file_name();
  }

 private:
  // Nearly always the same pointer.
  static bool same(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }
  static bool same(const Place& a, const Place& b) {
    return a.line() == b.line() && a.column() == b.column() && same(a.file_name(), b.file_name());
  }

  // Adds as in " (kernel k, block (0, 0, 0), thread (5, 0, 0))".
  void add_place(Text& text) const {
    const Index3& b = block_index;
    text.add(" (kernel %s, block (%u, %u, %u)", kernel_, b.x, b.y, b.z);
    if (running_ != nullptr) {
      const Index3& t = running_->index;
      text.add(", thread (%u, %u, %u)", t.x, t.y, t.z);
    }
    text.add(")");
  }

  void start_threads() {
    warps_.resize(size_t((count_ + kWarp - 1) / kWarp));
    for (size_t i = 0; i < warps_.size(); i++) {
      const int lanes = std::min(kWarp, count_ - int(i) * kWarp);
      warps_[i].lanes = lanes == kWarp ? ~0u : (1u << lanes) - 1;
      warps_[i].ready = warps_[i].lanes;
      warps_[i].epoch = 0;
      for (Collective& collective : warps_[i].collectives) collective.mask = 0;
    }
    for (int i = 0; i < count_; i++) {
      Thread& thread = threads_[size_t(i)];
      thread.id = i;
      thread.index = {unsigned(i) % block_size.x, unsigned(i) / block_size.x % block_size.y,
                      unsigned(i) / (block_size.x * block_size.y)};
      thread.own_warp = &warps_[size_t(thread.warp())];
      thread.has_waited = !must_wait_;
      thread.copies.clear();
      thread.copy_groups = 0;
      thread.fiber.prepare(enter, size_t(i));
    }
    at_barrier_ = 0;
    live_ = count_;
  }

  void schedule() {
    bool rising = true;
    while (live_ > 0 && !failed_) {
      bool any = false;
      for (size_t i = 0; i < warps_.size() && !failed_; i++) {
        const size_t at = rising ? i : warps_.size() - 1 - i;
        if (warps_[at].ready == 0) continue;
        any = true;
        run_warp(at, rising);
      }
      rising = !rising;
      if (!any && !failed_) report_deadlock();
    }
    running_ = nullptr;
  }

  // Runs a warp until all its lanes wait.
  void run_warp(size_t at, bool rising) {
    Warp& warp = warps_[at];
    Thread* first = &threads_[at * kWarp];
    while (warp.ready != 0) {
      for (uint32_t round = warp.ready; round != 0;) {
        const int lane = rising ? std::countr_zero(round) : 31 - std::countl_zero(round);
        round &= ~(1u << lane);
        warp.ready &= ~(1u << lane);
        running_ = first + lane;
        own_.enter(running_->fiber);
        if (failed_) return;
      }
      rising = !rising;
    }
  }

  void report_deadlock() {
    failed_ = true;
    running_ = nullptr;
    Text text = format("divergent barrier: %d of %d threads wait at %s:%u, the others have left the kernel",
                       at_barrier_, count_, file_of(barrier_place_), barrier_place_.line());
    for (size_t i = 0; i < warps_.size() && running_ == nullptr; i++) {
      for (const Collective& group : warps_[i].collectives) {
        if (group.mask == 0) continue;
        running_ = &threads_[i * kWarp + size_t(std::countr_zero(group.arrived))];
        text = format("divergent warp: %s at %s:%u waits for lanes %08x, which never come", group.what,
                      file_of(group.place), group.place.line(), group.mask & ~group.arrived);
        break;
      }
    }
    add_place(text);
    Findings::process().add(text);
  }

  static void enter() {
    Fiber::entered();
    Block& block = current();
    (*block.body_)();
    if (!block.thread().has_waited) {
      block.fail(
          format("no wait: a thread leaves a kernel that may be a dependent launch without having waited for the "
                 "kernels before it"));
    }
    --block.live_;
    for (;;) block.leave();
  }

  void leave() {
    Thread& left = *running_;
    left.fiber.switch_to(own_);
    running_ = &left;
  }

  Collective& find(Warp& own, uint32_t mask, const char* what, const Place& place) {
    Collective* unused = nullptr;
    for (Collective& group : own.collectives) {
      if (group.mask == mask) return group;
      if (group.mask == 0) {
        if (unused == nullptr) unused = &group;
      } else if ((group.mask & mask) != 0) {
        fail(format("divergent warp: some lanes are at %s with mask %08x, this one at %s (%s:%u) with mask %08x",
                    group.what, group.mask, what, file_of(place), place.line(), mask));
      }
    }
    if (unused == nullptr) fail(format("the emulator follows at most four parts of a warp"));
    unused->mask = mask;
    unused->arrived = 0;
    unused->what = what;
    unused->place = place;
    return *unused;
  }

  Fiber own_;
  const char* kernel_ = "";
  const std::function<void()>* body_ = nullptr;
  bool must_wait_ = false;
  std::vector<Thread> threads_ = std::vector<Thread>(kMostThreads);
  std::vector<Warp> warps_;
  Thread* running_ = nullptr;
  int count_ = 0;
  int live_ = 0;
  bool failed_ = false;
  uint32_t epoch_ = 0;
  uint32_t first_epoch_ = 0;
  int at_barrier_ = 0;
  Place barrier_place_;
  bool barrier_or_ = false;
  bool barrier_result_ = false;
  std::vector<std::byte> dynamic_;
  size_t dynamic_bytes_ = 0;
};

}  // namespace simt
