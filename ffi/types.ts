/**
 * Types that cross the FFI besides plain numbers: addresses and handles.
 *
 * @module
 */

declare const pointerBrand: unique symbol;
declare const handleBrand: unique symbol;

/**
 * An address of device or host memory in the form of the runtime's FFI: a number in Bun, a bigint in Node, a pointer
 * object in Deno (the only form that its fast calls accept). It is opaque, and created once, at allocation, from the numeric address by
 * {@linkcode ForeignInterface.pointerFrom}. A null address is `null`.
 */
export interface Pointer {
  readonly [pointerBrand]: "pointer";
}

/** A small positive integer that identifies an object of a library. */
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
