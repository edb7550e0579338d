// Correct kernels give the results of CUDA, without findings.
#include <cmath>
#include <random>

#include "kernel_test.h"

namespace {

__global__ void index_kernel(Global<int> output) {
  const int block = int(blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z));
  const int thread = int(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));
  output[block * 24 + thread] = block * 100 + thread;
}

__global__ void reverse_kernel(Global<const float> input, Global<float> output) {
  __shared__ SharedArray<float, 96> values;
  const int i = int(threadIdx.x);
  values[i] = input[blockIdx.x * 96 + i];
  __syncthreads();
  output[blockIdx.x * 96 + i] = values[95 - i];
}

__global__ void warp_sum_kernel(Global<const int> input, Global<int> output) {
  int value = input[threadIdx.x];
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  output[threadIdx.x] = value;
}

__global__ void shuffle_kernel(Global<int> output) {
  const int lane = int(threadIdx.x);
  output[lane] = __shfl_sync(0xffffffffu, lane * 10, (lane + 5) % 32);
  output[32 + lane] = __shfl_down_sync(0xffffffffu, lane, 4);
  output[64 + lane] = __shfl_up_sync(0xffffffffu, lane, 4);
  output[96 + lane] = int(__ballot_sync(0xffffffffu, lane % 3 == 0));
  output[128 + lane] = __any_sync(0xffffffffu, lane == 31) * 2 + __all_sync(0xffffffffu, lane < 31);
}

// Two halves of a warp diverge.
__global__ void halves_kernel(Global<int> output) {
  const int lane = int(threadIdx.x);
  if (lane < 16) {
    output[lane] = __shfl_xor_sync(0x0000ffffu, lane, 1);
  } else {
    output[lane] = __shfl_xor_sync(0xffff0000u, lane, 2);
  }
}

// A warp exchanges values through shared memory, ordered by __syncwarp() only.
__global__ void warp_exchange_kernel(Global<int> output) {
  __shared__ SharedArray<int, 64> slots;
  const int i = int(threadIdx.x);
  for (int round = 0; round < 3; round++) {
    slots[i] = i * 10 + round;
    __syncwarp();
    output[i] = slots[i ^ 1];
    __syncwarp();
  }
}

__global__ void atomics_kernel(Global<int> total, Global<int> least) {
  __shared__ SharedArray<int, 1> count;
  if (threadIdx.x == 0) count[0] = 0;
  __syncthreads();
  atomic_add(Shared<int>(count), 1);
  atomic_min(least, int(blockIdx.x * 1000 + threadIdx.x) - 7);
  __syncthreads();
  if (threadIdx.x == 0) atomic_add(total, int(count[0]));
}

__global__ void any_kernel(Global<int> output) {
  const int first = __syncthreads_or(threadIdx.x == 70);
  const int second = __syncthreads_or(0);
  output[threadIdx.x] = first * 2 + second;
}

// Dynamic shared memory, filled by asynchronous copies in two groups.
__global__ void copies_kernel(Global<const float> input, Global<float> output) {
  const Shared<float> buffer = dynamic_shared<float>();
  const int i = int(threadIdx.x);
  copy_async(buffer + 4 * i, input + 4 * i);
  copy_async_commit();
  copy_async(buffer + 128 + 4 * i, input + 128 + 4 * i, i < 16);
  copy_async_commit();
  copy_async_wait<1>();
  __syncthreads();
  store_pack(output + 4 * i, load_pack<4>(buffer + (124 - 4 * i)));
  copy_async_wait<0>();
  __syncthreads();
  store_pack(output + 128 + 4 * i, load_pack<4>(buffer + (252 - 4 * i)));
}

// The first i bytes of word i of 17.
__global__ void part_copies_kernel(Global<const uint32_t> input, Global<uint32_t> output) {
  const Shared<uint32_t> buffer = dynamic_shared<uint32_t>();
  const int i = int(threadIdx.x);
  copy_async_part(buffer + 4 * i, input + 4 * i, i);
  copy_async_commit();
  copy_async_wait<0>();
  store_pack(output + 4 * i, load_pack<4>(buffer + 4 * i));
}

