// The state of the online softmax (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022): of the keys seen so
// far the largest score m, the sum l of the weights 2^(score - m), and the sum o of the values by these weights.
#pragma once

#include <cmath>

#include "cuda/kernels/common/machine.h"

namespace upbeat {

// How the state of a later split is added. A row that sees none of its keys leaves it out; to nothing, m of -infinity
// and zeros, it is added as it is.
struct Merge {
  float m, keep, add;

  __device__ Merge(float m_, float next) : m(fmaxf(m_, next)) {
    keep = exp2f(m_ - m);
    add = exp2f(next - m);
  }
  __device__ float of(float value, float next) const { return fmaf(next, add, value * keep); }
};

// What a lane holds for its rows g and g + 8 of a product, in registers: l and o as products leave them (see mma_bf16);
// l is a product with a column of ones, all of whose columns are alike.
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
