// Streams and events: order, asynchrony, waits with and without a timeout.
#include <chrono>
#include <thread>

#include "tests/native/support/device.h"

TEST("an enqueued op has not run when the call returns") {
  TestDevice test;
  auto* memory = test.memory<uint8_t>(64);
  Hold hold(test.stream);
  hold.until_reached();
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 7, 64));
  CHECK_EQUAL(memory[0], 0);
  CHECK_EQUAL(upbeat_stream_synchronize(test.stream, 0), 0);
  CHECK_EQUAL(upbeat_stream_synchronize(test.stream, 2000), 0);
  hold.let_go();
  test.finish();
  CHECK_EQUAL(memory[0], 7);
  CHECK_EQUAL(memory[63], 7);
}

TEST("a stream runs its work in order when thousands of commands are queued") {
  TestDevice test;
  auto* memory = test.memory<int32_t>(1);
  auto* source = test.host<int32_t>(5000);
  auto* seen = test.host<int32_t>(5000);
  {
    Hold hold(test.stream);
    for (int32_t i = 0; i < 5000; ++i) {
      source[i] = i;
      CHECK_OK(upbeat_copy_to_device(test.stream, memory, source + i, 4));
      CHECK_OK(upbeat_copy_to_host(test.stream, seen + i, memory, 4));
    }
  }
  test.finish();
  for (int32_t i = 0; i < 5000; ++i) CHECK_EQUAL(seen[i], i);
}

TEST("a stream refuses work, and recovers, when the caller is far ahead") {
  TestDevice test;
  auto* memory = test.memory(64);
  Hold hold(test.stream);
  int32_t status = 0;
  int64_t accepted = 0;
  while ((status = upbeat_memory_fill(test.stream, memory, 1, 1)) == UPBEAT_OK && accepted < 1 << 20) ++accepted;
  CHECK_EQUAL(status, int32_t(UPBEAT_ERROR_OUT_OF_MEMORY));
  CHECK(accepted > 10000);
  hold.let_go();
  test.finish();
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 1, 1));
}

TEST("an event stands for what was enqueued before it when more follows") {
  TestDevice test;
  const int32_t event = upbeat_event_create(test.device);
  CHECK_EQUAL(upbeat_event_query(event), 1);    // never recorded
  CHECK_EQUAL(upbeat_event_wait(event, 0), 1);  // never recorded
  Hold first(test.stream);
  CHECK_OK(upbeat_event_record(event, test.stream));
  Hold second(test.stream);
  first.until_reached();
  CHECK_EQUAL(upbeat_event_query(event), 0);
  CHECK_EQUAL(upbeat_event_wait(event, 0), 0);
  CHECK_EQUAL(upbeat_event_wait(event, 3000), 0);
  first.let_go();
  CHECK_EQUAL(upbeat_event_wait(event, -1), 1);
  CHECK_EQUAL(upbeat_event_query(event), 1);
  CHECK_EQUAL(upbeat_stream_synchronize(test.stream, 0), 0);
}

TEST("an event stands for its latest record when it was recorded on another stream before") {
  TestDevice test;
  const int32_t other = upbeat_stream_create(test.device);
  const int32_t event = upbeat_event_create(test.device);
  const int32_t waiter = upbeat_stream_create(test.device);
  auto* memory = test.memory<uint8_t>(1);
  Hold hold(test.stream);
  CHECK_OK(upbeat_event_record(event, test.stream));
  CHECK_OK(upbeat_stream_wait_event(waiter, event));  // waits for the stopped stream, whatever happens to the event
  CHECK_OK(upbeat_memory_fill(waiter, memory, 1, 1));
  CHECK_OK(upbeat_event_record(event, other));
  CHECK_EQUAL(upbeat_event_wait(event, -1), 1);
  CHECK_EQUAL(upbeat_stream_synchronize(waiter, 2000), 0);
  CHECK_EQUAL(memory[0], 0);
  hold.let_go();
  CHECK_EQUAL(upbeat_stream_synchronize(waiter, -1), 1);
  CHECK_EQUAL(memory[0], 1);
}

