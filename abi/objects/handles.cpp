// The process's table of handles.
#include "abi/objects/handles.h"

#include "abi/checks/error.h"

namespace upbeat {

const char* kind_name(HandleKind kind) {
  constexpr const char* kNames[] = {"nothing", "a device", "a stream", "an event", "a graph", "a weight"};
  return kNames[uint32_t(kind)];
}

Handles& Handles::process() {
  static Handles* handles = new Handles;
  return *handles;
}

int32_t Handles::add(HandleKind kind, void* object) {
  const std::lock_guard lock(mutex_);
  int32_t index;
  if (!free_.empty() && (free_.size() > kReuseAfter || slots_ == 1 << kSlotBits)) {
    index = free_.front();
    free_.pop_front();
  } else {
    if (slots_ == 1 << kSlotBits) {
      throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "%d objects exist already: destroy some", slots_);
    }
    std::atomic<Slot*>& chunk = chunks_[slots_ / kChunk];
    if (chunk.load(std::memory_order_relaxed) == nullptr) chunk.store(new Slot[kChunk], std::memory_order_release);
    index = slots_++;
  }
  Slot& slot = chunks_[index / kChunk].load(std::memory_order_relaxed)[index % kChunk];
  slot.uses = slot.uses % 0x7fff + 1;  // 1 .. 32767: a handle is never 0 and never negative
  const int32_t handle = (slot.uses << kSlotBits) | index;
  slot.object.store(object, std::memory_order_relaxed);
  slot.kind.store(kind, std::memory_order_relaxed);
  slot.handle.store(handle, std::memory_order_release);
  return handle;
}

const Handles::Slot* Handles::slot_of(int32_t handle) const {
  if (handle <= 0) return nullptr;
  const int32_t index = handle & ((1 << kSlotBits) - 1);
  const Slot* chunk = chunks_[index / kChunk].load(std::memory_order_acquire);
  if (chunk == nullptr) return nullptr;
  const Slot& slot = chunk[index % kChunk];
  return slot.handle.load(std::memory_order_acquire) == handle ? &slot : nullptr;
}

void* Handles::find(HandleKind kind, int32_t handle) const {
  const Slot* slot = slot_of(handle);
  if (slot == nullptr || slot->kind.load(std::memory_order_relaxed) != kind) return nullptr;
  return slot->object.load(std::memory_order_relaxed);
}

HandleKind Handles::kind_of(int32_t handle) const {
  const Slot* slot = slot_of(handle);
  return slot == nullptr ? HandleKind::none : slot->kind.load(std::memory_order_relaxed);
}

void Handles::remove(int32_t handle) {
  const std::lock_guard lock(mutex_);
  release(handle);
}

void* Handles::take(HandleKind kind, int32_t handle) {
  const std::lock_guard lock(mutex_);
  void* object = find(kind, handle);
  if (object != nullptr) release(handle);
  return object;
}

void Handles::release(int32_t handle) {
  const int32_t index = handle & ((1 << kSlotBits) - 1);
  Slot& slot = chunks_[index / kChunk].load(std::memory_order_relaxed)[index % kChunk];
  free_.push_back(index);
  slot.handle.store(0, std::memory_order_release);
  slot.kind.store(HandleKind::none, std::memory_order_relaxed);
  slot.object.store(nullptr, std::memory_order_relaxed);
}

}  // namespace upbeat
