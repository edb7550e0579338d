// linear for few input rows, as in decode.
//
// Memory access: the weights dominate, and each is needed once. A block reads the rows of 16 or 32 outputs from end to
// end, each warp one of the eight slices of the inputs, in 16-byte loads straight to registers, uncached in the first
// level. A lane has several pieces in registers or in flight, and loads another one as soon as one is used up; the
// first ones before the kernel waits for the kernels that compute its inputs. The inputs are small; they are read from
// the caches as F32 and split into BF16 terms.
//
// The floor: outputs * inputs * size of a weight / memory bandwidth. To keep 4.8 TB/s busy at 700 ns of latency takes
// 3.4 MB in flight, 25 KB on each of 132 multiprocessors. A warp has up to 4 KB of 16-bit weights in flight, four
// pieces of 16 outputs or two of 32, and a block of eight warps 32 KB: one block per multiprocessor suffices, and the
// registers have room for two. F32 weights need as much, with 32 outputs twice as much and room for one block. 2 * rows
// / (outputs of a block) times as many bytes come from the caches as from memory: as many with 16 outputs at 8 rows,
// twice as many with 32 at 32. There the caches become the limit, and prefill.cuh takes over.
//
// Needs input rows at multiples of 16 bytes with a multiple of four columns.
#pragma once

#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/linear/arithmetic.cuh"