// Four matrices that follow each other, their rows from the last to the first.
__global__ void matrices_kernel(Global<const uint32_t> input, Global<uint32_t> output) {
  const Shared<uint32_t> buffer = dynamic_shared<uint32_t>();
  const int lane = int(threadIdx.x);
  store_pack(buffer + 4 * (31 - lane), load_pack<4>(input + 4 * lane));
  __syncwarp();
  uint32_t words[4], transposed[4];
  load_matrix_x4(words, buffer + 4 * (31 - lane));
  load_matrix_x4_transposed(transposed, buffer + 4 * (31 - lane));
  for (int i = 0; i < 4; i++) {
    output[i * 32 + lane] = words[i];
    output[128 + i * 32 + lane] = transposed[i];
  }
}

__global__ void product_kernel(Global<const uint16_t> a, Global<const uint16_t> b, Global<const float> c,
                               Global<float> output) {
  const int g = int(threadIdx.x) / 4, t = int(threadIdx.x) % 4;
  const auto pair = [](Global<const uint16_t> at) { return uint32_t(at[0]) | uint32_t(at[1]) << 16; };
  const uint32_t left[4] = {pair(a + g * 16 + 2 * t), pair(a + (g + 8) * 16 + 2 * t), pair(a + g * 16 + 2 * t + 8),
                            pair(a + (g + 8) * 16 + 2 * t + 8)};
  // b is stored column by column.
  const uint32_t right[2] = {pair(b + g * 16 + 2 * t), pair(b + g * 16 + 2 * t + 8)};
  const int at[4] = {g * 8 + 2 * t, g * 8 + 2 * t + 1, (g + 8) * 8 + 2 * t, (g + 8) * 8 + 2 * t + 1};
  float sums[4] = {c[at[0]], c[at[1]], c[at[2]], c[at[3]]};
  mma_bf16(sums, left, right);
  for (int i = 0; i < 4; i++) output[at[i]] = sums[i];
}

}  // namespace

TEST("every thread of every block runs once, with its indices") {
  DeviceArray<int> output(24 * 30, -1);
  CHECK_CLEAN(findings_of<index_kernel>(dim3(5, 3, 2), dim3(4, 3, 2), 0, output.data()));
  for (int i = 0; i < 24 * 30; i++) CHECK_EQUAL(output[size_t(i)], i / 24 * 100 + i % 24);
}

TEST("a barrier lets every thread see what the others wrote to shared memory") {
  std::vector<float> values(96 * 3);
  for (size_t i = 0; i < values.size(); i++) values[i] = float(i);
  const DeviceArray<float> input(values);
  DeviceArray<float> output(values.size(), 0);
  CHECK_CLEAN(findings_of<reverse_kernel>(3, 96, 0, input.data(), output.data()));
  for (size_t i = 0; i < values.size(); i++) CHECK_EQUAL(output[i], float(i / 96 * 96 + 95 - i % 96));
}

TEST("shuffles and votes give the results of CUDA") {
  std::vector<int> numbers(64);
  for (int i = 0; i < 64; i++) numbers[size_t(i)] = i;
  const DeviceArray<int> input(numbers);
  DeviceArray<int> sums(64, 0);
  CHECK_CLEAN(findings_of<warp_sum_kernel>(1, 64, 0, input.data(), sums.data()));
  for (size_t i = 0; i < 64; i++) CHECK_EQUAL(sums[i], i < 32 ? 496 : 496 + 1024);

  DeviceArray<int> output(160, -1);
  CHECK_CLEAN(findings_of<shuffle_kernel>(1, 32, 0, output.data()));
  for (int lane = 0; lane < 32; lane++) {
    CHECK_EQUAL(output[size_t(lane)], (lane + 5) % 32 * 10);
    CHECK_EQUAL(output[size_t(32 + lane)], lane < 28 ? lane + 4 : lane);
    CHECK_EQUAL(output[size_t(64 + lane)], lane >= 4 ? lane - 4 : lane);
    CHECK_EQUAL(unsigned(output[size_t(96 + lane)]), 0x49249249u);
    CHECK_EQUAL(output[size_t(128 + lane)], 2);
  }
}

TEST("parts of a warp may diverge when their masks say so") {
  DeviceArray<int> output(32, -1);
  CHECK_CLEAN(findings_of<halves_kernel>(1, 32, 0, output.data()));
  for (int lane = 0; lane < 32; lane++) CHECK_EQUAL(output[size_t(lane)], lane < 16 ? lane ^ 1 : lane ^ 2);
}

TEST("__syncwarp() orders the shared memory of a warp") {
  DeviceArray<int> output(64, -1);
  CHECK_CLEAN(findings_of<warp_exchange_kernel>(1, 64, 0, output.data()));
  for (int i = 0; i < 64; i++) CHECK_EQUAL(output[size_t(i)], (i ^ 1) * 10 + 2);
}

