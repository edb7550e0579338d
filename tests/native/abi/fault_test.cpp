// A fault is sticky, wakes all waiters, names its cause, and ends with the device.
#include <chrono>
#include <thread>

#include "tests/native/support/device.h"

TEST("an injected fault skips later work and is returned by every later wait") {
  TestDevice test;
  auto* memory = test.memory<uint8_t>(2);
  const int32_t before = upbeat_event_create(test.device);
  const int32_t after = upbeat_event_create(test.device);
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 1, 1));
  CHECK_OK(upbeat_event_record(before, test.stream));
  CHECK_OK(upbeat_stream_inject_fault(test.stream));
  CHECK_OK(upbeat_memory_fill(test.stream, memory + 1, 1, 1));
  CHECK_OK(upbeat_event_record(after, test.stream));
  CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT, "asked for this fault");
  CHECK_ERROR(upbeat_event_wait(after, -1), UPBEAT_ERROR_FAULT, "upbeat_stream_inject_fault");
  CHECK_ERROR(upbeat_event_wait(before, 0), UPBEAT_ERROR_FAULT, "asked for this fault");
  CHECK_ERROR(upbeat_event_query(before), UPBEAT_ERROR_FAULT, "asked for this fault");
  double time = 0;
  CHECK_ERROR(upbeat_event_elapsed(before, after, &time), UPBEAT_ERROR_FAULT, "asked for this fault");
  CHECK_EQUAL(memory[0], 1);
  CHECK_EQUAL(memory[1], 0);
}

TEST("a fault reaches the other streams of the device, and a fresh device works") {
  {
    TestDevice test;
    const int32_t other = upbeat_stream_create(test.device);
    auto* memory = test.memory<uint8_t>(1);
    CHECK_OK(upbeat_stream_inject_fault(test.stream));
    CHECK_EQUAL(upbeat_stream_synchronize(test.stream, -1), int32_t(UPBEAT_ERROR_FAULT));
    CHECK_OK(upbeat_memory_fill(other, memory, 1, 1));
    CHECK_EQUAL(upbeat_stream_synchronize(other, -1), int32_t(UPBEAT_ERROR_FAULT));
    CHECK_EQUAL(memory[0], 0);
  }
  TestDevice fresh;
  auto* memory = fresh.memory<uint8_t>(1);
  CHECK_OK(upbeat_memory_fill(fresh.stream, memory, 1, 1));
  fresh.finish();
  CHECK_EQUAL(memory[0], 1);
}

TEST("a fault on one device leaves another alone") {
  TestDevice broken;
  TestDevice healthy;
  CHECK_OK(upbeat_stream_inject_fault(broken.stream));
  CHECK_EQUAL(upbeat_stream_synchronize(broken.stream, -1), int32_t(UPBEAT_ERROR_FAULT));
  CHECK_EQUAL(upbeat_stream_synchronize(healthy.stream, -1), 1);
}

TEST("a waiter returns the fault at once when the stream it waits for does not progress") {
  TestDevice test;
  const int32_t other = upbeat_stream_create(test.device);
  const int32_t event = upbeat_event_create(test.device);
  Hold hold(test.stream);
  hold.until_reached();
  CHECK_OK(upbeat_event_record(event, test.stream));
  CHECK_OK(upbeat_stream_inject_fault(other));
  CHECK_ERROR(upbeat_event_wait(event, -1), UPBEAT_ERROR_FAULT, "asked for this fault");
  CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT, "asked for this fault");
}

TEST("a stream that waits for another one goes on when the device faults") {
  TestDevice test;
  const int32_t waiting = upbeat_stream_create(test.device);
  const int32_t faulting = upbeat_stream_create(test.device);
  const int32_t event = upbeat_event_create(test.device);
  Hold hold(test.stream);
  hold.until_reached();
  CHECK_OK(upbeat_event_record(event, test.stream));
  CHECK_OK(upbeat_stream_wait_event(waiting, event));
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK_OK(upbeat_stream_inject_fault(faulting));
  CHECK_OK(upbeat_stream_destroy(waiting));  // would never return if the wait did not end
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
  CHECK_OK(upbeat_graph_launch(graph, test.stream));
  CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT, "upbeat_stream_inject_fault");
  CHECK_EQUAL(memory[0], 1);
  CHECK_EQUAL(memory[1], 0);
}

TEST("the first of several faults is the one that is reported") {
  TestDevice test;
  const TestFile file("fault", std::vector<float>(16));
  auto* memory = test.memory<float>(16);
  Hold hold(test.stream);
  hold.until_reached();
  CHECK_OK(upbeat_memory_load(test.stream, memory, file.path(), 0, UPBEAT_DTYPE_F32, 16));
  CHECK_OK(upbeat_stream_inject_fault(test.stream));
  file.truncate(8);
  hold.let_go();
  CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT, "cut short");
}

int main() { return check::run_all(); }
