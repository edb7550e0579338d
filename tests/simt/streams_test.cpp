// Streams, faults and loads of the emulated library, at points fixed by a Hold.
#include "library_test.h"

TEST("a wait ends at its timeout, and the work goes on") {
  TestDevice test;
  const int32_t event = upbeat_event_create(test.device);
  auto* memory = test.memory<uint8_t>(1);
  Hold hold(test.stream);
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 9, 1));
  CHECK_OK(upbeat_event_record(event, test.stream));
  CHECK_EQUAL(upbeat_event_query(event), 0);
  CHECK_EQUAL(upbeat_event_wait(event, 0), 0);
  CHECK_EQUAL(upbeat_event_wait(event, 3000), 0);
  CHECK_EQUAL(upbeat_stream_synchronize(test.stream, 1000), 0);
  CHECK_EQUAL(memory[0], 0);
  hold.let_go();
  CHECK_EQUAL(upbeat_event_wait(event, -1), 1);
  CHECK_EQUAL(memory[0], 9);
}

TEST("a fault skips later work of all streams, and is returned by every wait") {
  TestDevice test;
  const int32_t other = upbeat_stream_create(test.device);
  const int32_t event = upbeat_event_create(test.device);
  auto* memory = test.memory<uint8_t>(2);
  Hold hold(other);
  CHECK_OK(upbeat_memory_fill(other, memory + 1, 1, 1));
  CHECK_OK(upbeat_event_record(event, other));
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 1, 1));
  CHECK_OK(upbeat_stream_inject_fault(test.stream));
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 2, 1));
  CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT,
              "upbeat_stream_inject_fault: the caller asked for this fault");
  // The other stream stands still: a wait for it ends all the same.
  CHECK_ERROR(upbeat_event_wait(event, -1), UPBEAT_ERROR_FAULT, "asked for this fault");
  hold.let_go();
  cudaStreamSynchronize(upbeat::cuda_stream(upbeat::stream_of(other)).cuda());
  CHECK_EQUAL(memory[0], 1);
  CHECK_EQUAL(memory[1], 0);
  CHECK_ERROR(upbeat_event_query(event), UPBEAT_ERROR_FAULT, "asked for this fault");
}

TEST("a fault within a graph ends the launch") {
  TestDevice test;
  auto* memory = test.memory<uint8_t>(2);
  CHECK_OK(upbeat_graph_begin(test.stream));
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 1, 1));
  CHECK_OK(upbeat_stream_inject_fault(test.stream));
  CHECK_OK(upbeat_memory_fill(test.stream, memory + 1, 1, 1));
  const int32_t graph = upbeat_graph_end(test.stream);
  test.finish();
  CHECK_OK(upbeat_graph_launch(graph, test.stream));
  CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT, "upbeat_stream_inject_fault");
  CHECK_EQUAL(memory[0], 1);
  CHECK_EQUAL(memory[1], 0);
}

TEST("a file that spans several staging buffers arrives whole, in stream order") {
  TestDevice test;
  const int64_t count = 5'000'003;  // 20 MB
  std::vector<float> values(size_t(count), 0);
  for (size_t i = 0; i < values.size(); i++) values[i] = float(i % 65521);
  const TestFile file("long", values, 3);
  auto* memory = test.memory<float>(count);
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 0xff, count * 4));
  CHECK_OK(upbeat_memory_load(test.stream, memory, file.path(), 3, UPBEAT_DTYPE_F32, count));
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 0, 4));
  test.finish();
  values[0] = 0;
  CHECK(std::equal(values.begin(), values.end(), memory));
}

TEST("a weight that spans several staging buffers arrives whole, and so does a row that is longer than one") {
  TestDevice test;
  const int32_t rows = 40'000, columns = 100;  // 16 MB
  std::vector<float> values(size_t(rows) * columns);
  for (size_t i = 0; i < values.size(); i++) values[i] = float(i % 65521);
  const TestFile file("weight", values);
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, rows, columns, UPBEAT_DTYPE_F32);
  CHECK_OK(upbeat_weight_load(test.stream, weight, 0, rows, file.path(), 0, 0));
  auto* tokens = test.memory<int32_t>(3);
  auto* output = test.memory<float>(3 * columns);
  const int32_t chosen[] = {0, 20'971, 39'999};
  test.finish();
  std::copy(std::begin(chosen), std::end(chosen), tokens);
  CHECK_OK(upbeat_embedding(test.stream, weight, tokens, 3, output));
  test.finish();
  for (int i = 0; i < 3; i++) {
    CHECK(std::equal(output + i * columns, output + (i + 1) * columns, values.begin() + chosen[i] * columns));
  }

  const int32_t row = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, 1, rows * columns, UPBEAT_DTYPE_F32);
  CHECK_OK(upbeat_weight_load(test.stream, row, 0, 1, file.path(), 0, 0));
  auto* copy = test.memory<float>(rows * columns);
  auto* first = test.memory<int32_t>(1);
  CHECK_OK(upbeat_embedding(test.stream, row, first, 1, copy));
  test.finish();
  CHECK(std::equal(values.begin(), values.end(), copy));
}

TEST("a file that is truncated after the call is a fault that names it, and later work is skipped") {
  TestDevice test;
  const TestFile file("cut", std::vector<float>(4096, 1));
  auto* memory = test.memory<float>(4096);
  auto* after = test.memory<uint8_t>(1);
  {
    Hold hold(test.stream);
    CHECK_OK(upbeat_memory_load(test.stream, memory, file.path(), 0, UPBEAT_DTYPE_F32, 4096));
    CHECK_OK(upbeat_memory_fill(test.stream, after, 1, 1));
    file.truncate(100);
  }
  CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT, "cut short");
  cudaStreamSynchronize(upbeat::cuda_stream(upbeat::stream_of(test.stream)).cuda());
  CHECK_EQUAL(after[0], 0);
}

TEST("fills of any length and alignment set their range and nothing beside it") {
  TestDevice test;
  auto* memory = test.memory<uint8_t>(200);
  for (const int start : {0, 1, 15, 16, 17}) {
    for (const int bytes : {1, 2, 15, 16, 17, 31, 48, 100}) {
      CHECK_OK(upbeat_memory_fill(test.stream, memory, 0, 200));
      CHECK_OK(upbeat_memory_fill(test.stream, memory + start, 0x1a5, bytes));
      test.finish();
      for (int i = 0; i < 200; i++) CHECK_EQUAL(memory[i], i >= start && i < start + bytes ? 0xa5 : 0);
    }
  }
}

TEST("a head larger than the kernels support is refused") {
  TestDevice test;
  auto* memory = test.memory<float>(4096);
  auto* ints = test.memory<int32_t>(64);
  CHECK_ERROR(upbeat_attention(test.stream, memory, 512, memory, memory, UPBEAT_DTYPE_F32, ints, 1, ints, ints, 1, 1, 1,
                               1, 512, 1, 1.0f, 0, memory + 1024),
              UPBEAT_ERROR_INVALID_ARGUMENT, "head_dim: at most 256");
}

int main() { return check::run_all(); }
