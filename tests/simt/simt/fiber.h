// Fibers: stacks between which one system thread switches. Each CUDA thread of the emulator is a fiber.
//
// On x86-64 a switch is a dozen instructions; elsewhere it is swapcontext. AddressSanitizer is notified of every
// switch.
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
// Registers that the compiler may use and that a switch does not preserve.
#if defined(__AVX512F__)
#define SIMT_WIDE_REGISTERS                                                                                     \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", \
      "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define SIMT_WIDE_REGISTERS
#endif

// Saves the current stack position in *from and continues on the stack `to`, at the address on its top. Inlined, with a
// jump: a processor predicts its target, but not that of a return without a call.
[[gnu::always_inline]] inline void switch_stack(void** from, void* to) {
  asm volatile(
      "subq $128, %%rsp\n"  // the red zone of the surrounding function
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

// A stack and the position of execution on it. A default-constructed fiber stands for the system thread's own stack.
class Fiber {
 public:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr size_t kStackBytes = 512 << 10;  // instrumented frames are large
#else
  static constexpr size_t kStackBytes = 128 << 10;
#endif

  // Stacks begin at multiples of a page: without different offsets, the first frames of all fibers would map to the
  // same few sets of every cache.
  static constexpr size_t kColours = 61;
  static constexpr size_t kColourBytes = 64 * 9;

  Fiber() = default;
  ~Fiber() {
    if (stack_ != nullptr) munmap(stack_, kStackBytes);
  }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Makes the next switch to this fiber call entry(), which must never return. What ran on it before is discarded.
  // Fibers that alternate should have different colours.
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

  // Switches from this fiber, which is running, to another; returns when something switches back.
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

  // The same, from the fiber to which all others return.
  void enter(Fiber& other) {
#if defined(__SANITIZE_ADDRESS__)
    came_from = this;
#endif
    switch_to(other);
  }

  // The first call on a fiber that was just entered.
  static void entered() { arrived(nullptr); }

 private:
#if defined(__SANITIZE_ADDRESS__)
  // The fiber of the latest switch; its stack bounds are learnt on arrival, for the switch back.
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
