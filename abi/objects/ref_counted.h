// Counted ownership that fits into a command: the count is in the object, a reference is a plain pointer.
#pragma once

#include <atomic>
#include <utility>

namespace upbeat {

// Begins with one owner, its creator.
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void retain() { owners_.fetch_add(1, std::memory_order_relaxed); }
  // For tables that hold no count: false when the last owner has released the object already.
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
  virtual ~RefCounted() = default;

 private:
  std::atomic<int> owners_{1};
};

// Owns one count of a RefCounted object.
template <typename Object>
class Ref {
 public:
  Ref() = default;
  // Takes over a count of the caller's.
  explicit Ref(Object* owned) : object_(owned) {}
  Ref(const Ref& other) : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  // From a reference to a derived class.
  template <typename Derived>
  Ref(Ref<Derived> other) : object_(other.forget()) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }

  // Passes the count on to the caller.
  Object* forget() { return std::exchange(object_, nullptr); }

  Object* get() const { return object_; }
  Object* operator->() const { return object_; }
  Object& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  Object* object_ = nullptr;
};

}  // namespace upbeat
