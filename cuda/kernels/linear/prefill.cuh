// linear for many input rows, as in prefill.
//
// Memory access: a block computes a square tile of outputs x input rows and passes over the inputs once, 32 or 64 at a
// time. Its weights, and its inputs as BF16 terms (split.cuh), are copied to shared memory asynchronously, three stages
// deep: while one stage is multiplied, the next two are in flight, and a stage takes one barrier. A warp computes 64
// (32) outputs x 32 rows and reads its operands from shared memory in 16-byte loads, eight lanes on 128 contiguous
// bytes: no bank conflicts, so no swizzling. (F32 weights, 128 bytes a row, do have them.)
//
// The slices of arithmetic.cuh are processed in order. A thread has its part of the tile twice in registers: the sums
// of the current slice, and the totals, to which they are added at the end of a slice.
//
// The floor: 2 * rows * outputs * inputs * products per number / tensor-core peak, with 3 products for F32 inputs and
// BF16 weights, 1 for BF16 inputs. A stage of the large tile takes 128 * 128 * 32 * 3 multiply-adds for 32 KB from the
// second-level cache with F32 inputs, and a third of the products for 16 KB with BF16 inputs: at 1024 multiply-adds per
// clock and multiprocessor 21 bytes, or 32. So F32 inputs should be bound by the tensor cores; BF16 inputs are at the
// limit of a Hopper GPU's second-level cache (about 25 bytes), and registers have no room for a larger tile beside the
// totals. mma.sync does not reach Hopper's peak, which needs wgmma.
#pragma once

#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/linear/arithmetic.cuh"
#include "cuda/kernels/linear/split.cuh"

namespace upbeat {

// Tile: outputs and input rows of a block, 128 or 64.
template <typename Element, int InputTerms, int Tile>
struct PrefillShape {
  static constexpr int kWarpRows = 32;  // input rows
  static constexpr int kWarpOutputs = Tile / 2;
  static constexpr int kRowWarps = Tile / kWarpRows;
  static constexpr int kThreads = 2 * kRowWarps * 32;
  static constexpr int kOutputTiles = kWarpOutputs / kOutputTile;  // of a warp
  static constexpr int kRowGroups = kWarpRows / kGroupRows;        // of a warp
  static constexpr int kGroups = Tile / kGroupRows;                // of the block

  static constexpr int kStages = 3;
  static constexpr int kPieces = InputTerms == 1 ? 2 : 1;  // of a stage
  static constexpr int kWeightBytes = Tile * kLinearPiece * int(sizeof(Element));
  static constexpr int kInputBytes = InputTerms * 2 * kGroups * kGroupWords * 4;
  static constexpr int kPieceBytes = kWeightBytes + kInputBytes;
  static constexpr int kStageBytes = kPieces * kPieceBytes;
  static constexpr int kSharedBytes = kStages * kStageBytes;
  static_assert(kSharedBytes <= 99 << 10);  // of every GPU

