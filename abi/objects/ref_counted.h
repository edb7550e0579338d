// Counted ownership that fits into a command: the count is in the object, the reference is a plain pointer.
#pragma once

#include <atomic>
#include <utility>

namespace upbeat {

class Shared {
 public:
  Shared() = default;
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  void retain() { owners_.fetch_add(1, std::memory_order_relaxed); }
  // For tables that hold no count: false when the last owner has gone already.
  bool try_retain() {
    int owners = owners_.load(std::memory_order_relaxed);
    while (owners > 0 && !owners_.compare_exchange_weak(owners, owners + 1, std::memory_order_acquire)) {
    }
    return owners > 0;
  }
  void release() {
    if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 protected:
  virtual ~Shared() = default;

 private:
  std::atomic<int> owners_{1};  // the creator
};

// Owns one count of a Shared object.
template <typename Object>
class Ref {
 public:
  Ref() = default;
  // Takes over the count that the caller has.
  explicit Ref(Object* owned) : object_(owned) {}
  Ref(const Ref& other) : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }

  // Gives the count away.
  Object* forget() { return std::exchange(object_, nullptr); }

  Object* get() const { return object_; }
  Object* operator->() const { return object_; }
  Object& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  Object* object_ = nullptr;
};

}  // namespace upbeat
