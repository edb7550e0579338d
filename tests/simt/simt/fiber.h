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
// Registers that a compiler may use and that a switch does not keep.
#if defined(__AVX512F__)
#define SIMT_WIDE_REGISTERS                                                                                     \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", \
      "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define SIMT_WIDE_REGISTERS
#endif

// Notes in *from where the stack in use is left, and goes on with the stack `to`, at the address on its top. Inline and
// with a jump: a processor guesses where that goes, which it cannot for a return that no call belongs to.
[[gnu::always_inline]] inline void switch_stack(void** from, void* to) {
  asm volatile(
      "subq $128, %%rsp\n"  // what the function around this may keep there
      "pushq %%rbp\n"
      "pushq %%rbx\n"
      "leaq 1f(%%rip), %%rax\n"
      "pushq %%rax\n"
      "movq %%rsp, (%%rdi)\n"
      "movq %%rsi, %%rsp\n"
      "popq %%rax\n"
      "jmpq *%%rax\n"
      "1:\n"
      "popq %%rbx\n"
      "popq %%rbp\n"
      "addq $128, %%rsp\n"
      : "+D"(from), "+S"(to)
      :
      : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc", "xmm0", "xmm1",
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15" SIMT_WIDE_REGISTERS);
}
#undef SIMT_WIDE_REGISTERS
#endif

// A stack, and where on it execution stands. The system thread's own stack is one too: the default-constructed fiber.
class Fiber {
 public:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr size_t kStackBytes = 512 << 10;  // instrumented frames are large
#else
  static constexpr size_t kStackBytes = 128 << 10;
#endif

  // Stacks begin at multiples of a page: without an offset of its own, each fiber's first frames would lie in the same
  // few sets of every cache.
  static constexpr size_t kColours = 61;
  static constexpr size_t kColourBytes = 64 * 9;

  Fiber() = default;
  ~Fiber() {
    if (stack_ != nullptr) munmap(stack_, kStackBytes);
  }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Makes the next switch to this fiber call entry(), which must never return. What ran on it before is forgotten.
  // Fibers that run in turns have different colours.
  void prepare(void (*entry)(), [[maybe_unused]] size_t colour) {
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
    void** top = reinterpret_cast<void**>(stack_ + kStackBytes - colour % kColours * kColourBytes);
    top[-2] = reinterpret_cast<void*>(entry);  // where the switch jumps to, with the stack as a call leaves it
    position_ = top - 2;
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

  // The same, from the fiber that all others go back to.
  void enter(Fiber& other) {
#if defined(__SANITIZE_ADDRESS__)
    came_from = this;
#endif
    switch_to(other);
  }

  // The first thing to do on a fiber that was just entered.
  static void entered() { arrived(nullptr); }

 private:
#if defined(__SANITIZE_ADDRESS__)
  // Whom the latest switch came from: that fiber's stack is told here, to be known when it is gone back to.
  static inline thread_local Fiber* came_from = nullptr;
#endif
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