TEST("atomics add up over threads and blocks") {
  DeviceArray<int> total(1, 0), least(1, 0);
  CHECK_CLEAN(findings_of<atomics_kernel>(7, 130, 0, total.data(), least.data()));
  CHECK_EQUAL(total[0], 7 * 130);
  CHECK_EQUAL(least[0], -7);
}

TEST("__syncthreads_or() gives all threads the value of one, at each call anew") {
  DeviceArray<int> output(96, -1);
  CHECK_CLEAN(findings_of<any_kernel>(1, 96, 0, output.data()));
  for (size_t i = 0; i < 96; i++) CHECK_EQUAL(output[i], 2);
}

TEST("asynchronous copies arrive once they are waited for") {
  std::vector<float> values(256);
  for (size_t i = 0; i < 256; i++) values[i] = float(i);
  const DeviceArray<float> input(values);
  DeviceArray<float> output(256, -1);
  CHECK_CLEAN(findings_of<copies_kernel>(1, 32, 1024, input.data(), output.data()));
  for (size_t i = 0; i < 128; i++) {
    CHECK_EQUAL(output[i], float(124 - i / 4 * 4 + i % 4));
    const size_t source = 252 - i / 4 * 4 + i % 4;  // those from 192 on are the zeros of absent copies
    CHECK_EQUAL(output[128 + i], source < 192 ? float(source) : 0.0f);
  }
}

TEST("an asynchronous copy of a part is followed by zeros") {
  const DeviceArray<uint32_t> input(17 * 4, 0x01010101u);
  DeviceArray<uint32_t> output(17 * 4, 7);
  CHECK_CLEAN(findings_of<part_copies_kernel>(1, 17, 17 * 16, input.data(), output.data()));
  for (int i = 0; i < 17; i++) {
    for (int byte = 0; byte < 16; byte++) {
      CHECK_EQUAL(output[size_t(i * 4 + byte / 4)] >> byte % 4 * 8 & 0xff, uint32_t(byte < i));
    }
  }
}

TEST("matrix loads give lanes the words of rows, transposed the elements of columns") {
  std::vector<uint32_t> words(128);  // element e of the four matrices is e
  for (uint32_t i = 0; i < 128; i++) words[i] = 2 * i | (2 * i + 1) << 16;
  const DeviceArray<uint32_t> input(words);
  DeviceArray<uint32_t> output(256, 0);
  CHECK_CLEAN(findings_of<matrices_kernel>(1, 32, 512, input.data(), output.data()));
  for (uint32_t matrix = 0; matrix < 4; matrix++) {
    for (uint32_t lane = 0; lane < 32; lane++) {
      const uint32_t row = lane / 4, pair = lane % 4 * 2, first = matrix * 64;
      CHECK_EQUAL(output[matrix * 32 + lane], (first + row * 8 + pair) | (first + row * 8 + pair + 1) << 16);
      CHECK_EQUAL(output[128 + matrix * 32 + lane], (first + pair * 8 + row) | (first + (pair + 1) * 8 + row) << 16);
    }
  }
}

TEST("the tensor-core product equals a product of matrices") {
  std::mt19937 random(1);
  const auto number = [&] { return float(int(random() % 33) - 16); };  // exact as BF16, and in every sum
  const auto bits = [](float value) { return uint16_t(std::bit_cast<uint32_t>(value) >> 16); };
  std::vector<float> a(256), b(128), c(128);
  std::vector<uint16_t> a_bits, b_bits;
  for (float& value : a) a_bits.push_back(bits(value = number()));
  for (float& value : b) b_bits.push_back(bits(value = number()));
  for (float& value : c) value = number();
  const DeviceArray<uint16_t> left(a_bits), right(b_bits);
  const DeviceArray<float> sums(c);
  DeviceArray<float> output(128, -1);
  CHECK_CLEAN(findings_of<product_kernel>(1, 32, 0, left.data(), right.data(), sums.data(), output.data()));
  for (size_t row = 0; row < 16; row++) {
    for (size_t column = 0; column < 8; column++) {
      float expected = c[row * 8 + column];
      for (size_t k = 0; k < 16; k++) expected += a[row * 16 + k] * b[column * 16 + k];
      CHECK_EQUAL(output[row * 8 + column], expected);
    }
  }
}

int main() { return check::run_all(); }
