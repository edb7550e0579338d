/**
 * The library, the device, its memory and weights.
 *
 * @module
 */
import { ABI_VERSION, DTYPE_BYTES, STATUS, type SymbolName, type Symbols } from "../../../../ffi/abi.ts";
import type { Pointer, StreamHandle } from "../../../../ffi/types.ts";
import { CallError, checkNotNegative, checkPositive, refuse } from "./checks.ts";
import { addressOf, checkDisjoint, type MemoryKind, type Operand } from "./memory.ts";
import { type DeviceState, OpenDevice } from "./state.ts";
import { checkNotCapturing, Graph, Stream, usesAllocation } from "./stream.ts";
import { Weight } from "./weight.ts";

const encoder = new TextEncoder();

/** Writes text, truncated to the capacity. @returns Its full length in bytes. */
function writeText(text: string, buffer: Uint8Array, capacity: number): number {
  const bytes = encoder.encode(text + "\0");
  buffer.set(bytes.subarray(0, capacity));
  if (bytes.length > capacity && capacity > 0) buffer[capacity - 1] = 0;
  return bytes.length - 1;
}

/** Bytes per element of a dtype. */
function elementBytes(dtype: number): number {
  const bytes = (DTYPE_BYTES as Record<number, number>)[dtype];
  return bytes ?? refuse(`dtype: must be F32 (0), F16 (1) or BF16 (2), is ${dtype}`);
}

/** The functions of the library and the device. */
export function deviceSymbols(state: DeviceState) {
  const device = (handle: number) => state.get("device", handle, OpenDevice);
  return {
    upbeat_abi_version: () => ABI_VERSION,
    // Ranges are for profilers.
    upbeat_range_push: () => STATUS.OK,
    upbeat_range_pop: () => STATUS.OK,
    upbeat_last_error: (message, capacity) => writeText(state.lastError, message as Uint8Array, capacity),
    upbeat_device_count: () => 1,

    upbeat_device_open: state.guard("upbeat_device_open", (index, threads) => {
      if (index !== 0) throw new CallError(STATUS.UNAVAILABLE, `index: there is 1 device, and no device ${index}`);
      checkNotNegative("threads", threads);
      if (state.all(OpenDevice).length > 0) {
        throw new CallError(STATUS.UNAVAILABLE, "the scripted device is open already: close it first");
      }
      return state.add(new OpenDevice());
    }),
    upbeat_device_close: state.guard("upbeat_device_close", (handle) => {
      device(handle);
      // The effects of pending work can no longer be observed, so it is only waited for, unless it never ends.
      const end = Math.max(0, ...state.streams().map((stream) => stream.end));
      if (end < Infinity && state.fault === null) state.clock.waitUntil(end);
      state.clear();
      return STATUS.OK;
    }),
    upbeat_device_info: state.guard("upbeat_device_info", (handle, json, capacity) => {
      device(handle);
      const info = {
        library: "scripted",
        name: "scripted device",
        memoryTotal: state.memoryBytes,
        memoryFree: state.memory.free,
        cores: 1,
        threads: 1,
      };
      return writeText(JSON.stringify(info), json as Uint8Array, capacity);
    }),
    upbeat_device_usage: state.guard("upbeat_device_usage", (handle, usage) => {
      device(handle);
      const { device: bytes, host, weights } = state.memory.used;
      (usage as BigInt64Array).set([BigInt(bytes), BigInt(host), BigInt(weights)]);
      return STATUS.OK;
    }),
    upbeat_device_dependent_launches: state.guard("upbeat_device_dependent_launches", (handle, wanted) => {
      device(handle);
      if (wanted !== 0) throw new CallError(STATUS.UNAVAILABLE, "dependent launches are the CUDA library's");
      return STATUS.OK;
    }),
  } satisfies Partial<Symbols>;
}

