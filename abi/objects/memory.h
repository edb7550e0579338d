// Memory with an owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace upbeat {

// An allocation, freed with its object by the function of the library that made it.
class Memory {
 public:
  using Free = void (*)(std::byte* data, int64_t bytes);

  Memory() = default;
  Memory(std::byte* data, int64_t bytes, Free free) : data_(data), bytes_(bytes), free_(free) {}
  ~Memory() {
    if (data_ != nullptr) free_(data_, bytes_);
  }
  Memory(Memory&& other) noexcept { swap(other); }
  Memory& operator=(Memory&& other) noexcept {
    swap(other);
    return *this;
  }

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  void swap(Memory& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(free_, other.free_);
  }

  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
  Free free_ = nullptr;
};

}  // namespace upbeat
