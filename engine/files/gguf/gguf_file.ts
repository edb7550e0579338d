/**
 * Reading and checking a GGUF file: metadata and the directory of tensors. The data is not read here: a tensor is a byte
 * range that the device library loads.
 *
 * The layout, all of it little-endian (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): the letters `GGUF`; a
 * version, 2 or 3; the number of tensors and of metadata pairs; the pairs; for each tensor its name, dimensions (the
 * innermost first), type, and offset from the beginning of the data; padding up to the alignment; the data.
 *
 * The header is untrusted: every count and length is checked against the file before memory is taken for it, and tensors
 * must lie within the file, aligned and without overlaps.
 *
 * @module
 */
import { showValue, UpbeatError } from "../../../errors.ts";
import { openRegularFile } from "../regular_file.ts";
import { GgufCursor } from "./gguf_cursor.ts";
import { GgufMetadata } from "./gguf_metadata.ts";
import { type GgufTensorType, ggufTensorType } from "./gguf_types.ts";

/** One tensor of a file. */
export interface GgufTensor {
  /** Its name, such as `blk.0.attn_q.weight`. */
  readonly name: string;
  /** Path of its file. */
  readonly file: string;
  /** How its elements are stored. */
  readonly type: GgufTensorType;
  /** Lengths of its dimensions, outermost first. */
  readonly shape: readonly number[];
  /** Position of its first byte, from the beginning of the file. */
  readonly offset: number;
  /** Its length in bytes. */
  readonly byteLength: number;
}

/** The checked header of one file. */
export interface GgufFile {
  /** The path it was read from. */
  readonly file: string;
  /** Length of the file in bytes. */
  readonly fileBytes: number;
  readonly metadata: GgufMetadata;
  /** Every tensor by name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** `GGUF` as a little-endian integer. */
const MAGIC = 0x46554747;
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 2 ** 20;
/** Several times as many as any public file has. */
const MAX_TENSORS = 100_000;
/** The reference reader's limits. */
const MAX_DIMENSIONS = 4;
const MAX_NAME_BYTES = 1024;

/**
 * Whether a file is in GGUF format, whatever its name: Ollama's, for example, have none of their own.
 *
 * @param path The path.
 * @returns False also where there is no file, or it cannot be read.
 */
export function isGgufFile(path: string): boolean {
  try {
    using file = openRegularFile(path, "WEIGHTS_INVALID");
    return file !== null && file.bytes >= 4 && file.read(0, 4).readUInt32LE() === MAGIC;
  } catch {
    return false;
  }
}

/**
 * Read and check the header of a GGUF file.
 *
 * @param path Path of the file.
 * @returns Its metadata, and every tensor's type, shape and byte range.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` when the file does not exist; `MODEL_UNSUPPORTED` for version 1 and big-endian
 * files; `WEIGHTS_INVALID`, naming the file and the key or tensor concerned, when it violates the format.
 * @example
 * ```ts
 * const { metadata, tensors } = readGgufFile("models/SmolLM2-135M-Q8_0.gguf");
 * console.log(metadata.text("general.architecture"), tensors.size);
 * ```
 */
export function readGgufFile(path: string): GgufFile {
  using file = openRegularFile(path, "WEIGHTS_INVALID", "MODEL_NOT_FOUND");
  if (file === null) {
    throw new UpbeatError("MODEL_NOT_FOUND", `GGUF file ${path} does not exist; download it`, { file: path });
  }
  const cursor = new GgufCursor(path, file);
  if (cursor.uint32() !== MAGIC) throw cursor.invalid("it does not begin with GGUF");
  checkVersion(path, cursor.uint32());
  const tensorCount = cursor.uint64();
  const metadata = new GgufMetadata(path, cursor, cursor.uint64());
  const tensors = readTensors(path, cursor, tensorCount, alignmentOf(metadata));
  return { file: path, fileBytes: file.bytes, metadata, tensors };
}

function checkVersion(path: string, version: number): void {
  if (version === 2 || version === 3) return;
  const problem = version !== 0 && (version & 0xffff) === 0
    ? "is a big-endian GGUF file; only little-endian ones can be read"
    : `is a GGUF file of version ${version}; versions 2 and 3 can be read`;
  throw new UpbeatError("MODEL_UNSUPPORTED", `${path} ${problem}: convert the model again`, { file: path, version });
}

function alignmentOf(metadata: GgufMetadata): number {
  const key = "general.alignment";
  const alignment = metadata.number(key) ?? DEFAULT_ALIGNMENT;
  if (!Number.isInteger(alignment) || alignment < 1 || alignment > MAX_ALIGNMENT) {
    throw metadata.invalid(key, `an integer from 1 to ${MAX_ALIGNMENT}`);
  }
  return alignment;
}

function readTensors(path: string, cursor: GgufCursor, count: number, alignment: number): Map<string, GgufTensor> {
  if (count > MAX_TENSORS) throw cursor.invalid(`it claims ${count} tensors; at most ${MAX_TENSORS} are read`);
  const entries: GgufTensor[] = [];
  for (let index = 0; index < count; index++) entries.push(readTensor(path, cursor, index, alignment));
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const entry of entries) {
    const tensor = { ...entry, offset: dataStart + entry.offset };
    const { name } = tensor;
    if (tensors.has(name)) throw cursor.invalid(`it has two tensors ${showValue(name)}`, { tensor: name });
    const missing = tensor.offset + tensor.byteLength - cursor.fileBytes;
    if (missing > 0) {
      throw cursor.invalid(
        `it is truncated: tensor ${showValue(name)} ends ${missing} bytes after the file; download it again`,
        { tensor: name },
      );
    }
    tensors.set(name, tensor);
  }
  checkOverlaps(cursor, [...tensors.values()]);
  return tensors;
}

