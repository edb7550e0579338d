/**
 * Reading and checking the header of a `.safetensors` file. The data is not read here: a tensor is a byte range that
 * the device library loads.
 *
 * The layout (https://github.com/huggingface/safetensors#format): 8 bytes, the header's length N as an unsigned
 * little-endian integer; N bytes of UTF-8 JSON that begin with `{` and may end in spaces; then the data. The JSON maps
 * a tensor's name to `{"dtype", "shape", "data_offsets": [begin, end]}`, with offsets counted from the end of the
 * header, and `"__metadata__"` to free text.
 *
 * The header is untrusted: as the format requires, the tensors must cover the data exactly, without overlaps, holes or
 * trailing bytes, and the length of each must match its shape and dtype. A dtype that is not part of the format is an
 * error only when the tensor is used.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { type ErrorDetails, showValue, UpbeatError } from "../../errors.ts";
import { foreignContent } from "../files/foreign_content.ts";
import { jsonExcess } from "../files/json_bounds.ts";
import { openRegularFile, type RegularFile } from "../files/regular_file.ts";
import { isObject } from "../files/text_file.ts";
import { bitsPerElement } from "./dtypes.ts";
import { duplicateMember } from "./header_json.ts";
import type { TensorInfo } from "./tensor_info.ts";

/** The checked header of one file. */
export interface SafetensorsHeader {
  /** The path it was read from. */
  readonly file: string;
  /** Length of the file in bytes. */
  readonly fileBytes: number;
  /** Every tensor by name, in the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/**
 * Limit on the header: that of 100,000 tensors, several times as many as any public file has. The reference implementation
 * allows 100 MB, which take ten seconds to parse.
 */
export const MAX_HEADER_BYTES = 16 * 2 ** 20;

/** Bytes before the header: its length. */
const LENGTH_BYTES = 8;

/** Bytes by which other formats are recognized. */
const SIGNATURE_BYTES = 64;

/**
 * Read and check the header of a safetensors file.
 *
 * @param file Path of the file.
 * @returns Every tensor's dtype, shape and byte range, all within the file.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` when the file does not exist; `WEIGHTS_INVALID`, naming the file and the
 * tensor concerned, when it violates the format.
 * @example
 * ```ts
 * const { tensors } = readSafetensorsHeader("model/model.safetensors");
 * for (const { name, dtype, shape } of tensors.values()) console.log(name, dtype, shape);
 * ```
 */
export function readSafetensorsHeader(file: string): SafetensorsHeader {
  const { json, dataStart, fileBytes } = readHeaderText(file);
  const excess = jsonExcess(json);
  if (excess !== null) throw invalid(file, `its header cannot be read: ${excess}`);
  let header: unknown;
  try {
    header = JSON.parse(json);
  } catch (error) {
    throw invalid(file, `its header is not valid JSON (${(error as Error).message}); download the file again`);
  }
  if (!isObject(header)) throw invalid(file, "its header is not a JSON object; download the file again");
  const duplicate = duplicateMember(json);
  if (duplicate !== null) throw invalid(file, `its header has two members named ${showValue(duplicate)}`, duplicate);

  const tensors: TensorInfo[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name !== "__metadata__") tensors.push(readEntry(file, name, entry, dataStart));
  }
  tensors.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  checkCoverage(file, tensors, dataStart, fileBytes);
  return { file, fileBytes, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}

/** The header's text, where the data starts, and the file's length. */
function readHeaderText(file: string): { json: string; dataStart: number; fileBytes: number } {
  using opened = openRegularFile(file, "WEIGHTS_INVALID", "MODEL_NOT_FOUND");
  if (opened === null) {
    throw new UpbeatError("MODEL_NOT_FOUND", `weight file ${file} does not exist; download it`, { file });
  }
  const { bytes: fileBytes } = opened;
  const start = readFully(file, opened, 0, Math.min(fileBytes, SIGNATURE_BYTES));
  if (start.length < LENGTH_BYTES) {
    throw invalid(file, `it has ${fileBytes} bytes, fewer than the 8 of the header's length; download it again`);
  }
  const foreign = foreignContent(start);
  if (foreign !== null) throw invalid(file, `it is ${foreign.text}`);
  const length = start.readBigUInt64LE();
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw invalid(file, `it claims a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are read`);
  }
  const headerBytes = Number(length);
  const dataStart = LENGTH_BYTES + headerBytes;
  if (dataStart > fileBytes) {
    const missing = dataStart - fileBytes;
    throw invalid(
      file,
      `it claims a header of ${headerBytes} bytes but ends ${missing} bytes earlier; download it again`,
    );
  }
  if (start[LENGTH_BYTES] !== 0x7b) {
    throw invalid(file, "its header does not begin with '{'; it is not a safetensors file");
  }
  const bytes = readFully(file, opened, LENGTH_BYTES, headerBytes);
  try {
    return { json: new TextDecoder("utf-8", { fatal: true }).decode(bytes), dataStart, fileBytes };
  } catch {
    throw invalid(file, "its header is not valid UTF-8; download the file again");
  }
}