namespace upbeat {

inline constexpr int kDecodeWarps = kLinearSlices;
inline constexpr int kDecodeThreads = kDecodeWarps * 32;

// A lane's weights of one piece, for each output tile: of outputs g and g + 8.
template <typename Element, int OutputTiles>
struct DecodePiece {
  RawEight<Element> upper[OutputTiles], lower[OutputTiles];
};

// `rows`: the start of the lane's weights.
template <typename Element, int OutputTiles>
__device__ DecodePiece<Element, OutputTiles> load_piece(const Global<const Element> (&rows)[OutputTiles],
                                                        int64_t stride, int piece) {
  constexpr int kPack = RawEight<Element>::kPack;
  DecodePiece<Element, OutputTiles> loaded;
#pragma unroll
  for (int tile = 0; tile < OutputTiles; tile++) {
#pragma unroll
    for (int i = 0; i < 8 / kPack; i++) {
      const Global<const Element> from = rows[tile] + (piece * kLinearPiece + i * kPack);
      loaded.upper[tile].packs[i] = load_pack_once<kPack>(from);
      loaded.lower[tile].packs[i] = load_pack_once<kPack>(from + 8 * stride);
    }
  }
  return loaded;
}

// Eight inputs of a row from a column on, which is a multiple of eight; zeros past the end.
template <int InputTerms>
__device__ SplitEight<InputTerms> load_inputs(Global<const float> row, int column, int columns) {
  float values[8];
#pragma unroll
  for (int i = 0; i < 8; i += 4) {
    Pack<float, 4> four = {};
    if (column + i < columns) four = load_pack<4>(row + (column + i));
#pragma unroll
    for (int j = 0; j < 4; j++) values[i + j] = four.v[j];
  }
  return split_eight<InputTerms>(values);
}

// The pieces that a lane has in registers or in flight, by the bytes of an input's weights.
__host__ __device__ constexpr int pieces_ahead(int bytes) { return bytes == 2 ? 4 : 2; }

// Least blocks resident on a multiprocessor, which bounds the registers of a thread.
__host__ __device__ constexpr int decode_blocks(int terms, int output_tiles) {
  return terms == 1 || output_tiles == 1 ? 2 : 1;
}

// OutputTiles of 16 outputs and RowTiles of 8 input rows, per block.
template <typename Element, int InputTerms, int OutputTiles, int RowTiles>
__global__ void __launch_bounds__(kDecodeThreads, decode_blocks(kTermsOf<Element>, OutputTiles))
    linear_decode_kernel(LinearArguments arguments, FaultSlot faults) {
  constexpr int kTerms = kTermsOf<Element>;
  constexpr int kOutputs = OutputTiles * kOutputTile, kRows = RowTiles * kRowTile;
  constexpr int kPitch = kOutputs + 1;  // keeps the lanes of a store on different banks
  __shared__ SharedArray<float, kLinearSlices * kRows * kPitch> partial;
  let_next_kernel_begin();
  const int slice = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int g = lane / 4, t = lane % 4;
  const int first_output = int(blockIdx.x) * kOutputs;
  const PackedWeight& weight = arguments.weight;
  const int columns = weight.columns;
  const Global<const float> input = arguments.input;
  const Global<const Element> weights = static_cast<const Element*>(weight.data);

  Global<const Element> rows[OutputTiles];
  const int padded = int(padded_rows(weight));
#pragma unroll
  for (int tile = 0; tile < OutputTiles; tile++) {
    const int output = first_output + tile * kOutputTile;
    // A tile past the last one is computed from the last one's weights, and not stored.
    rows[tile] = weights + ((output < padded ? output : padded - kOutputTile) + g) * weight.padded_columns + 8 * t;
  }

  constexpr int kAhead = pieces_ahead(OutputTiles * int(sizeof(Element)));
  const int windows = linear_windows(columns);
  const int begin = slice_begin(slice, windows) * kWindowPieces, end = slice_begin(slice + 1, windows) * kWindowPieces;
  DecodePiece<Element, OutputTiles> pieces[kAhead];
#pragma unroll
  for (int i = 0; i < kAhead; i++) {
    if (begin + i < end) pieces[i] = load_piece<Element, OutputTiles>(rows, weight.padded_columns, begin + i);
  }
  // The first weights are in flight while the kernel before ends; anything else may be written by it.
  wait_for_earlier_kernels();
  if (block_faulted(faults)) return;

  float sums[OutputTiles][RowTiles][4] = {};
  for (int first = begin; first < end; first += kAhead) {
#pragma unroll
    for (int i = 0; i < kAhead; i++) {
      const int piece = first + i;
      if (piece >= end) break;
      SplitEight<kTerms> upper[OutputTiles], lower[OutputTiles];
#pragma unroll
      for (int tile = 0; tile < OutputTiles; tile++) {
        upper[tile] = split_weights(pieces[i].upper[tile]);
        lower[tile] = split_weights(pieces[i].lower[tile]);
      }
      const int column = piece * kLinearPiece + 8 * t;
#pragma unroll
      for (int row_tile = 0; row_tile < RowTiles; row_tile++) {
        const int row = row_tile * kRowTile + g;
        SplitEight<InputTerms> inputs = {};
        if (row < arguments.rows) inputs = load_inputs<InputTerms>(input + int64_t(row) * columns, column, columns);
#pragma unroll
        for (int step = 0; step < 2; step++) {
          for_terms<kTerms, InputTerms>([&](int i, int j) {
            const uint32_t four[2] = {inputs.term[j][2 * step], inputs.term[j][2 * step + 1]};
#pragma unroll
            for (int tile = 0; tile < OutputTiles; tile++) {
              multiply_step(step, upper[tile].term[i], lower[tile].term[i], four, sums[tile][row_tile]);
            }
          });
        }
      }
      if (piece + kAhead < end) {
        pieces[i] = load_piece<Element, OutputTiles>(rows, weight.padded_columns, piece + kAhead);
      }
    }
  }

  // partial: [slice][row][output]
#pragma unroll
  for (int tile = 0; tile < OutputTiles; tile++) {
#pragma unroll
    for (int row_tile = 0; row_tile < RowTiles; row_tile++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int row = row_tile * kRowTile + 2 * t + i % 2;
        partial[(slice * kRows + row) * kPitch + tile * kOutputTile + g + i / 2 * 8] = sums[tile][row_tile][i];
      }
    }
  }
  __syncthreads();
  const Global<float> output = arguments.output;
  for (int i = int(threadIdx.x); i < kRows * kOutputs; i += kDecodeThreads) {
    const int row = i / kOutputs, column = i % kOutputs;
    if (row >= arguments.rows || first_output + column >= weight.rows) continue;
    float total = 0;
#pragma unroll
    for (int s = 0; s < kLinearSlices; s++) total += float(partial[(s * kRows + row) * kPitch + column]);
    const int64_t at = int64_t(row) * weight.rows + first_output + column;
    output[at] = finish_element(arguments, total, first_output + column, at);
  }
}

}  // namespace upbeat