/** The functions of memory. */
export function memorySymbols(state: DeviceState) {
  const { memory } = state;

  const allocate = (kind: MemoryKind, device: number, bytes: number, address: unknown): number => {
    state.get("device", device, OpenDevice);
    (address as BigInt64Array)[0] = BigInt(memory.allocate(kind, bytes));
    return STATUS.OK;
  };

  const free = (kind: MemoryKind, device: number, pointer: Pointer): number => {
    state.get("device", device, OpenDevice);
    const allocation = memory.release(kind, pointer);
    // Nothing runs on a faulted device.
    if (state.fault !== null) return STATUS.OK;
    for (const stream of state.streams()) {
      const user = stream.uses(allocation);
      if (user !== null) state.violate(`${kind} memory ${addressOf(pointer)} is freed while ${user} is enqueued on it`);
    }
    if (state.all(Graph).some((graph) => usesAllocation(graph, allocation))) {
      state.violate(`${kind} memory ${addressOf(pointer)} is freed while a graph uses it: destroy the graph first`);
    }
    return STATUS.OK;
  };

  const copyDuration = (bytes: number): number => {
    const { copy = 0 } = state.options.durations ?? {};
    return typeof copy === "number" ? copy : copy(bytes);
  };

  const copy = (
    name: SymbolName,
    [to, from]: readonly [MemoryKind, MemoryKind],
    stream: StreamHandle,
    destination: Pointer,
    source: Pointer,
    bytes: number,
  ): number => {
    const target = state.get("stream", stream, Stream);
    checkNotNegative("bytes", bytes);
    const destinationRange = memory.range("destination", destination, bytes, to);
    const sourceRange = memory.range("source", source, bytes, from);
    checkDisjoint("destination", destinationRange, "source", sourceRange, bytes);
    if (bytes > 0) {
      target.enqueue({
        name,
        duration: copyDuration(bytes),
        operands: [destinationRange, sourceRange],
        run: () => copyBytes(destinationRange, sourceRange, bytes),
      });
    }
    return STATUS.OK;
  };

  return {
    upbeat_memory_allocate: state.guard("upbeat_memory_allocate", (device, bytes, address) => {
      return allocate("device", device, bytes, address);
    }),
    upbeat_memory_free: state.guard("upbeat_memory_free", (device, pointer) => free("device", device, pointer)),
    upbeat_host_allocate: state.guard("upbeat_host_allocate", (device, bytes, address) => {
      return allocate("host", device, bytes, address);
    }),
    upbeat_host_free: state.guard("upbeat_host_free", (device, pointer) => free("host", device, pointer)),

    upbeat_copy_to_device: state.guard("upbeat_copy_to_device", (...operands) => {
      return copy("upbeat_copy_to_device", ["device", "host"], ...operands);
    }),
    upbeat_copy_to_host: state.guard("upbeat_copy_to_host", (...operands) => {
      return copy("upbeat_copy_to_host", ["host", "device"], ...operands);
    }),
    upbeat_copy_on_device: state.guard("upbeat_copy_on_device", (...operands) => {
      return copy("upbeat_copy_on_device", ["device", "device"], ...operands);
    }),

    upbeat_memory_fill: state.guard("upbeat_memory_fill", (stream, destination, value, bytes) => {
      const target = state.get("stream", stream, Stream);
      checkNotNegative("bytes", bytes);
      const range = memory.range("destination", destination, bytes, "device");
      target.enqueue({
        name: "upbeat_memory_fill",
        duration: 0,
        operands: [range],
        run: () => void range.allocation.bytes.fill(value & 0xff, range.offset, range.offset + bytes),
      });
      return STATUS.OK;
    }),
    // The scripted model reads no files: they need not exist, and the memory is not written.
    upbeat_memory_load: state.guard("upbeat_memory_load", (stream, destination, _path, offset, dtype, count) => {
      checkNotCapturing(state.get("stream", stream, Stream), "read files");
      checkNotNegative("offset", offset);
      checkNotNegative("count", count);
      elementBytes(dtype);
      memory.operand("destination", destination, count, "device");
      return STATUS.OK;
    }),
  } satisfies Partial<Symbols>;
}

function copyBytes(destination: Operand, source: Operand, bytes: number): void {
  const from = source.allocation.bytes.subarray(source.offset, source.offset + bytes);
  destination.allocation.bytes.set(from, destination.offset);
}

/** The functions of weights. */
export function weightSymbols(state: DeviceState) {
  const load = (stream: StreamHandle, weight: number, firstRow: number, rowCount: number): Weight => {
    const target = state.get("stream", stream, Stream);
    const filled = state.get("weight", weight, Weight);
    checkNotCapturing(target, "load weights");
    checkNotNegative("first_row", firstRow);
    checkPositive("row_count", rowCount);
    filled.load(firstRow, rowCount);
    return filled;
  };
  return {
    upbeat_weight_create: state.guard("upbeat_weight_create", (device, dtype, rows, columns) => {
      state.get("device", device, OpenDevice);
      checkPositive("rows", rows);
      checkPositive("columns", columns);
      const weight = new Weight(rows, columns, elementBytes(dtype));
      state.memory.reserve("weights", weight.bytes);
      return state.add(weight);
    }),
    upbeat_weight_load: state.guard("upbeat_weight_load", (stream, weight, firstRow, rowCount, _path, offset) => {
      checkNotNegative("offset", offset);
      load(stream, weight, firstRow, rowCount);
      return STATUS.OK;
    }),
    upbeat_weight_upload: state.guard("upbeat_weight_upload", (stream, weight, firstRow, rowCount, source) => {
      const { bytes, rows } = state.get("weight", weight, Weight);
      state.memory.range("source", source, (bytes / rows) * rowCount, "host");
      load(stream, weight, firstRow, rowCount);
      return STATUS.OK;
    }),
    upbeat_weight_randomize: state.guard("upbeat_weight_randomize", (stream, weight, firstRow, rowCount, scale) => {
      if (!Number.isFinite(scale) || scale <= 0) refuse(`scale: must be finite and above 0, got ${scale}`);
      load(stream, weight, firstRow, rowCount);
      return STATUS.OK;
    }),
    upbeat_weight_destroy: state.guard("upbeat_weight_destroy", (weight) => {
      state.memory.unreserve("weights", state.get("weight", weight, Weight).bytes);
      state.remove(weight);
      return STATUS.OK;
    }),
  } satisfies Partial<Symbols>;
}