/** Exactly `length` bytes from `position`. */
function readFully(file: string, opened: RegularFile, position: number, length: number): Buffer {
  let bytes: Buffer;
  try {
    bytes = opened.read(position, length);
  } catch (error) {
    throw invalid(file, `it cannot be read (${(error as Error).message})`);
  }
  if (bytes.length < length) throw invalid(file, "it became shorter while it was read");
  return bytes;
}

/** One member of the header as a tensor, checked as far as possible on its own. */
function readEntry(file: string, name: string, entry: unknown, dataStart: number): TensorInfo {
  if (!isObject(entry)) throw invalid(file, `the entry of tensor ${showValue(name)} is not an object`, name);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string") throw invalid(file, `tensor ${showValue(name)} has no dtype`, name);
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw invalid(
      file,
      `tensor ${showValue(name)} has shape ${showValue(shape)}; it must be a list of integers from 0 to 2^53 - 1`,
      name,
    );
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw invalid(
      file,
      `tensor ${showValue(name)} has data_offsets ${showValue(offsets)}; it must be two integers from 0 to 2^53 - 1`,
      name,
    );
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) throw invalid(file, `tensor ${showValue(name)} begins at ${begin}, after its end ${end}`, name);
  if (!Number.isSafeInteger(dataStart + end)) {
    throw invalid(file, `tensor ${showValue(name)} ends beyond 2^53 bytes`, name);
  }
  checkByteLength(file, name, dtype, shape, end - begin);
  return { name, file, dtype, shape, offset: dataStart + begin, byteLength: end - begin };
}

/** Refuse a tensor whose byte range does not match its shape and dtype. */
function checkByteLength(file: string, name: string, dtype: string, shape: readonly number[], byteLength: number) {
  let elements = 1;
  for (const length of shape) {
    elements *= length;
    if (!Number.isSafeInteger(elements)) {
      throw invalid(file, `tensor ${showValue(name)} has shape [${shape.join(", ")}], more than 2^53 elements`, name);
    }
  }
  const bits = bitsPerElement(dtype);
  if (bits === undefined) return;
  // Divide first: the product could exceed 2^53 where the byte count does not.
  const expected = (elements / 8) * bits;
  if (expected !== byteLength) {
    throw invalid(
      file,
      `tensor ${showValue(name)} of dtype ${dtype} and shape [${shape.join(", ")}] takes ${expected} bytes, ` +
        `but its data_offsets span ${byteLength}`,
      name,
    );
  }
}

/** Refuse ranges that overlap, leave a hole, or do not end at the end of the file. `tensors` are sorted by offset. */
function checkCoverage(file: string, tensors: readonly TensorInfo[], dataStart: number, fileBytes: number): void {
  const last = tensors.reduce((end, tensor) => Math.max(end, tensor.offset + tensor.byteLength), dataStart);
  if (last > fileBytes) {
    const tensor = tensors.find(({ offset, byteLength }) => offset + byteLength > fileBytes) as TensorInfo;
    throw invalid(
      file,
      `it is truncated: it has ${fileBytes} bytes and ${last - fileBytes} are missing ` +
        `(tensor ${showValue(tensor.name)} ends at ${tensor.offset + tensor.byteLength}); download it again`,
      tensor.name,
    );
  }
  let end = dataStart;
  let previous = "";
  for (const { name, offset, byteLength } of tensors) {
    if (offset < end) throw invalid(file, `tensors ${showValue(previous)} and ${showValue(name)} overlap`, name);
    if (offset > end) {
      throw invalid(file, `${offset - end} bytes before tensor ${showValue(name)} belong to no tensor`, name);
    }
    end = offset + byteLength;
    previous = name;
  }
  if (end < fileBytes) throw invalid(file, `its last ${fileBytes - end} bytes belong to no tensor`);
}

function invalid(file: string, problem: string, tensor: string | null = null): UpbeatError {
  const details: ErrorDetails = tensor === null ? { file } : { file, tensor };
  return new UpbeatError("WEIGHTS_INVALID", `${file} is not a valid safetensors file: ${problem}`, details);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
