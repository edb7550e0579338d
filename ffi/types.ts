/**
 * What crosses the boundary besides plain numbers: addresses and handles, each with a type of its own.
 *
 * @module
 */

declare const pointerBrand: unique symbol;
declare const handleBrand: unique symbol;

/**
 * An address of device or host memory as the runtime's FFI wants it: a number in Bun, a pointer object in Deno (the
 * only form that takes its fast calls). It is opaque: made once from a numeric address when memory is allocated, by
 * {@linkcode ForeignInterface.pointerFrom}, and passed along as it is. Null addresses are `null`.
 */
export interface Pointer {
  readonly [pointerBrand]: "pointer";
}

/** A small positive integer that names something inside a library. */
export type Handle<Kind extends string> = number & { readonly [handleBrand]: Kind };

/** An open device (`upbeat_device_open`). */
export type DeviceHandle = Handle<"device">;
/** An in-order stream of work (`upbeat_stream_create`). */
export type StreamHandle = Handle<"stream">;
/** A point in a stream (`upbeat_event_create`). */
export type EventHandle = Handle<"event">;
/** A captured list of work (`upbeat_graph_end`). */
export type GraphHandle = Handle<"graph">;
/** A weight matrix in the library's own layout (`upbeat_weight_create`). */
export type WeightHandle = Handle<"weight">;
