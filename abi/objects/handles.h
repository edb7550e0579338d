// Handles: the small positive integers that represent the library's objects at the ABI.
//
// A handle is a slot number and a generation, the number of times the slot has been used. Freed slots queue up and are
// reused last, with the next generation, so a stale handle, or one of another kind, is refused. Lookup takes no lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>

namespace upbeat {

enum class HandleKind : uint32_t { none, device, stream, event, graph, weight };

const char* kind_name(HandleKind kind);

class Handles {
 public:
  // The process's table. Never destroyed: calls may still come while the process exits.
  static Handles& process();

  Handles() = default;
  ~Handles() {
    for (std::atomic<Slot*>& chunk : chunks_) delete[] chunk.load();
  }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;

  // Throws ApiError OUT_OF_MEMORY when 65536 objects exist.
  int32_t add(HandleKind kind, void* object);

  // The object, or null when the handle is stale or of another kind.
  void* find(HandleKind kind, int32_t handle) const;

  // The kind of object that the handle stands for now.
  HandleKind kind_of(int32_t handle) const;

  void remove(int32_t handle);

  // Removes a handle and returns its object; null when it is stale or of another kind. Of several threads one succeeds.
  void* take(HandleKind kind, int32_t handle);

 private:
  static constexpr int kSlotBits = 16;
  static constexpr int kChunk = 256;
  static constexpr int kReuseAfter = 1024;  // freed slots that wait before the first of them is reused

  struct Slot {
    std::atomic<int32_t> handle{0};  // 0: free. Set last and cleared first, so a match means the rest is valid.
    std::atomic<HandleKind> kind{HandleKind::none};
    std::atomic<void*> object{nullptr};
    int32_t uses = 0;
  };

  const Slot* slot_of(int32_t handle) const;
  void release(int32_t handle);

  std::mutex mutex_;
  std::atomic<Slot*> chunks_[(1 << kSlotBits) / kChunk] = {};
  int32_t slots_ = 0;
  std::deque<int32_t> free_;
};

}  // namespace upbeat
