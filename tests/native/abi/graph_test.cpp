// Graphs: what is captured, what is refused during a capture, how a launch runs.
#include "tests/native/support/device.h"

TEST("a captured op runs at each launch and not before") {
  TestDevice test;
  auto* memory = test.memory<uint8_t>(2);
  CHECK_OK(upbeat_graph_begin(test.stream));
  CHECK_OK(upbeat_copy_on_device(test.stream, memory + 1, memory, 1));
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 9, 1));
  const int32_t graph = upbeat_graph_end(test.stream);
  CHECK(graph > 0);
  test.finish();
  CHECK_EQUAL(memory[0], 0);

  CHECK_OK(upbeat_memory_fill(test.stream, memory, 5, 1));
  CHECK_OK(upbeat_graph_launch(graph, test.stream));
  test.finish();
  CHECK_EQUAL(memory[0], 9);
  CHECK_EQUAL(memory[1], 5);
  CHECK_OK(upbeat_graph_launch(graph, test.stream));
  test.finish();
  CHECK_EQUAL(memory[1], 9);
}

TEST("a graph may be launched many times before it has run, and destroyed at once") {
  TestDevice test;
  constexpr int32_t kLaunches = 500;
  auto* memory = test.memory<uint8_t>(kLaunches + 8);
  auto* seed = test.host_of<uint8_t>({3});
  // Each launch moves the bytes up by one: after n launches the seed stands at place n.
  CHECK_OK(upbeat_graph_begin(test.stream));
  auto* temporary = test.memory<uint8_t>(kLaunches + 8);
  CHECK_OK(upbeat_copy_on_device(test.stream, temporary, memory, kLaunches));
  CHECK_OK(upbeat_copy_on_device(test.stream, memory + 1, temporary, kLaunches));
  const int32_t graph = upbeat_graph_end(test.stream);
  CHECK_OK(upbeat_copy_to_device(test.stream, memory, seed, 1));
  {
    Hold hold(test.stream);
    for (int32_t i = 0; i < kLaunches; ++i) CHECK_OK(upbeat_graph_launch(graph, test.stream));
    CHECK_OK(upbeat_graph_destroy(graph));
    CHECK_ERROR(upbeat_graph_launch(graph, test.stream), UPBEAT_ERROR_INVALID_ARGUMENT, "graph");
  }
  test.finish();
  CHECK_EQUAL(memory[kLaunches], 3);
  CHECK_EQUAL(memory[kLaunches + 1], 0);
}

TEST("a graph runs on a stream that did not capture it") {
  TestDevice test;
  const int32_t other = upbeat_stream_create(test.device);
  auto* memory = test.memory<uint8_t>(1);
  CHECK_OK(upbeat_graph_begin(test.stream));
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 4, 1));
  const int32_t graph = upbeat_graph_end(test.stream);
  CHECK_OK(upbeat_graph_launch(graph, other));
  CHECK_EQUAL(upbeat_stream_synchronize(other, -1), 1);
  CHECK_EQUAL(memory[0], 4);
}

TEST("an empty graph can be launched") {
  TestDevice test;
  CHECK_OK(upbeat_graph_begin(test.stream));
  const int32_t graph = upbeat_graph_end(test.stream);
  CHECK_OK(upbeat_graph_launch(graph, test.stream));
  test.finish();
}

TEST("a capturing stream refuses what cannot be captured") {
  TestDevice test;
  const int32_t event = upbeat_event_create(test.device);
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, 1, 4, UPBEAT_DTYPE_F32);
  auto* source = test.host<float>(4);
  auto* memory = test.memory<float>(4);
  const TestFile file("graph", std::vector<float>(4));
  CHECK_OK(upbeat_graph_begin(test.stream));
  const int32_t empty = upbeat_graph_end(test.stream);

  CHECK_ERROR(upbeat_graph_end(test.stream), UPBEAT_ERROR_INVALID_ARGUMENT, "not capturing");
  CHECK_OK(upbeat_graph_begin(test.stream));
  const char* const words = "capturing";
  for (const int32_t status : {
           upbeat_graph_begin(test.stream),
           upbeat_stream_synchronize(test.stream, 0),
           upbeat_event_record(event, test.stream),
           upbeat_stream_wait_event(test.stream, event),
           upbeat_weight_load(test.stream, weight, 0, 1, file.path(), 0, 0),
           upbeat_weight_upload(test.stream, weight, 0, 1, source),
           // Graphs never write weights: kernels of the CUDA library read them without waiting.
           upbeat_weight_randomize(test.stream, weight, 0, 1, 1.0f, 0, 0),
           upbeat_memory_load(test.stream, memory, file.path(), 0, UPBEAT_DTYPE_F32, 4),
           upbeat_graph_launch(empty, test.stream),
       }) {
    CHECK_EQUAL(status, int32_t(UPBEAT_ERROR_INVALID_ARGUMENT));
    CHECK(last_error_text().find(words) != std::string::npos);
  }
  // Nothing of it was captured, and nothing was noted as loaded.
  const int32_t graph = upbeat_graph_end(test.stream);
  CHECK_OK(upbeat_graph_launch(graph, test.stream));
  CHECK_OK(upbeat_weight_upload(test.stream, weight, 0, 1, source));
  test.finish();
}

TEST("a stream that captures can be destroyed") {
  TestDevice test;
  const int32_t stream = upbeat_stream_create(test.device);
  auto* memory = test.memory<uint8_t>(1);
  CHECK_OK(upbeat_graph_begin(stream));
  CHECK_OK(upbeat_memory_fill(stream, memory, 1, 1));
  CHECK_OK(upbeat_stream_destroy(stream));
  CHECK_EQUAL(memory[0], 0);
}

TEST("device_dependent_launches() is refused by the CPU library") {
  TestDevice test;
  CHECK_OK(upbeat_device_dependent_launches(test.device, 0));
  CHECK_ERROR(upbeat_device_dependent_launches(test.device, 1), UPBEAT_ERROR_UNAVAILABLE, "the CUDA library's");
  CHECK_ERROR(upbeat_device_dependent_launches(0, 1), UPBEAT_ERROR_INVALID_ARGUMENT, "device");
}

int main() { return check::run_all(); }
