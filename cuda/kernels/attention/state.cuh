// The state of the online softmax (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022) for the keys seen so
// far: the largest score m, the sum l of the weights 2^(score - m), and the weighted sum o of the values.
#pragma once

#include <cmath>

#include "cuda/kernels/common/machine.h"

namespace upbeat {

// Adds the state of a later split, of which the row sees at least one key. Added to an empty state (m of -infinity and
// zeros), it stays unchanged.
struct Merge {
  float m, keep, add;

  __device__ Merge(float m_, float next) : m(fmaxf(m_, next)) {
    keep = exp2f(m_ - m);
    add = exp2f(next - m);
  }
  __device__ float of(float value, float next) const { return fmaf(next, add, value * keep); }
};

// A lane's part for its rows g and g + 8 of a product, in registers: l and o in the order of a product's sums (see
// mma_bf16). l is a product with columns of ones, which are all equal.
template <int DimTiles>
struct SoftmaxState {
  float m[2];
  float l[1][4];
  float o[DimTiles][4];

  __device__ void clear() {
    for (int half = 0; half < 2; half++) m[half] = -INFINITY;
    for (int i = 0; i < 4; i++) l[0][i] = 0;
#pragma unroll
    for (int n = 0; n < DimTiles; n++) {
      for (int i = 0; i < 4; i++) o[n][i] = 0;
    }
  }

  __device__ void scale(int half, float factor) {
    for (int i = 2 * half; i < 2 * half + 2; i++) l[0][i] *= factor;
#pragma unroll
    for (int n = 0; n < DimTiles; n++) {
      for (int i = 2 * half; i < 2 * half + 2; i++) o[n][i] *= factor;
    }
  }
};

}  // namespace upbeat
