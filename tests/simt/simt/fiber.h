// Fibers: stacks that one system thread switches between. A CUDA thread of the emulator is one.
//
// On x86-64 a switch is a dozen instructions; elsewhere it is swapcontext. AddressSanitizer is told of every switch.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace simt {

#if defined(__x86_64__)
// Keeps the registers that calls must preserve on the stack in use, notes that stack in *from and goes on with `to`.
[[gnu::naked, gnu::noinline]] inline void switch_stack(void** /*from*/, void* /*to*/) {
  asm("pushq %rbp\n"
      "pushq %rbx\n"
      "pushq %r12\n"
      "pushq %r13\n"
      "pushq %r14\n"
      "pushq %r15\n"
      "movq %rsp, (%rdi)\n"
      "movq %rsi, %rsp\n"
      "popq %r15\n"
      "popq %r14\n"
      "popq %r13\n"
      "popq %r12\n"
      "popq %rbx\n"
      "popq %rbp\n"
      "ret");
}
#endif

// A stack, and where on it execution stands. The system thread's own stack is one too: the default-constructed fiber.
class Fiber {
 public:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr size_t kStackBytes = 512 << 10;  // instrumented frames are large
#else
  static constexpr size_t kStackBytes = 128 << 10;
#endif

  Fiber() = default;
  ~Fiber() {
    if (stack_ != nullptr) munmap(stack_, kStackBytes);
  }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Makes the next switch to this fiber call entry(), which must never return. What ran on it before is forgotten.
  void prepare(void (*entry)()) {
    if (stack_ == nullptr) {
      void* map =
          mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (map == MAP_FAILED) std::abort();  // a test machine without memory for stacks
      stack_ = static_cast<std::byte*>(map);
      mprotect(stack_, 4096, PROT_NONE);  // an overflow ends here, not in another thread's stack
    }
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(stack_ + 4096, kStackBytes - 4096);
    fake_stack_ = nullptr;
    bottom_ = stack_;
    size_ = kStackBytes;
#endif
#if defined(__x86_64__)
    void** top = reinterpret_cast<void**>(stack_ + kStackBytes);
    top[-2] = reinterpret_cast<void*>(entry);  // what the switch returns to, with the stack as a call leaves it
    for (int i = 3; i <= 8; i++) top[-i] = nullptr;
    position_ = top - 8;
#else
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack_;
    context_.uc_stack.ss_size = kStackBytes;
    context_.uc_link = nullptr;
    makecontext(&context_, entry, 0);
#endif
  }

  // Leaves this fiber, which is the one running, for another; returns when somebody switches back.
  void switch_to(Fiber& other) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_stack_, other.bottom_, other.size_);
#endif
#if defined(__x86_64__)
    switch_stack(&position_, other.position_);
#else
    swapcontext(&context_, &other.context_);
#endif
    arrived(this);
  }

  // The first thing to do on a fiber that was just entered.
  static void entered() { arrived(nullptr); }

  // Whom the latest switch came from: that fiber's stack is told here, to be known when it is gone back to.
  static inline thread_local Fiber* came_from = nullptr;

 private:
  static void arrived([[maybe_unused]] Fiber* here) {
#if defined(__SANITIZE_ADDRESS__)
    const void* bottom = nullptr;
    size_t size = 0;
    __sanitizer_finish_switch_fiber(here != nullptr ? here->fake_stack_ : nullptr, &bottom, &size);
    if (came_from != nullptr && came_from->bottom_ == nullptr) {
      came_from->bottom_ = bottom;
      came_from->size_ = size;
    }
#endif
  }

  std::byte* stack_ = nullptr;
#if defined(__x86_64__)
  void* position_ = nullptr;
#else
  ucontext_t context_ = {};
#endif
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;
  size_t size_ = 0;
#endif
};

}  // namespace simt
