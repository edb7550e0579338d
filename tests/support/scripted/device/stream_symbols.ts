/**
 * Streams, events and graphs.
 *
 * @module
 */
import { STATUS, type Symbols } from "../../../../ffi/abi.ts";
import { refuse, WorkFault } from "./checks.ts";
import { type DeviceState, OpenDevice } from "./state.ts";
import { checkNotCapturing, Event, Graph, Stream } from "./stream.ts";

/** The functions of streams. */
export function streamSymbols(state: DeviceState) {
  return {
    upbeat_stream_create: state.guard("upbeat_stream_create", (device) => {
      state.get("device", device, OpenDevice);
      return state.add(new Stream(state));
    }),
    upbeat_stream_destroy: state.guard("upbeat_stream_destroy", (handle) => {
      const stream = state.get("stream", handle, Stream);
      // Nothing runs on a faulted device.
      if (state.fault === null) stream.wait(stream.point, stream.end, -1);
      state.remove(handle);
      return STATUS.OK;
    }),
    upbeat_stream_synchronize: state.guard("upbeat_stream_synchronize", (handle, timeout) => {
      const stream = state.get("stream", handle, Stream);
      checkNotCapturing(stream, "be waited for");
      return stream.wait(stream.point, stream.end, timeout);
    }),
    upbeat_stream_wait_event: state.guard("upbeat_stream_wait_event", (handle, eventHandle) => {
      const stream = state.get("stream", handle, Stream);
      const { stream: other, point, time } = state.get("event", eventHandle, Event);
      checkNotCapturing(stream, "wait for events");
      if (other === null || other === stream) return STATUS.OK;
      stream.delayUntil(time);
      const run = () => other.runTo(point, Number.MAX_VALUE);
      stream.enqueue({ name: "upbeat_stream_wait_event", duration: 0, operands: [], run });
      return STATUS.OK;
    }),
    upbeat_stream_inject_fault: state.guard("upbeat_stream_inject_fault", (handle) => {
      const run = () => {
        throw new WorkFault("the caller asked for this fault");
      };
      const stream = state.get("stream", handle, Stream);
      stream.enqueue({ name: "upbeat_stream_inject_fault", duration: 0, operands: [], run });
      return STATUS.OK;
    }),
  } satisfies Partial<Symbols>;
}

/** The functions of events. */
export function eventSymbols(state: DeviceState) {
  const passed = (event: Event) => event.stream === null || event.time <= state.clock.now();

  return {
    upbeat_event_create: state.guard("upbeat_event_create", (device) => {
      state.get("device", device, OpenDevice);
      return state.add(new Event());
    }),
    upbeat_event_destroy: state.guard("upbeat_event_destroy", (handle) => {
      state.get("event", handle, Event);
      state.remove(handle);
      return STATUS.OK;
    }),
    upbeat_event_record: state.guard("upbeat_event_record", (handle, streamHandle) => {
      const event = state.get("event", handle, Event);
      const stream = state.get("stream", streamHandle, Stream);
      checkNotCapturing(stream, "record events");
      event.record(stream);
      return STATUS.OK;
    }),
    upbeat_event_query: state.guard("upbeat_event_query", (handle) => {
      const event = state.get("event", handle, Event);
      state.checkFault();
      if (!passed(event)) return 0;
      event.stream?.runTo(event.point, event.time);
      state.checkFault();
      return 1;
    }),
    upbeat_event_wait: state.guard("upbeat_event_wait", (handle, timeout) => {
      const { stream, point, time } = state.get("event", handle, Event);
      state.checkFault();
      return stream === null ? 1 : stream.wait(point, time, timeout);
    }),
    upbeat_event_elapsed: state.guard("upbeat_event_elapsed", (startHandle, endHandle, microseconds) => {
      const start = state.get("start", startHandle, Event);
      const end = state.get("end", endHandle, Event);
      state.checkFault();
      for (const [argument, event] of [["start", start], ["end", end]] as const) {
        if (event.stream === null) refuse(`${argument}: was never recorded`);
        if (!passed(event)) refuse(`${argument}: is not passed yet: wait for it`);
      }
      (microseconds as Float64Array)[0] = end.time - start.time;
      return STATUS.OK;
    }),
  } satisfies Partial<Symbols>;
}

/** The functions of graphs. */
export function graphSymbols(state: DeviceState) {
  return {
    upbeat_graph_begin: state.guard("upbeat_graph_begin", (handle) => {
      const stream = state.get("stream", handle, Stream);
      checkNotCapturing(stream, "begin another");
      stream.captured = [];
      return STATUS.OK;
    }),
    upbeat_graph_end: state.guard("upbeat_graph_end", (handle) => {
      const stream = state.get("stream", handle, Stream);
      const { captured } = stream;
      if (captured === null) refuse("stream: is not capturing: call upbeat_graph_begin first");
      stream.captured = null;
      return state.add(new Graph(captured));
    }),
    upbeat_graph_launch: state.guard("upbeat_graph_launch", (handle, streamHandle) => {
      const graph = state.get("graph", handle, Graph);
      const stream = state.get("stream", streamHandle, Stream);
      checkNotCapturing(stream, "launch graphs");
      stream.launch(graph);
      return STATUS.OK;
    }),
    upbeat_graph_destroy: state.guard("upbeat_graph_destroy", (handle) => {
      const graph = state.get("graph", handle, Graph);
      if (state.streams().some((stream) => stream.hasPending((work) => work === graph))) {
        state.violate(`graph ${handle} is destroyed while it is enqueued`);
      }
      state.remove(handle);
      return STATUS.OK;
    }),
  } satisfies Partial<Symbols>;
}
