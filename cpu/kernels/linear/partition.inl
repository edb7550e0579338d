// What all forms of linear share: where a finished sum goes, and how work is divided.
//
// SIMD lanes are output columns. A sum never leaves its lane and takes its products in ascending input k, so tiles of
// any height, blocks of any depth (sums are stored and reloaded as F32, which is exact), any number of threads and any
// instruction set with FMA give the same bits.
#pragma once

#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/linear/weight_layout.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// Where finished sums go.
struct LinearOutput {
  const float* bias;      // or null
  const float* residual;  // or null; may be output
  float* output;
  size_t columns;  // of the output: rows of the weight

  // Adds bias and residual to sums [rows][32], of which `width` columns belong to the output columns from `column` on,
  // and stores those inside the matrix. Not inlined into the many instances of the inner loops; their sums are in
  // memory that is still in the first-level cache.
  [[gnu::noinline]] void store(const float* sums, int rows, size_t row, size_t column, size_t width) const {
    if (column >= columns) return;
    if (width > columns - column) width = columns - column;
    const size_t whole = width / kLanes * kLanes;
    for (size_t at = row * columns + column; rows > 0; rows--, at += columns, sums += kPanelColumns) {
      for (size_t i = 0; i < whole; i += kLanes) {
        F32x16 value = F32x16::load(sums + i);
        if (bias != nullptr) value = value + F32x16::load(bias + column + i);
        if (residual != nullptr) value = value + F32x16::load(residual + at + i);
        value.store(output + at + i);
      }
      for (size_t i = whole; i < width; i++) {
        float value = sums[i];
        if (bias != nullptr) value = value + bias[column + i];
        if (residual != nullptr) value = value + residual[at + i];
        output[at + i] = value;
      }
    }
  }
};

// Cuts [0, items) into ranges that shrink towards the end (guided self-scheduling; Polychronopoulos and Kuck 1987):
// long ones first, for long streams and little scheduling, short ones last, so that no worker waits long for one that
// the system has interrupted.
struct GuidedRanges {
  static constexpr int kCapacity = 1024;
  int count = 0;
  int starts[kCapacity + 1];

  GuidedRanges(int items, int workers, int longest) {
    const int shortest = (items + kCapacity / 2 - 1) / (kCapacity / 2);
    int start = 0;
    while (start < items) {
      int length = (items - start + 2 * workers - 1) / (2 * workers);
      if (length > longest) length = longest;
      if (length < shortest) length = shortest;
      if (length > items - start || count == kCapacity - 1) length = items - start;
      starts[count++] = start;
      start += length;
    }
    starts[count] = items;
  }
};

// Part `index` of `items`, cut into `parts` of equal size give or take one.
struct EvenPart {
  int start;
  int size;
  EvenPart(int items, int parts, int index)
      : start(int(int64_t(items) * index / parts)), size(int(int64_t(items) * (index + 1) / parts) - start) {}
};

inline int ceil_divide(int a, int b) { return (a + b - 1) / b; }

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
