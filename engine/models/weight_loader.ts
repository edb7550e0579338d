/**
 * Loading weights: matrices as the library's opaque handles, norms and biases as F32 vectors.
 *
 * @module
 */
import { BLOCK_TYPES, DTYPE, INPUT_DTYPE, type InputDtype } from "../../ffi/abi.ts";
import type { Device } from "../../ffi/interface.ts";
import type { StreamHandle } from "../../ffi/types.ts";
import { realFile } from "../../ffi/virtual_file.ts";
import { isWeightDtype } from "../weights/dtypes.ts";
import { DummyWeights } from "./dummy_weights.ts";
import { isMatrix, type Matrix, type Vector } from "./memory_plan.ts";
import type { ModelPlan } from "./model_plan.ts";

/**
 * What weight matrices are multiplied with: activations as they are, rounded to bfloat16, or (`"auto"`) as 8-bit integers
 * with scales where the weights are block-quantized and the library is the CPU's, else as they are.
 */
export type ActivationType = "auto" | "float32" | "bfloat16";

/** Called as weights arrive on the device. */
export type WeightProgress = (loadedBytes: number, totalBytes: number) => void;

/** Vectors start on cache lines. */
const VECTOR_ALIGNMENT = 64;

/**
 * Load a model's weights and wait for them. Progress counts bytes that have arrived; a section is waited for once the
 * next one is enqueued, so that reporting does not interrupt the reads.
 *
 * @param device The device; it owns the weights' memory.
 * @param stream The stream that reads the files.
 * @param plan Which bytes become which weight.
 * @param activations What the matrices are multiplied with.
 * @param onProgress Called once the first section is enqueued, and as each arrives; when it throws, nothing more is loaded.
 * @param dummySeed Seed of weights that are in no file: matrices are random, norms 1, biases 0.
 * @throws {UpbeatError} `WEIGHTS_INVALID` when a file cannot be read, `DEVICE_OUT_OF_MEMORY`, `DEVICE_FAULT`;
 *   `DEVICE_UNAVAILABLE` when the device has no kernels for these activations.
 */
export function loadWeights(
  device: Device,
  stream: StreamHandle,
  plan: Pick<ModelPlan, "memory" | "weightBytes">,
  activations: ActivationType,
  onProgress: WeightProgress,
  dummySeed: number,
): void {
  const { sections } = plan.memory;
  const vectors = sections.flat().filter((weight): weight is Vector => !isMatrix(weight));
  const vectorBytes = vectors.reduce((sum, vector) => sum + alignedBytes(vector), 0);
  const vectorMemory = device.allocate(Math.max(VECTOR_ALIGNMENT, vectorBytes));
  let vectorOffset = 0;
  const dummies = new DummyWeights(device, stream, dummySeed);
  let enqueuedBytes = 0;

  const takesIntegers = activations === "auto" && device.info().library === "cpu";

  function inputDtype(weights: Matrix["dtype"]): InputDtype {
    if (activations === "bfloat16") return INPUT_DTYPE.BF16;
    return takesIntegers && !isWeightDtype(weights) ? INPUT_DTYPE.I8 : INPUT_DTYPE.F32;
  }

  function loadMatrix(matrix: Matrix): void {
    const { dtype, rows, columns, isMultiplied, parts } = matrix;
    const input = isMultiplied ? inputDtype(dtype) : INPUT_DTYPE.F32;
    const code = isWeightDtype(dtype) ? DTYPE[dtype] : BLOCK_TYPES[dtype].dtype;
    const weight = matrix.handle = device.createWeight(code, rows, columns, input);
    let row = 0;
    for (const part of parts) {
      if (part.file === null) dummies.fillRows(weight, row, part);
      else device.loadWeight(stream, weight, row, part.rows, realFile(part.file), part.offset, part.pairedRows);
      row += part.rows;
      enqueuedBytes += part.byteLength;
    }
  }

  function loadVector(vector: Vector): void {
    let offset = vectorOffset;
    vector.pointer = vectorMemory.at(offset);
    for (const part of vector.parts) {
      const destination = vectorMemory.at(offset);
      if (part.file === null) dummies.fillVector(destination, part);
      else device.loadMemory(stream, destination, realFile(part.file), part.offset, DTYPE[part.dtype], part.rows);
      offset += part.rows * 4;
      enqueuedBytes += part.byteLength;
    }
    vectorOffset += alignedBytes(vector);
  }

  let waitForSection = () => onProgress(0, plan.weightBytes);
  for (const section of sections) {
    for (const weight of section) {
      if (isMatrix(weight)) loadMatrix(weight);
      else loadVector(weight);
    }
    const [event, bytes] = [device.createEvent(), enqueuedBytes];
    device.check(device.symbols.upbeat_event_record(event, stream));
    waitForSection();
    waitForSection = () => {
      device.waitEvent(event);
      device.destroyEvent(event);
      onProgress(bytes, plan.weightBytes);
    };
  }
  waitForSection();
  dummies.release();
}

function alignedBytes({ length }: Vector): number {
  return Math.ceil((length * 4) / VECTOR_ALIGNMENT) * VECTOR_ALIGNMENT;
}
