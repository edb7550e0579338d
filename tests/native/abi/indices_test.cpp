// Indices that only the data has, and pointers from anywhere: a sticky fault or an error that names them, no crash.
#include <csignal>
#include <cstring>

#include "tests/native/support/device.h"

namespace {

constexpr int32_t kInvalid = UPBEAT_ERROR_INVALID_ARGUMENT;
constexpr int kHeadDim = 16, kBlockSize = 16, kVocabulary = 32, kTable = 64;

// Operands of the ops with indices, valid until a test changes one.
struct Operands {
  TestDevice test;
  int32_t* positions = test.memory<int32_t>(4);
  int32_t* slots = test.memory<int32_t>(4);
  int32_t* starts = test.memory<int32_t>(4);
  int32_t* lengths = test.memory<int32_t>(4);
  int32_t* blocks = test.memory<int32_t>(4);
  float* rotary = test.memory<float>(8 * kHeadDim);
  float* qkv = test.memory<float>(4 * 3 * kHeadDim);
  float* output = test.memory<float>(4 * kHeadDim);
  float* logits = test.memory<float>(kVocabulary);
  float* floats = test.memory<float>(UPBEAT_SAMPLING_FLOATS);
  int32_t* ints = test.memory<int32_t>(UPBEAT_SAMPLING_INTS);
  int32_t* table = test.memory<int32_t>(kTable);
  int32_t* bias_tokens = test.memory<int32_t>(8);
  float* bias_values = test.memory<float>(8);
  int32_t* tokens = test.memory<int32_t>(4);
  std::byte* keys;
  std::byte* values;

  Operands() {
    int64_t bytes = 0;
    CHECK_OK(upbeat_kv_cache_bytes(test.device, UPBEAT_DTYPE_F32, 2, kBlockSize, 1, kHeadDim, &bytes));
    keys = test.memory(bytes);
    values = test.memory(bytes);
    starts[1] = 1;
    lengths[0] = 20;
    blocks[1] = 1;
    floats[UPBEAT_SAMPLING_REPETITION_PENALTY] = 1;
    ints[UPBEAT_SAMPLING_ACTIVE] = 1;
    ints[UPBEAT_SAMPLING_LOGPROBS] = -1;
  }

  int32_t rotary_cache() {
    return upbeat_rotary_cache(test.stream, qkv, positions, slots, rotary, nullptr, nullptr, 1e-5f, 2, 1, 1, kHeadDim,
                               keys, values, UPBEAT_DTYPE_F32, kBlockSize);
  }
  int32_t attention() {
    return upbeat_attention(test.stream, qkv, kHeadDim, keys, values, UPBEAT_DTYPE_F32, blocks, 4, starts, lengths, 1,
                            1, 1, 1, kHeadDim, kBlockSize, 1, 0, output);
  }
  int32_t sample(bool bias = true) {
    return upbeat_sample(test.stream, logits, 1, kVocabulary, floats, ints, table, bias ? bias_tokens : nullptr,
                         bias ? bias_values : nullptr, 0, tokens, nullptr, nullptr);
  }
  void expect_fault(const char* words) {
    CHECK_EQUAL(upbeat_stream_synchronize(test.stream, -1), int32_t(UPBEAT_ERROR_FAULT));
    if (last_error_text().find(words) == std::string::npos) check::fail(__FILE__, __LINE__, last_error_text());
  }
};

}  // namespace

TEST("valid indices pass, up to the last position, slot, block, bias and history token") {
  Operands all;
  all.positions[1] = 7;
  all.slots[1] = 31;
  all.lengths[0] = 32;
  all.ints[UPBEAT_SAMPLING_BIAS_START] = 7;
  all.ints[UPBEAT_SAMPLING_BIAS_COUNT] = 1;
  all.ints[UPBEAT_SAMPLING_HISTORY_START] = kTable - 5;
  all.ints[UPBEAT_SAMPLING_HISTORY_LENGTH] = 5;
  all.ints[UPBEAT_SAMPLING_PROMPT_LENGTH] = INT32_MAX;
  all.floats[UPBEAT_SAMPLING_REPETITION_PENALTY] = 2;
  CHECK_OK(all.rotary_cache());
  CHECK_OK(all.attention());
  CHECK_OK(all.sample());
  all.test.finish();
}

TEST("positions and slots outside the rotary table and the cache fault") {
  for (const int32_t position : {-1, 8, 100000000, INT32_MAX, INT32_MIN}) {
    Operands all;
    all.positions[1] = position;
    CHECK_OK(all.rotary_cache());
    all.expect_fault("of row 1 is outside a rotary table of 8 positions");
  }
  for (const int32_t slot : {32, 33, 100000000, INT32_MAX}) {
    Operands all;
    all.slots[1] = slot;
    CHECK_OK(all.rotary_cache());
    all.expect_fault("of row 1 is outside a cache of 2 blocks of 16");
  }
}

TEST("blocks outside the cache and impossible batches fault") {
  for (const int32_t block : {-1, 2, 100000000, INT32_MAX, INT32_MIN}) {
    Operands all;
    all.blocks[1] = block;
    CHECK_OK(all.attention());
    all.expect_fault("in the block table, outside a cache of 2 blocks");
  }
  for (const int32_t length : {65, INT32_MAX}) {
    Operands all;
    all.lengths[0] = length;
    CHECK_OK(all.attention());
    all.expect_fault("more than 4 blocks of 16 hold");
  }
  for (const int32_t end : {2, -1, INT32_MAX, INT32_MIN}) {
    Operands all;
    all.starts[1] = end;
    CHECK_OK(all.attention());
    all.expect_fault("query_starts gives request 0 rows");
  }
  Operands all;
  all.lengths[0] = INT32_MIN;
  CHECK_OK(all.attention());
  all.expect_fault("request 0 has 1 query rows");
}

