// Linear for weights of quantized blocks and int8 inputs.
//
// The weights of a step of 32 inputs are unpacked into registers once, for as many outputs as a register has lanes, and
// then meet all rows of a block of rows: decode (one row) and prefill (many) are the same code. So memory is read in
// one stream, as packed as in the file, unpacking costs nothing for many rows, and a row's sums take the same
// operations in the same order whatever the other rows: for each run of inputs in ascending order
//
//   sum = (integer sum of products) * (scale of the weights * scale of the inputs) + sum      in one rounding
//   sum = offset of the weights * (scale of the inputs * integer sum of the inputs) + sum     where there are offsets
#pragma once

#include "cpu/kernels/common/scratch.inl"
#include "cpu/kernels/linear/gemm_scratch.inl"
#include "cpu/kernels/linear/panels.inl"
#include "cpu/kernels/linear/partition.inl"
#include "cpu/kernels/linear/weight_layout.h"
#include "cpu/kernels/quantized/block_codes.inl"
#include "cpu/kernels/quantized/quantized_input.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// How far ahead a panel is prefetched.
inline constexpr size_t kBlockPrefetchBytes = 16384;

struct BlockScratch {
  alignas(64) float sums[kInt8BlockRows * kPanelColumns];  // [row][32]
};

// Vectors of weights of a step that fit the registers, so that they share the broadcasts of the inputs.
#if defined(UPBEAT_KERNELS_AVX512)
inline constexpr int kVectors = 2;
#else
inline constexpr int kVectors = 1;
#endif

// A step of kVectors * kOutputs outputs in registers.
template <typename C>
struct StepRegisters {
  Bytes weights[kVectors][kStepGroups];
  Floats scales[kVectors][C::kRuns];
  Floats offsets[kVectors][C::kRuns];
};

// Multiplies a step with `rows` rows, and adds to their sums.
template <typename C>
[[gnu::always_inline]] inline void multiply_step(const StepRegisters<C>& step, const InputStep* inputs, int rows,
                                                 bool first, float* sums) {
  constexpr int kRunGroups = kStepGroups / C::kRuns;
  for (int row = 0; row < rows; row++, sums += kPanelColumns) {
    const InputStep& input = inputs[row];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; v++) {
      Floats sum = first ? Floats{} : load_vector<Floats>(sums + v * kOutputs);
#pragma GCC unroll 2
      for (int run = 0; run < C::kRuns; run++) {
        const Ints products = sum_products<C::kProducts, kRunGroups>(step.weights[v] + run * kRunGroups,
                                                                     input.values + run * C::kRun, input.starts[run]);
        sum = multiply_add(to_floats(products), step.scales[v][run] * broadcast_float(input.scale), sum);
        if (C::kOffsets) sum = multiply_add(step.offsets[v][run], broadcast_float(input.sums[run]), sum);
      }
      store_vector(sum, sums + v * kOutputs);
    }
  }
}

// sums [rows][32] = a panel x `rows` rows. [[gnu::noinline]]: one copy for each kind of codes.
template <typename C>
[[gnu::noinline]] void multiply_block_panel(const BlockFormat& format, const uint8_t* panel, const InputStep* inputs,
                                            int row_steps, int rows, float* sums) {
  const BlockLayout layout = block_layout(format);
  const WeightStep<C> weight_step(format);
  constexpr size_t kScaleBytes = C::kScales ? 32 * C::kRuns * (C::kOffsets ? 2 : 1) : 0;
  constexpr size_t kStepBytes = kScaleBytes + size_t(kLineBytes32) * C::kBits;
  const uint8_t* step = panel;
  for (int index = 0; index < row_steps; index += layout.steps) {
    const uint8_t* header = step;
    step += layout.header_bytes;
    for (int i = 0; i < layout.steps; i++, step += kStepBytes, inputs += rows) {
      for (int lanes = 0; lanes < kPanelColumns; lanes += kVectors * kOutputs) {
        // A few lines at a time: more than a core can have in flight would delay the loads behind them.
        constexpr size_t kPart = (kStepBytes + 64) * kVectors * kOutputs / kPanelColumns;
        const uint8_t* ahead = step + kBlockPrefetchBytes + kPart * size_t(lanes / (kVectors * kOutputs));
        for (size_t line = 0; line < kPart; line += 64) __builtin_prefetch(ahead + line);
        StepRegisters<C> registers;
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++) {
          load_scales<C>(format, header, step, lanes + v * kOutputs, registers.scales[v], registers.offsets[v]);
          weight_step.load(step + kScaleBytes, lanes + v * kOutputs, registers.weights[v]);
        }
        multiply_step<C>(registers, inputs, rows, index + i == 0, sums + lanes);
      }
    }
  }
}

inline bool linear_blocks(const LinearArguments& arguments, ThreadPool& pool, Fault& fault) {
  if (arguments.rows == 0) return true;
  const PackedWeight& weight = arguments.weight;
  const BlockFormat& format = block_format(weight.source.blocks);
  const int row_steps = weight.columns / kStepColumns;
  const int row_blocks = ceil_divide(arguments.rows, kInt8BlockRows);
  const size_t input_bytes = size_t(arguments.rows) * size_t(row_steps) * sizeof(InputStep);
  auto* steps = reinterpret_cast<InputStep*>(packed_input_memory().reserve(input_bytes));
  if (steps == nullptr) return fail_memory(fault, "linear", input_bytes);
  const LinearOutput output = {arguments.bias, arguments.residual, arguments.output, size_t(weight.rows)};
  const size_t panel_size = block_panel_bytes(weight);

  const int zero = with_codes(weight.source.blocks, [&]<typename C>() { return zero_of<C>(format); });
  const InputForm form = {format.run, zero};
  for_ranges(pool, arguments.rows, grain_of(weight.columns), [&](int begin, int end) {
    for (int row = begin; row < end; row++) {
      const int row_block = int((int64_t(row + 1) * row_blocks - 1) / arguments.rows);
      const EvenPart rows(arguments.rows, row_blocks, row_block);
      const float* input = arguments.input + size_t(row) * size_t(weight.columns);
      InputStep* step = steps + size_t(rows.start) * size_t(row_steps) + size_t(row - rows.start);
      for (int i = 0; i < row_steps; i++, step += rows.size) quantize_step(input + i * kStepColumns, form, *step);
    }
  });

  const auto run = [&](BlockScratch& scratch, int row_block, int first, int end, int) {
    const EvenPart rows(arguments.rows, row_blocks, row_block);
    const InputStep* inputs = steps + size_t(rows.start) * size_t(row_steps);
    for (int panel = first; panel < end; panel++) {
      const uint8_t* packed = static_cast<const uint8_t*>(weight.data) + size_t(panel) * panel_size;
      with_codes(weight.source.blocks, [&]<typename C>() {
        multiply_block_panel<C>(format, packed, inputs, row_steps, rows.size, scratch.sums);
      });
      output.store(scratch.sums, rows.size, size_t(rows.start), size_t(panel) * kPanelColumns, kPanelColumns);
    }
  };
  const int panels = panel_count(weight);
  return run_panels<BlockScratch>(pool, panels, row_blocks, panels, run, fault);
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
