// linear of every kernel set of this machine against two references: a float64 product with the error bound of a
// recursive sum (Higham 2002, section 3.1), and, bit for bit, a plain loop of fmaf over ascending inputs, which is what
// upbeat.h promises for every number of rows and threads. (The portable set multiplies and adds in two roundings, AMX
// adds the products of BF16 terms tile by tile; so do their references.)
#include <algorithm>

#include "tests/native/support/matrix.h"
#include "tests/native/support/sanitized.h"

using upbeat::Dtype;
using upbeat::KernelSet;

namespace {

// Rounds to BF16, ties to even.
float nearest_bf16(float value) {
  const uint32_t bits = float_to_bits(value);
  return value != value ? value : bits_to_float((bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u);
}

// As TDPBF16PS adds (Intel SDM): for 32 inputs and each of an input's BF16 terms, one chain of even and one of odd
// products; their sum is added to the sum so far. Exact inputs have three terms, rounded ones have one.
float tile_sum(const float* input, const float* weights, int columns, int terms) {
  float sum = 0.0f;
  for (int start = 0; start < columns; start += 32) {
    float chains[3][2] = {};
    for (int k = start; k < start + 32 && k < columns; k++) {
      float rest = input[k];
      for (int i = 0; i < terms; i++) {
        float(&chain)[2] = chains[i];
        const float term = bits_to_float(float_to_bits(rest) & 0xffff0000u);
        chain[k % 2] = std::fmaf(term, weights[k], chain[k % 2]);
        rest = std::isfinite(rest) ? rest - term : 0.0f;
      }
    }
    for (int i = 0; i < terms; i++) sum = sum + (chains[i][0] + chains[i][1]);
  }
  return sum;
}

// Products in ascending k, by fma from zero.
float chain_sum(const float* input, const float* weights, int columns, bool fused) {
  float sum = 0.0f;
  for (int k = 0; k < columns; k++) {
    if (fused) {
      sum = std::fmaf(input[k], weights[k], sum);
    } else {
      volatile float product = input[k] * weights[k];
      sum = sum + product;
    }
  }
  return sum;
}

enum class Extras { none, bias, residual, both_in_place };

struct Case {
  Dtype dtype;
  int rows, inputs, outputs;
  Extras extras = Extras::none;
  float special = 0;     // put into one weight and one input, unless 0
  bool rounded = false;  // inputs rounded to BF16
  int threads = 3;
};

// Results of more work than this are compared in a sample of about as many rows and columns as below, edges included.
// With sanitizers that is nearly all of them: sanitizers check the accesses, and every number is compared where the
// same test runs without them.
constexpr double kWorkComparedWhole = kSanitized ? 1e4 : 4e6;
constexpr int kSampledRows = kSanitized ? 4 : 11, kSampledColumns = kSanitized ? 8 : 61;

// The place after `at` in steps that always include the last one.
int next_sampled(int at, int count, int step) { return at == count - 1 ? count : at + std::min(step, count - 1 - at); }

// The operands of a case and what the kernel made of them.
struct Run {
  Matrix matrix, input, bias, residual;
  std::vector<float> output;

  Run(const KernelSet& kernels, const Case& c, Random& random)
      : matrix(c.dtype, c.outputs, c.inputs, random),
        input(Dtype::f32, c.rows, c.inputs, random),
        bias(Dtype::f32, 1, c.outputs, random),
        residual(Dtype::f32, c.rows, c.outputs, random),
        output(size_t(c.rows) * c.outputs, 7.0f) {
    if (c.special != 0.0f) {
      matrix.set(size_t(random.below(c.outputs)) * c.inputs + random.below(c.inputs), c.special);
      input.set(size_t(random.below(c.rows * c.inputs)), c.special);
    }
    Packed packed(kernels, c.dtype, c.outputs, c.inputs);
    packed.weight.input = c.rounded ? upbeat::InputType::bf16 : upbeat::InputType::f32;
    packed.fill(kernels, pool_of(c.threads), matrix, 0, c.outputs);
    const bool in_place = c.extras == Extras::both_in_place;
    if (in_place) std::copy_n(residual.floats(), output.size(), output.data());
    run_kernel<upbeat::LinearArguments>(kernels.linear,
                                        {packed.weight, input.floats(), has_bias(c) ? bias.floats() : nullptr,
                                         in_place          ? output.data()
                                         : has_residual(c) ? residual.floats()
                                                           : nullptr,
                                         c.rows, output.data()},
                                        pool_of(c.threads));
  }

  static bool has_bias(const Case& c) { return c.extras == Extras::bias || c.extras == Extras::both_in_place; }
  static bool has_residual(const Case& c) { return c.extras == Extras::residual || c.extras == Extras::both_in_place; }
};

void check_element(const KernelSet& kernels, const Case& c, const Run& run, const std::vector<float>& weights, int row,
                   int column) {
  std::vector<float> in(run.input.floats() + size_t(row) * c.inputs, run.input.floats() + size_t(row + 1) * c.inputs);
  if (c.rounded) std::transform(in.begin(), in.end(), in.begin(), nearest_bf16);
  const size_t at = size_t(row) * c.outputs + column;
  float expected = uses_tiles(kernels, c.dtype)
                       ? tile_sum(in.data(), weights.data(), c.inputs, c.rounded ? 1 : 3)
                       : chain_sum(in.data(), weights.data(), c.inputs, std::strcmp(kernels.name, "portable") != 0);
  const float* bias = Run::has_bias(c) ? run.bias.floats() + column : nullptr;
  const float* residual = Run::has_residual(c) ? run.residual.floats() + at : nullptr;
  if (bias != nullptr) expected = expected + *bias;
  if (residual != nullptr) expected = expected + *residual;
  CHECK_FORMAT(same_value(expected, run.output[at]),
               "linear %s, %d threads, dtype %d, %d x %d -> %d, row %d column %d: %.9g, not %.9g", kernels.name,
               c.threads, int(c.dtype), c.rows, c.inputs, c.outputs, row, column, double(run.output[at]),
               double(expected));
  if (c.special != 0.0f) return;
  double exact = 0, magnitude = 0;
  for (int k = 0; k < c.inputs; k++) {
    exact += double(in[size_t(k)]) * weights[size_t(k)];
    magnitude += std::fabs(double(in[size_t(k)]) * weights[size_t(k)]);
  }
  if (bias != nullptr) exact += *bias, magnitude += std::fabs(*bias);
  if (residual != nullptr) exact += *residual, magnitude += std::fabs(*residual);
  const double bound = (c.inputs + 4) * 0x1p-23 * magnitude;
  CHECK_FORMAT(std::fabs(run.output[at] - exact) <= bound,
               "linear %s, %d x %d -> %d, row %d column %d: %.9g, not %.9g +- %.2g", kernels.name, c.rows, c.inputs,
               c.outputs, row, column, double(run.output[at]), exact, bound);
}

void check_linear(const KernelSet& kernels, const Case& c, Random& random) {
  const Run run(kernels, c, random);
  const bool sampled = double(c.rows) * c.inputs * c.outputs > kWorkComparedWhole;
  const int row_step = sampled ? 1 + c.rows / kSampledRows : 1;
  const int column_step = sampled ? 1 + c.outputs / kSampledColumns : 1;
  std::vector<float> weights(static_cast<size_t>(c.inputs));
  for (int column = 0; column < c.outputs; column = next_sampled(column, c.outputs, column_step)) {
    for (int k = 0; k < c.inputs; k++) weights[size_t(k)] = run.matrix.at(column, k);
    for (int row = 0; row < c.rows; row = next_sampled(row, c.rows, row_step)) {
      check_element(kernels, c, run, weights, row, column);
    }
  }
}

// Calls check(kernels, dtype) for every pair that there are kernels for.
template <typename Check>
void each_set(Check&& check) {
  for (const KernelSet* kernels : weight_kernel_sets()) {
    for (const Dtype dtype : weight_dtypes(*kernels)) check(*kernels, dtype);
  }
}

}  // namespace

TEST("linear agrees with both references for every number of rows of a tile, with ragged and whole panels") {
  Random random(1);
  each_set([&](const KernelSet& kernels, Dtype dtype) {
    for (int rows = 0; rows <= 44; rows++) {
      for (const int outputs : {1 + random.below(200), 32 * (1 + random.below(4))}) {
        check_linear(kernels,
                     {.dtype = dtype,
                      .rows = rows,
                      .inputs = 1 + random.below(300),
                      .outputs = outputs,
                      .extras = Extras(random.below(4)),
                      .threads = rows % 2 == 0 ? 1 : 3},
                     random);
      }
    }
  });
}

TEST("linear agrees with both references over several blocks of inputs, of rows, and of both") {
  Random random(2);
  each_set([&](const KernelSet& kernels, Dtype dtype) {
    for (const Case& c :
         {Case{dtype, 1, 4864, 100, Extras::bias}, Case{dtype, 3, 2048, 193, Extras::both_in_place},
          Case{dtype, 40, 1025, 190, Extras::both_in_place}, Case{dtype, 197, 64, 320, Extras::residual},
          Case{dtype, 400, 2100, 75, Extras::both_in_place},
          Case{.dtype = dtype, .rows = 193, .inputs = 3000, .outputs = 33, .threads = 1}}) {
      check_linear(kernels, c, random);
    }
  });
}

TEST("linear rounds inputs to BF16 where the weight was made for that") {
  Random random(3);
  for (const KernelSet* kernels : weight_kernel_sets()) {
    if (!kernels->rounds_inputs) continue;
    for (const int rows : {1, 3, 16, 17, 33, 70, 200}) {
      check_linear(*kernels,
                   {.dtype = Dtype::bf16,
                    .rows = rows,
                    .inputs = 1 + random.below(3000),
                    .outputs = 1 + random.below(200),
                    .extras = Extras(random.below(4)),
                    .rounded = true,
                    .threads = rows % 2 == 0 ? 1 : 3},
                   random);
    }
    for (const float special : {NAN, INFINITY}) {
      check_linear(*kernels, {Dtype::bf16, 5, 70, 50, Extras::none, special, true}, random);
    }
  }
}

TEST("linear passes infinities and NaN on") {
  Random random(4);
  each_set([&](const KernelSet& kernels, Dtype dtype) {
    for (const float special : {INFINITY, -INFINITY, NAN}) {
      check_linear(kernels, {dtype, 2, 70, 50, Extras::bias, special}, random);
      check_linear(kernels, {dtype, 20, 70, 50, Extras::residual, special}, random);
    }
  });
}

TEST("kernel_set() has a widest set, and none for an unknown number") {
  CHECK(upbeat::kernel_set(UPBEAT_SIMD_AUTO) != nullptr);
  CHECK(upbeat::kernel_set(99) == nullptr);
}

int main() { return check::run_all(); }