  // Resident blocks, which bound the registers of a thread: as many as fit shared memory, or two for weights of three
  // terms, which need more registers.
  static constexpr int kBlocks = Tile == 128 ? 1 : kTermsOf<Element> == 1 ? 3 : 2;
};

// Starts the copies of one stage. All threads.
template <typename Element, int InputTerms, int Tile>
__device__ void load_stage(const PackedWeight& weight, Global<const uint32_t> planes, int first_output, int row_tile,
                           int groups, int stage, int slot) {
  using Shape = PrefillShape<Element, InputTerms, Tile>;
  constexpr int kPack = 16 / int(sizeof(Element));
  constexpr int kRowPacks = kLinearPiece / kPack;
  const int thread = int(threadIdx.x);
  const Global<const Element> weights = static_cast<const Element*>(weight.data);
  const int padded = int(padded_rows(weight));
#pragma unroll
  for (int i = 0; i < Shape::kPieces; i++) {
    const int piece = stage * Shape::kPieces + i;
    const int64_t at = int64_t(slot) * Shape::kStageBytes + i * Shape::kPieceBytes;
    const Shared<Element> tile = dynamic_shared<Element>(at);
#pragma unroll
    for (int item = 0; item < Tile * kRowPacks; item += Shape::kThreads) {
      const int row = (item + thread) / kRowPacks, pack = (item + thread) % kRowPacks;
      const int output = first_output + row;
      const bool present = output < padded;
      copy_async(tile + (row * kLinearPiece + pack * kPack),
                 weights + ((present ? output : 0) * weight.padded_columns + piece * kLinearPiece + pack * kPack),
                 present);
    }
    const Shared<uint32_t> inputs = dynamic_shared<uint32_t>(at + Shape::kWeightBytes);
    static_assert(Shape::kGroups * kGroupWords == 4 * Shape::kThreads);
#pragma unroll
    for (int part = 0; part < InputTerms * 2; part++) {  // of each term and step
      const int64_t source = (int64_t(piece) * InputTerms * 2 + part) * groups + row_tile * Shape::kGroups;
      copy_async(inputs + (part * Shape::kGroups * kGroupWords + 4 * thread),
                 planes + (source * kGroupWords + 4 * thread));
    }
  }
}

template <typename Element>
__device__ SplitEight<kTermsOf<Element>> read_weights(Shared<Element> from) {
  constexpr int kPack = RawEight<Element>::kPack;
  RawEight<Element> raw;
#pragma unroll
  for (int i = 0; i < 8 / kPack; i++) raw.packs[i] = load_pack<kPack>(from + i * kPack);
  return split_weights(raw);
}

// Adds the products of one piece to this warp's sums.
template <typename Element, int InputTerms, int Tile, int OutputTiles, int RowTiles>
__device__ void multiply_piece(int64_t at, float (&sums)[OutputTiles][RowTiles][4]) {
  using Shape = PrefillShape<Element, InputTerms, Tile>;
  constexpr int kTerms = kTermsOf<Element>;
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int output = warp / Shape::kRowWarps * Shape::kWarpOutputs + lane / 4;
  const Shared<Element> weights = dynamic_shared<Element>(at) + (output * kLinearPiece + 8 * (lane % 4));
  const Shared<uint32_t> inputs = dynamic_shared<uint32_t>(at + Shape::kWeightBytes) +
                                  (warp % Shape::kRowWarps * Shape::kRowGroups * kGroupWords + 4 * lane);
  SplitEight<kTerms> upper[OutputTiles], lower[OutputTiles];
#pragma unroll
  for (int tile = 0; tile < OutputTiles; tile++) {
    upper[tile] = read_weights(weights + tile * kOutputTile * kLinearPiece);
    lower[tile] = read_weights(weights + (tile * kOutputTile + 8) * kLinearPiece);
  }
#pragma unroll
  for (int step = 0; step < 2; step++) {
    Pack<uint32_t, 4> rows[InputTerms][RowTiles / 2];
#pragma unroll
    for (int term = 0; term < InputTerms; term++) {
#pragma unroll
      for (int group = 0; group < RowTiles / 2; group++) {
        rows[term][group] = load_pack<4>(inputs + ((2 * term + step) * Shape::kGroups + group) * kGroupWords);
      }
    }
    for_terms<kTerms, InputTerms>([&](int i, int j) {
#pragma unroll
      for (int tile = 0; tile < OutputTiles; tile++) {
#pragma unroll
        for (int row_tile = 0; row_tile < RowTiles; row_tile++) {
          const Pack<uint32_t, 4>& group = rows[j][row_tile / 2];
          const uint32_t four[2] = {group.v[row_tile % 2 * 2], group.v[row_tile % 2 * 2 + 1]};
          multiply_step(step, upper[tile].term[i], lower[tile].term[i], four, sums[tile][row_tile]);
        }
      }
    });
  }
}

// Blocks that share weights have consecutive indices. `row_tiles`: of the grid; the planes have as many rows.
template <typename Element, int InputTerms, int Tile>
__global__ void __launch_bounds__(PrefillShape<Element, InputTerms, Tile>::kThreads,
                                  PrefillShape<Element, InputTerms, Tile>::kBlocks)
    linear_prefill_kernel(LinearArguments arguments, int row_tiles, const uint32_t* planes, FaultSlot faults) {
  using Shape = PrefillShape<Element, InputTerms, Tile>;
  constexpr int kOutputTiles = Shape::kOutputTiles, kRowTiles = 2 * Shape::kRowGroups;
  begin_kernel();
  if (block_faulted(faults)) return;
  const PackedWeight& weight = arguments.weight;
  const int row_tile = int(blockIdx.x) % row_tiles;
  const int first_output = int(blockIdx.x) / row_tiles * Tile;
  const int groups = row_tiles * Shape::kGroups;
  const int windows = linear_windows(weight.columns);
  constexpr int kWindowStages = kWindowPieces / Shape::kPieces;
  const int stages = windows * kWindowStages;
  const auto begin_stage = [&](int stage) {
    if (stage < stages) {
      load_stage<Element, InputTerms, Tile>(weight, planes, first_output, row_tile, groups, stage,
                                            stage % Shape::kStages);
    }
    copy_async_commit();  // also an empty group, so that there is one for every stage
  };

  float totals[kOutputTiles][kRowTiles][4] = {};
  for (int stage = 0; stage < Shape::kStages - 1; stage++) begin_stage(stage);
  int stage = 0;
  for (int slice = 0; slice < kLinearSlices; slice++) {
    float sums[kOutputTiles][kRowTiles][4] = {};
    const int end = slice_begin(slice + 1, windows) * kWindowStages;
    for (; stage < end; stage++) {
      copy_async_wait<Shape::kStages - 2>();  // this thread's part of the stage has arrived
      __syncthreads();                        // all parts have, and the stage before is no longer needed
      begin_stage(stage + Shape::kStages - 1);
#pragma unroll
      for (int i = 0; i < Shape::kPieces; i++) {
        multiply_piece<Element, InputTerms, Tile>(
            int64_t(stage % Shape::kStages) * Shape::kStageBytes + i * Shape::kPieceBytes, sums);
      }
    }
#pragma unroll
    for (int tile = 0; tile < kOutputTiles; tile++) {
#pragma unroll
      for (int rows = 0; rows < kRowTiles; rows++) {
#pragma unroll
        for (int i = 0; i < 4; i++) totals[tile][rows][i] += sums[tile][rows][i];
      }
    }
  }
  copy_async_wait<0>();

  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int output_begin = first_output + warp / Shape::kRowWarps * Shape::kWarpOutputs + lane / 4;
  const int row_begin = row_tile * Tile + warp % Shape::kRowWarps * Shape::kWarpRows + 2 * (lane % 4);
  const Global<float> output = arguments.output;
#pragma unroll
  for (int rows = 0; rows < kRowTiles; rows++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int row = row_begin + rows * kRowTile + i % 2;
      if (row >= arguments.rows) continue;
#pragma unroll
      for (int tile = 0; tile < kOutputTiles; tile++) {
        const int column = output_begin + tile * kOutputTile + i / 2 * 8;
        if (column >= weight.rows) continue;
        const int64_t at = int64_t(row) * weight.rows + column;
        output[at] = finish_element(arguments, totals[tile][rows][i], column, at);
      }
    }
  }
}

}  // namespace upbeat
