// Random sequences of calls of the C ABI: every call returns, nothing crashes, no sanitizer finds anything.
//
// With clang, UPBEAT_FUZZ=ON builds this for libFuzzer. Otherwise fuzz_main.cpp feeds it from a seeded generator.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "ffi/upbeat.h"

namespace {

// Takes values out of the input; zeros after its end.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ >= size_; }
  uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
  uint32_t word() {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value = value << 8 | byte();
    return value;
  }
  int32_t below(int32_t bound) { return int32_t(word() % uint32_t(bound)); }

  // Mostly small and sensible, sometimes extreme.
  int32_t number(int32_t usual) {
    constexpr int32_t kExtreme[] = {0, -1, -2, 1, INT32_MAX, INT32_MIN, INT32_MAX - 1, 1 << 16, 1 << 30, 257};
    const uint8_t kind = byte();
    if (kind < 12) return kExtreme[kind % 10];
    if (kind < 24) return int32_t(word());
    return usual <= 1 ? usual : 1 + below(usual);
  }
  int32_t even(int32_t usual) { return int32_t(uint32_t(number(usual)) * 2); }
  float real() {
    constexpr float kValues[] = {0, 1, -1, 0.5f, 1e-6f, 3e38f, -3e38f, 1e-40f, __builtin_inff(), -__builtin_inff()};
    const uint8_t kind = byte();
    return kind == 0 ? __builtin_nanf("") : kind < 200 ? float(kind) / 64 : kValues[kind % 10];
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

constexpr int kMemories = 8;
constexpr int64_t kBytes = 16384;

// A device and its objects. Memory lives as long as the device: enqueued work may use it.
struct Machine {
  Bytes& in;
  int32_t device, stream, weight, event, graph = 0;
  bool capturing = false;
  int64_t memory[kMemories] = {}, host = 0;

  explicit Machine(Bytes& bytes) : in(bytes) {
    device = upbeat_device_open(0, 1 + in.below(2), in.below(4) == 0 ? UPBEAT_SIMD_PORTABLE : UPBEAT_SIMD_AUTO);
    stream = upbeat_stream_create(device);
    event = upbeat_event_create(device);
    upbeat_host_allocate(device, kBytes, &host);
    for (int64_t& address : memory) upbeat_memory_allocate(device, kBytes, &address);
    weight = upbeat_weight_create(device, in.below(3), 40, 24, 0);
    upbeat_weight_upload(stream, weight, 0, 40, reinterpret_cast<void*>(host));
    upbeat_stream_synchronize(stream, -1);
    fill_host();
  }
  ~Machine() { upbeat_device_close(device); }

  void* pointer() {
    const uint8_t kind = in.byte();
    if (kind < 3) return nullptr;
    if (kind < 5) return reinterpret_cast<void*>(uintptr_t(in.word()) << 32 | in.word());
    if (kind < 7) return reinterpret_cast<void*>(UINTPTR_MAX - in.below(256));
    if (kind < 9) return reinterpret_cast<void*>(host);
    const int64_t address = memory[in.below(kMemories)];
    if (kind < 40) return reinterpret_cast<void*>(address + in.below(int32_t(kBytes) + 32));
    if (kind < 80) return reinterpret_cast<void*>(address + in.below(int32_t(kBytes) / 64) * 64);
    return reinterpret_cast<void*>(address);
  }
  int32_t handle(int32_t usual) {
    const uint8_t kind = in.byte();
    return kind < 4 ? int32_t(in.word()) : kind < 8 ? device : kind < 10 ? weight : usual;
  }

  // Small integers, tokens, starts, parameters: what ops may read as indices. Sometimes extreme.
  void fill_host() {
    auto* words = reinterpret_cast<int32_t*>(host);
    const uint8_t kind = in.byte();
    for (int64_t i = 0; i < kBytes / 4; i++) {
      if (i >= 24) {
        words[i] = words[i % 24];
      } else if (kind % 4 == 0) {
        const float value = in.real();
        std::memcpy(&words[i], &value, 4);
      } else if (kind % 4 == 1) {
        words[i] = int32_t(uint32_t(in.number(8)) - 1);
      } else {
        words[i] = kind % 4 == 2 ? int32_t(i) / 4 : 1;
      }
    }
  }

  void step();
};

void Machine::step() {
  const int32_t s = handle(stream), rows = in.number(6), columns = in.number(24);
  void *a = pointer(), *b = pointer(), *c = pointer(), *d = pointer(), *e = pointer();
  int64_t out = 0;
  double time = 0;
  uint8_t text[64];
  switch (in.byte() % 32) {
    case 0:
    case 1:
    case 2:
      // The host's memory must not change while work reads it.
      if (capturing) return;
      upbeat_stream_synchronize(stream, -1);
      fill_host();
      upbeat_copy_to_device(s, a, reinterpret_cast<void*>(host), in.number(int32_t(kBytes)));
      return;
    case 3:
      upbeat_copy_on_device(s, a, b, in.number(int32_t(kBytes)));
      return;
    case 4:
      upbeat_memory_fill(s, a, in.number(2), in.number(int32_t(kBytes)));
      return;
    case 5:
      upbeat_embedding(s, handle(weight), a, rows, b);
      return;
    case 6:
      upbeat_rms_norm(s, a, b, in.real(), rows, columns, c);
      return;
    case 7:
    case 8:
      upbeat_linear(s, handle(weight), a, in.byte() < 128 ? nullptr : b, in.byte() < 128 ? nullptr : c,
                    rows > 0 && rows < 1000 ? rows * 4 : rows, d);
      return;
    case 9:
      upbeat_rotary_table(s, reinterpret_cast<void*>(host), in.real(), rows, columns, a);
      return;
    case 10:
      upbeat_kv_cache_bytes(handle(device), in.number(2), rows, columns, in.number(4), in.number(64), &out);
      return;
    case 11:
    case 12:
    case 13: {
      const int32_t kv_heads = in.number(2), heads = kv_heads > 0 && kv_heads < 100 ? kv_heads * 2 : in.number(4);
      upbeat_rotary_cache(s, a, b, c, d, nullptr, nullptr, in.real(), rows, heads, kv_heads, in.even(8), e,
                          pointer(), in.byte() % 2 * 2, in.number(16));
      return;
    }
    case 14:
    case 15:
    case 16: {
      const int32_t kv_heads = in.number(2), heads = kv_heads > 0 && kv_heads < 100 ? kv_heads * 2 : in.number(4);
      const int32_t head_dim = in.even(8);
      upbeat_attention(s, a, in.number(200), b, c, in.byte() % 2 * 2, d, in.number(8), e, pointer(), in.number(3), rows,
                       heads, kv_heads, head_dim, in.number(16), in.real(), int32_t(uint32_t(in.number(20)) - 1),
                       pointer());
      return;
    }
    case 17:
      upbeat_silu_multiply(s, a, rows, columns, b);
      return;
    case 18:
      upbeat_gather_rows(s, a, b, in.number(20), rows, columns, c);
      return;
    case 19:
      upbeat_gather_tokens(s, a, b, rows, in.number(100), c);
      return;
    case 20:
      upbeat_scatter_tokens(s, a, b, rows, in.number(100), c);
      return;
    case 21:
    case 22:
    case 23: {
      const bool bias = in.byte() < 128, logprobs = in.byte() < 128;
      void *f = pointer(), *g = pointer(), *h = pointer(), *i = pointer();
      upbeat_sample(s, a, rows, columns, b, c, d, bias ? e : nullptr, bias ? f : nullptr, in.number(4), g,
                    logprobs ? h : nullptr, logprobs ? i : nullptr);
      return;
    }
    case 24:
      upbeat_stream_synchronize(stream, -1);
      if (upbeat_graph_begin(s) == UPBEAT_OK) capturing = true;
      return;
    case 25: {
      const int32_t made = upbeat_graph_end(s);
      if (made > 0) {
        graph = made;
        capturing = false;
      }
      return;
    }
    case 26:
      upbeat_graph_launch(handle(graph), s);
      return;
    case 27:
      upbeat_event_record(handle(event), s);
      upbeat_stream_wait_event(handle(stream), handle(event));
      upbeat_event_query(handle(event));
      upbeat_event_elapsed(handle(event), event, &time);
      return;
    case 28:
      upbeat_weight_randomize(s, handle(weight), rows, columns, in.real(), 1, 2);
      upbeat_weight_create(handle(device), in.number(3), in.number(0), columns, in.number(3));
      return;
    case 29:
      upbeat_device_info(handle(device), text, in.number(64) % 65);
      upbeat_last_error(text, in.number(64) % 65);
      return;
    case 30:
      if (in.byte() < 40) upbeat_stream_inject_fault(s);
      return;
    case 31:
      upbeat_stream_synchronize(s, in.byte() < 128 ? 0 : 1000000);
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes in(data, size);
  Machine machine(in);
  for (int calls = 0; calls < 96 && !in.empty(); calls++) {
    // A faulted device skips everything after the fault.
    if (!machine.capturing && upbeat_stream_synchronize(machine.stream, -1) == UPBEAT_ERROR_FAULT) break;
    machine.step();
  }
  return 0;
}