TEST("histories and biases outside their memory fault, and so do null pointers that a row asks for") {
  for (const auto& [start, length] : {std::pair(kTable, 1), {kTable - 1, 2}, {2000000000, 5}, {INT32_MAX, INT32_MAX},
                                      {-1, 1}, {0, -1}, {0, kTable + 1}}) {
    Operands all;
    all.floats[UPBEAT_SAMPLING_REPETITION_PENALTY] = 2;
    all.ints[UPBEAT_SAMPLING_HISTORY_START] = start;
    all.ints[UPBEAT_SAMPLING_HISTORY_LENGTH] = length;
    CHECK_OK(all.sample());
    all.expect_fault("is outside a token table of 64");
  }
  for (const auto& [start, count] : {std::pair(8, 1), {7, 2}, {INT32_MAX, 5}, {-1, 1}, {0, INT32_MAX}}) {
    Operands all;
    all.ints[UPBEAT_SAMPLING_BIAS_START] = start;
    all.ints[UPBEAT_SAMPLING_BIAS_COUNT] = count;
    CHECK_OK(all.sample());
    all.expect_fault("are outside of the 8 given");
  }
  Operands unbiased;
  unbiased.ints[UPBEAT_SAMPLING_BIAS_COUNT] = 1;
  CHECK_OK(unbiased.sample(false));
  unbiased.expect_fault("the 1 biases from 0 are outside of the 0 given");
  Operands all;
  all.ints[UPBEAT_SAMPLING_LOGPROBS] = 0;
  CHECK_OK(all.sample());
  all.expect_fault("row 0 asks for 0 log-probabilities, and logprobs or logprob_tokens is null");
}

TEST("pointers from anywhere are refused at the call") {
  TestDevice test;
  auto* memory = test.memory(4096);
  for (const uintptr_t address :
       {uintptr_t(8), uintptr_t(memory) + 4096, uintptr_t(memory) - 64, uintptr_t(0x7fffffffffffffc0),
        uintptr_t(1) << 63, UINTPTR_MAX - 63, UINTPTR_MAX}) {
    CHECK_ERROR(upbeat_memory_fill(test.stream, reinterpret_cast<void*>(address), 0, 64), kInvalid, "destination");
  }
  test.finish();
}

TEST("outputs that overlap inputs, indices or other outputs are refused, and so are caches that are not aligned") {
  Operands all;
  auto* m = all.test.memory<float>(4096);
  const int32_t s = all.test.stream;
  CHECK_ERROR(upbeat_gather_rows(s, m + 512, m, 4, 4, 8, m + 2), kInvalid, "output and indices");
  CHECK_ERROR(upbeat_gather_tokens(s, m + 512, m, 4, 4, m + 3), kInvalid, "output and sources");
  CHECK_ERROR(upbeat_gather_tokens(s, m + 512, m, 4, 4, m + 513), kInvalid, "output and table");
  CHECK_ERROR(upbeat_scatter_tokens(s, m, m + 8, 4, 9, m + 3), kInvalid, "table and tokens");
  CHECK_ERROR(upbeat_rms_norm(s, m, m + 512, 0, 1, 8, m + 515), kInvalid, "output and weight");
  CHECK_ERROR(upbeat_sample(s, m, 1, 8, m + 16, m + 32, m + 64, nullptr, nullptr, 0, m + 70, m + 70, nullptr), kInvalid,
              "tokens and logprobs");
  CHECK_ERROR(upbeat_sample(s, m, 1, 8, m + 16, m + 32, m + 64, nullptr, nullptr, 0, m + 40, nullptr, nullptr),
              kInvalid, "tokens and ints");
  CHECK_ERROR(upbeat_sample(s, m, 1, 8, m + 16, m + 32, m + 64, nullptr, nullptr, 0, m + 64, nullptr, nullptr),
              kInvalid, "token_table and tokens");
  all.positions = reinterpret_cast<int32_t*>(all.keys);
  CHECK_ERROR(all.rotary_cache(), kInvalid, "key_cache and positions");
  all.positions = reinterpret_cast<int32_t*>(all.qkv);
  CHECK_ERROR(all.rotary_cache(), kInvalid, "qkv and positions");
  all.keys += 4;
  CHECK_ERROR(all.attention(), kInvalid, "key_cache");
  all.test.finish();
}

TEST("the library's threads leave signals that a thread causes itself to the host") {
  TestDevice test;
  static sigset_t blocked;
  static constexpr upbeat::Operation kOperation = {
      .name = "mask",
      .run = [](upbeat::CpuStream&, const void*, upbeat::Fault&) {
        return pthread_sigmask(SIG_BLOCK, nullptr, &blocked) == 0;
      },
  };
  upbeat::cpu_stream(upbeat::stream_of(test.stream)).enqueue_command(kOperation, 0);
  test.finish();
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) CHECK_EQUAL(sigismember(&blocked, signal), 0);
  for (const int signal : {SIGINT, SIGTERM, SIGPROF}) CHECK_EQUAL(sigismember(&blocked, signal), 1);
}

int main() { return check::run_all(); }