TEST("stream_wait_event() orders work across streams when they alternate") {
  TestDevice test;
  const int32_t streams[2] = {test.stream, upbeat_stream_create(test.device)};
  const int32_t events[2] = {upbeat_event_create(test.device), upbeat_event_create(test.device)};
  auto* memory = test.memory<int32_t>(301);
  auto* first = test.host_of<int32_t>({42});
  CHECK_OK(upbeat_copy_to_device(streams[0], memory, first, 4));
  for (int i = 0; i < 300; ++i) {
    const int current = i % 2;
    CHECK_OK(upbeat_stream_wait_event(streams[current], events[1 - current]));
    CHECK_OK(upbeat_copy_on_device(streams[current], memory + i + 1, memory + i, 4));
    CHECK_OK(upbeat_event_record(events[current], streams[current]));
  }
  CHECK_EQUAL(upbeat_event_wait(events[1], -1), 1);
  CHECK_EQUAL(memory[300], 42);
}

TEST("event_elapsed() gives the time between two passed events") {
  TestDevice test;
  const int32_t start = upbeat_event_create(test.device);
  const int32_t end = upbeat_event_create(test.device);
  double time = -1;
  CHECK_ERROR(upbeat_event_elapsed(start, end, &time), UPBEAT_ERROR_INVALID_ARGUMENT, "start: was never recorded");
  CHECK_OK(upbeat_event_record(start, test.stream));
  {
    Hold hold(test.stream);
    CHECK_OK(upbeat_event_record(end, test.stream));
    hold.until_reached();
    CHECK_ERROR(upbeat_event_elapsed(start, end, &time), UPBEAT_ERROR_INVALID_ARGUMENT, "end: is not passed yet");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  CHECK_EQUAL(upbeat_event_wait(end, -1), 1);
  CHECK_OK(upbeat_event_elapsed(start, end, &time));
  CHECK(time >= 2000);
  CHECK_OK(upbeat_event_elapsed(end, start, &time));
  CHECK(time <= -2000);
  CHECK_ERROR(upbeat_event_elapsed(start, end, nullptr), UPBEAT_ERROR_INVALID_ARGUMENT, "microseconds");
}

TEST("event_wait() wakes when the stream passes the event while the caller sleeps") {
  TestDevice test;
  const int32_t event = upbeat_event_create(test.device);
  for (int round = 0; round < 20; ++round) {
    Hold hold(test.stream);
    CHECK_OK(upbeat_event_record(event, test.stream));
    std::thread later([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(round * 20));
      hold.let_go();
    });
    CHECK_EQUAL(upbeat_event_wait(event, -1), 1);
    later.join();
  }
}

TEST("stream_destroy() waits for the stream's work, and events recorded on it stay passed") {
  TestDevice test;
  const int32_t stream = upbeat_stream_create(test.device);
  const int32_t event = upbeat_event_create(test.device);
  auto* memory = test.memory<uint8_t>(1 << 20);
  for (int i = 0; i < 100; ++i) CHECK_OK(upbeat_memory_fill(stream, memory, i, 1 << 20));
  CHECK_OK(upbeat_event_record(event, stream));
  CHECK_OK(upbeat_stream_destroy(stream));
  CHECK_EQUAL(memory[(1 << 20) - 1], 99);
  CHECK_EQUAL(upbeat_event_query(event), 1);
  CHECK_OK(upbeat_stream_wait_event(test.stream, event));
  test.finish();
}

TEST("event_destroy() is safe when a record of the event is still enqueued") {
  TestDevice test;
  Hold hold(test.stream);
  const int32_t event = upbeat_event_create(test.device);
  CHECK_OK(upbeat_event_record(event, test.stream));
  CHECK_OK(upbeat_event_destroy(event));
  hold.let_go();
  test.finish();
}

TEST("two devices work at the same time when each has its own thread") {
  auto work = [](uint8_t value) {
    TestDevice test;
    const int32_t event = upbeat_event_create(test.device);
    auto* memory = test.memory<uint8_t>(4096);
    for (int round = 0; round < 200; ++round) {
      CHECK_OK(upbeat_memory_fill(test.stream, memory, value + round, 4096));
      CHECK_OK(upbeat_event_record(event, test.stream));
      CHECK_EQUAL(upbeat_event_wait(event, -1), 1);
      CHECK_EQUAL(memory[4095], uint8_t(value + round));
      CHECK_OK(upbeat_stream_destroy(upbeat_stream_create(test.device)));
    }
  };
  std::thread first(work, 1);
  std::thread second(work, 100);
  first.join();
  second.join();
}

int main() { return check::run_all(); }