/** One entry of the directory, its offset counted from the beginning of the data. */
function readTensor(path: string, cursor: GgufCursor, index: number, alignment: number): GgufTensor {
  const nameBytes = cursor.uint64();
  if (nameBytes > MAX_NAME_BYTES) throw cursor.invalid(`the name of tensor ${index} has ${nameBytes} bytes`);
  const name = cursor.textAt(cursor.take(nameBytes), nameBytes);
  const invalid = (problem: string) => cursor.invalid(`tensor ${showValue(name)} ${problem}`, { tensor: name });
  const dimensions = cursor.uint32();
  if (dimensions > MAX_DIMENSIONS) {
    throw invalid(`has ${dimensions} dimensions; at most ${MAX_DIMENSIONS} are possible`);
  }
  const shape = Array.from({ length: dimensions }, () => cursor.uint64()).reverse();
  const elements = shape.reduce((product, length) => product * length, 1);
  if (!Number.isSafeInteger(elements)) throw invalid(`has ${elements} elements`);
  const number = cursor.uint32();
  const type = ggufTensorType(number);
  if (type === undefined) throw invalid(`has the unknown type ${number}`);
  const columns = shape.at(-1) ?? 1;
  if (columns % type.columns !== 0) {
    throw invalid(`has rows of ${columns} elements, which are not whole ${type.name} blocks of ${type.columns}`);
  }
  const offset = cursor.uint64();
  if (!Number.isSafeInteger(offset) || offset % alignment !== 0) {
    throw invalid(`begins at ${offset}, which is no multiple of the alignment, ${alignment}`);
  }
  return { name, file: path, type, shape, offset, byteLength: (elements / type.columns) * type.bytes };
}

function checkOverlaps(cursor: GgufCursor, tensors: GgufTensor[]): void {
  tensors.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let [end, previous] = [0, ""];
  for (const { name, offset, byteLength } of tensors) {
    if (offset < end) {
      throw cursor.invalid(`tensors ${showValue(previous)} and ${showValue(name)} overlap`, { tensor: name });
    }
    [end, previous] = [offset + byteLength, name];
  }
}
