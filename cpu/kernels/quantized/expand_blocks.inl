// The weights of quantized blocks as F32, for products with F32 inputs.
#pragma once

#include "cpu/kernels/quantized/block_codes.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// Writes inputs [start, start + count) of a panel, whole steps, as [32 / width][input][width].
template <typename C>
[[gnu::noinline]] void expand_panel(const BlockFormat& format, const uint8_t* panel, int start, int count, int width,
                                    float* values) {
  const BlockLayout layout = block_layout(format);
  const WeightStep<C> weight_step(format);
  const int zero = zero_of<C>(format);
  for (int index = start / kStepColumns; index < (start + count) / kStepColumns;
       index++, values += kStepColumns * width) {
    const uint8_t* header = panel + size_t(index / layout.steps) * layout.block_bytes();
    const uint8_t* step = header + layout.header_bytes + index % layout.steps * layout.step_bytes;
    for (int lanes = 0; lanes < kPanelColumns; lanes += kOutputs) {
      Floats scales[C::kRuns], offsets[C::kRuns];
      load_scales<C>(format, header, step, lanes, scales, offsets);
      Bytes weights[kStepGroups];
      weight_step.load(step + layout.scale_bytes, lanes, weights);
      float* to = values + size_t(lanes / width) * size_t(width) * size_t(count) + lanes % width;
      for (int k = 0; k < kStepColumns; k++, to += width) {
        const int run = k / C::kRun;
        const Ints bytes = Ints(weights[k / kGroupColumns]) << (24 - k % kGroupColumns * 8);
        const bool is_signed = C::kProducts == Products::wide && kWideZero == 0;
        typedef uint32_t Unsigned __attribute__((vector_size(kVectorBytes)));
        const Ints levels = is_signed ? bytes >> 24 : Ints(Unsigned(bytes) >> 24) - zero;
        Floats value = scales[run] * to_floats(levels);
        if (C::kOffsets) value = value + offsets[run];
        store_vector(value, to);
      }
    }
  }
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
