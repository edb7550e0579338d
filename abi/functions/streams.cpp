// Streams, events, graphs.
#include <utility>

#include "abi/checks/checks.h"
#include "abi/types/clock.h"

using namespace upbeat;

extern "C" {

int32_t upbeat_stream_create(int32_t device) {
  return guarded("upbeat_stream_create", [&] {
    Device& owner = device_of(device);
    return owner.objects().add(owner.make_stream());
  });
}

int32_t upbeat_stream_destroy(int32_t stream) {
  return guarded("upbeat_stream_destroy", [&] {
    stream_of(stream).device().objects().destroy_stream(stream);
    return UPBEAT_OK;
  });
}

int32_t upbeat_stream_synchronize(int32_t stream, int64_t timeout_us) {
  return guarded("upbeat_stream_synchronize", [&] {
    Stream& waited = stream_of(stream);
    check_not_capturing(waited, "be waited for");
    const bool done = waited.synchronize(deadline_after_us(timeout_us));
    waited.device().check_fault();
    return done ? 1 : 0;
  });
}

int32_t upbeat_stream_wait_event(int32_t stream, int32_t event) {
  return guarded("upbeat_stream_wait_event", [&] {
    Stream& waiting = stream_of(stream);
    Event& awaited = event_of(event);
    check_same_device(waiting.device(), "event", awaited.device());
    check_not_capturing(waiting, "wait for events");
    awaited.block(waiting);
    return UPBEAT_OK;
  });
}

int32_t upbeat_stream_inject_fault(int32_t stream) {
  return guarded("upbeat_stream_inject_fault", [&] {
    stream_of(stream).enqueue_fault();
    return UPBEAT_OK;
  });
}

int32_t upbeat_event_create(int32_t device) {
  return guarded("upbeat_event_create", [&] {
    Device& owner = device_of(device);
    return owner.objects().add(owner.make_event());
  });
}

int32_t upbeat_event_destroy(int32_t event) {
  return guarded("upbeat_event_destroy", [&] {
    event_of(event).device().objects().destroy_event(event);
    return UPBEAT_OK;
  });
}

int32_t upbeat_event_record(int32_t event, int32_t stream) {
  return guarded("upbeat_event_record", [&] {
    Event& recorded = event_of(event);
    Stream& recording = stream_of(stream);
    check_same_device(recording.device(), "event", recorded.device());
    check_not_capturing(recording, "record events");
    recorded.record(recording);
    return UPBEAT_OK;
  });
}

int32_t upbeat_event_query(int32_t event) {
  return guarded("upbeat_event_query", [&] {
    Event& asked = event_of(event);
    const bool passed = asked.passed();
    asked.device().check_fault();
    return passed ? 1 : 0;
  });
}

int32_t upbeat_event_wait(int32_t event, int64_t timeout_us) {
  return guarded("upbeat_event_wait", [&] {
    Event& waited = event_of(event);
    const bool passed = waited.wait(deadline_after_us(timeout_us));
    waited.device().check_fault();
    return passed ? 1 : 0;
  });
}

int32_t upbeat_event_elapsed(int32_t start, int32_t end, double* microseconds) {
  return guarded("upbeat_event_elapsed", [&] {
    Event& first = event_of(start, "start");
    Event& second = event_of(end, "end");
    check_pointer("microseconds", microseconds);
    check_same_device(first.device(), "end", second.device());
    first.device().check_fault();
    for (const auto& [event, argument] : {std::pair(&first, "start"), std::pair(&second, "end")}) {
      if (!event->recorded()) throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: was never recorded", argument);
      if (!event->passed()) throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "%s: is not passed yet: wait for it", argument);
    }
    *microseconds = second.microseconds_since(first);
    return UPBEAT_OK;
  });
}

int32_t upbeat_graph_begin(int32_t stream) {
  return guarded("upbeat_graph_begin", [&] {
    Stream& captured = stream_of(stream);
    check_not_capturing(captured, "begin another");
    captured.begin_capture();
    return UPBEAT_OK;
  });
}

int32_t upbeat_graph_end(int32_t stream) {
  return guarded("upbeat_graph_end", [&] {
    Stream& captured = stream_of(stream);
    if (!captured.capturing()) {
      throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "stream: is not capturing: call upbeat_graph_begin first");
    }
    return captured.device().objects().add(captured.end_capture());
  });
}

int32_t upbeat_graph_launch(int32_t graph, int32_t stream) {
  return guarded("upbeat_graph_launch", [&] {
    Graph& launched = graph_of(graph);
    Stream& target = stream_of(stream);
    check_same_device(target.device(), "graph", launched.device());
    check_not_capturing(target, "launch graphs");
    launched.launch(target);
    return UPBEAT_OK;
  });
}

int32_t upbeat_graph_destroy(int32_t graph) {
  return guarded("upbeat_graph_destroy", [&] {
    graph_of(graph).device().objects().destroy_graph(graph);
    return UPBEAT_OK;
  });
}

}  // extern "C"
